//! What a disk holds when the power is lost, told from a journal of what was done to its files.
//!
//! A flush of a file covers what was written to it before the flush began, and no name of it: names are kept by a
//! flush of the folder. Everything else may be on the disk or not. Of names that were not flushed the disk has the
//! first ones and not the others, as file systems with a journal of their own keep them.

use std::collections::BTreeMap;
use std::ops::Range;

/// What is between the beginnings of two entries beside the bytes: kind, name, place, length.
const HEAD: usize = 64;
/// What a disk writes whole.
const SECTOR: usize = 512;

/// What was done to the files of a folder, in its order.
pub(crate) struct Journal {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

struct Entry {
    begin: usize,
    end: usize,
    name: String,
    step: Step,
}

enum Step {
    Create,
    Write { at: usize, bytes: Range<usize> },
    Cut { to: usize },
    Remove,
    Rename { to: String },
    Flush { since: usize },
}

/// What becomes of what was not flushed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Luck {
    /// All of it has reached the disk.
    All,
    /// It is gone.
    None,
    /// Some of it has reached the disk, in any order, and a write of it in part; which, by this number.
    Some(u64),
}

/// The files of a folder by their names, and how many writes to them are not there.
pub(crate) struct Folder {
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    pub(crate) lost: usize,
}

impl Journal {
    pub(crate) fn read(bytes: Vec<u8>) -> Journal {
        let (mut entries, mut begin) = (Vec::new(), 0);
        // An entry that was being written when the process was killed is none.
        while let Some(entry) = Entry::read(&bytes, begin) {
            begin = entry.end;
            entries.push(entry);
        }
        Journal { bytes, entries }
    }

    /// How long the journal was before the end of each flush, and behind it.
    pub(crate) fn flushes(&self) -> Vec<(usize, usize)> {
        self.flushes_of(|_| true)
    }

    /// The same of the database itself: what is in its log of writes was moved there.
    pub(crate) fn moves(&self) -> Vec<(usize, usize)> {
        self.flushes_of(|name| name == "velum.sqlite")
    }

    fn flushes_of(&self, is_meant: impl Fn(&str) -> bool) -> Vec<(usize, usize)> {
        let is_flush = |entry: &&Entry| {
            matches!(entry.step, Step::Flush { .. }) && is_meant(entry.name.as_str())
        };
        let flushes = self.entries.iter().filter(is_flush);
        flushes.map(|entry| (entry.begin, entry.end)).collect()
    }

    /// What is on the disk when the power is lost while the journal has this length.
    pub(crate) fn folder(&self, length: usize, luck: Luck) -> Folder {
        let mut dice = match luck {
            Luck::All | Luck::None => None,
            Luck::Some(seed) => Some(Dice(seed)),
        };
        let done = self.entries.iter().take_while(|it| it.end <= length);
        let mut disk = Disk::after(done);
        if matches!(luck, Luck::All) {
            disk.flush();
        }
        let (mut files, mut lost) = (BTreeMap::new(), 0);
        for (name, file) in disk.names(dice.as_mut()) {
            let (image, missing) = disk.files[file].image(&self.bytes, dice.as_mut());
            lost += missing;
            files.insert(name.to_owned(), image);
        }
        Folder { files, lost }
    }
}

impl Entry {
    fn read(journal: &[u8], begin: usize) -> Option<Entry> {
        let head = journal.get(begin..begin + HEAD)?;
        let number = |at: usize| {
            let bytes = head[at..at + 8].try_into().unwrap();
            usize::try_from(u64::from_ne_bytes(bytes)).unwrap()
        };
        let name = head[1..48].split(|byte| *byte == 0).next()?;
        let (at, length) = (number(48), number(56));
        let bytes = begin + HEAD..begin + HEAD + length;
        let rest = journal.get(bytes.clone())?;
        let step = match head[0] {
            b'C' => Step::Create,
            b'W' => Step::Write { at, bytes },
            b'T' => Step::Cut { to: at },
            b'U' => Step::Remove,
            b'R' => Step::Rename {
                to: String::from_utf8(rest.to_vec()).unwrap(),
            },
            b'S' => Step::Flush { since: at },
            other => panic!("an entry of kind {other}"),
        };
        Some(Entry {
            begin,
            end: begin + HEAD + length,
            name: String::from_utf8(name.to_vec()).unwrap(),
            step,
        })
    }
}

/// What was done until the power was lost, by file.
#[derive(Default)]
struct Disk<'j> {
    files: Vec<FileOf<'j>>,
    /// What was done to names, with where the journal says so.
    naming: Vec<(usize, Naming<'j>)>,
    /// How far names are kept.
    flushed: usize,
}

/// A file under whatever name.
#[derive(Default)]
struct FileOf<'j> {
    steps: Vec<(usize, &'j Step)>,
    /// How far they are kept.
    flushed: usize,
}

enum Naming<'j> {
    Given(&'j str, usize),
    Taken(&'j str),
    Moved(&'j str, &'j str, usize),
}

impl<'j> Disk<'j> {
    fn after(entries: impl Iterator<Item = &'j Entry>) -> Disk<'j> {
        let mut disk = Disk::default();
        let mut named = BTreeMap::<&str, usize>::new();
        for entry in entries {
            let (begin, name) = (entry.begin, entry.name.as_str());
            match &entry.step {
                Step::Create => {
                    let file = disk.files.len();
                    disk.files.push(FileOf::default());
                    named.insert(name, file);
                    disk.naming.push((begin, Naming::Given(name, file)));
                }
                Step::Remove => {
                    named.remove(name);
                    disk.naming.push((begin, Naming::Taken(name)));
                }
                Step::Rename { to } => {
                    let file = named.remove(name).unwrap();
                    named.insert(to, file);
                    disk.naming.push((begin, Naming::Moved(name, to, file)));
                }
                Step::Flush { since } => {
                    let flushed = match name {
                        "." => &mut disk.flushed,
                        name => &mut disk.files[named[name]].flushed,
                    };
                    *flushed = (*flushed).max(*since);
                }
                step => disk.files[named[name]].steps.push((begin, step)),
            }
        }
        disk
    }

    /// Flushes everything.
    fn flush(&mut self) {
        self.flushed = usize::MAX;
        for file in &mut self.files {
            file.flushed = usize::MAX;
        }
    }

    fn names(&self, dice: Option<&mut Dice>) -> BTreeMap<&'j str, usize> {
        let is_kept = |(begin, _): &&(usize, Naming<'_>)| *begin < self.flushed;
        let kept = self.naming.iter().take_while(is_kept).count();
        let more = dice.map_or(0, |dice| dice.below(self.naming.len() - kept + 1));
        let mut names = BTreeMap::new();
        for (_, naming) in &self.naming[..kept + more] {
            match *naming {
                Naming::Given(name, file) => _ = names.insert(name, file),
                Naming::Taken(name) => _ = names.remove(name),
                Naming::Moved(from, to, file) => {
                    names.remove(from);
                    names.insert(to, file);
                }
            }
        }
        names
    }
}

impl FileOf<'_> {
    /// Its bytes, and how many of the writes are not in them.
    fn image(&self, journal: &[u8], dice: Option<&mut Dice>) -> (Vec<u8>, usize) {
        let flushed = self.steps.partition_point(|it| it.0 < self.flushed);
        let mut image = Vec::new();
        for (_, step) in &self.steps[..flushed] {
            apply(&mut image, step, journal);
        }
        let mut open: Vec<&Step> = self.steps[flushed..].iter().map(|it| it.1).collect();
        let all = open.len();
        let Some(dice) = dice else {
            return (image, all);
        };
        // Few are missing, or many: whoever loses every other one never meets a commit that lacks one.
        let one_in = [2, 8, 64][dice.below(3)];
        open.retain(|_| dice.below(one_in) != 0);
        dice.shuffle(&mut open);
        let is_large =
            |step: &&Step| matches!(step, Step::Write { bytes, .. } if bytes.len() > SECTOR);
        let torn = open.iter().position(is_large);
        for (index, step) in open.iter().enumerate() {
            match step {
                Step::Write { at, bytes } if torn == Some(index) => {
                    let part = dice.part(*at, bytes.clone());
                    apply(&mut image, &part, journal);
                }
                step => apply(&mut image, step, journal),
            }
        }
        (image, all - open.len())
    }
}

fn apply(image: &mut Vec<u8>, step: &Step, journal: &[u8]) {
    match step {
        Step::Write { at, bytes } => {
            let end = at + bytes.len();
            image.resize(image.len().max(end), 0);
            image[*at..end].copy_from_slice(&journal[bytes.clone()]);
        }
        Step::Cut { to } => image.resize(*to, 0),
        _ => unreachable!("no step of a file's bytes"),
    }
}

/// Numbers that are the same in every run (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let bound = u64::try_from(bound).unwrap();
        usize::try_from((mixed ^ (mixed >> 31)) % bound).unwrap()
    }

    fn shuffle<T>(&mut self, all: &mut [T]) {
        for index in (1..all.len()).rev() {
            all.swap(index, self.below(index + 1));
        }
    }

    /// The beginning or the end of a write, cut where a sector ends.
    fn part(&mut self, at: usize, bytes: Range<usize>) -> Step {
        let within = (at / SECTOR + 1) * SECTOR - at;
        let cuts = (bytes.len() - 1 - within.min(bytes.len() - 1)) / SECTOR + 1;
        let cut = (within + self.below(cuts) * SECTOR).min(bytes.len());
        if self.below(2) == 0 {
            let bytes = bytes.start..bytes.start + cut;
            Step::Write { at, bytes }
        } else {
            let bytes = bytes.start + cut..bytes.end;
            Step::Write {
                at: at + cut,
                bytes,
            }
        }
    }
}
