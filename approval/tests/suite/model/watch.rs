//! What a release may be, said without the code that decides it: by what people said, value for value.

use stateright::Property;
use velum_approval::{Scope, State};
use velum_engine::Class;

use super::{Explored, LIFE, PEOPLE, QUORUM, Step};

/// What somebody approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Said {
    /// All that was asked.
    All,
    /// Names, for one tick.
    Name,
    /// Names and dates of ten records.
    Ten,
    /// Dates: with [`Said::Name`] that is nothing.
    Date,
}

impl Said {
    pub(super) const ALL: [Said; 4] = [Said::All, Said::Name, Said::Ten, Said::Date];

    /// Whether a value of this class in this record, counted from 1, may be shown by it.
    fn shows(self, class: Class, record: u64) -> bool {
        match self {
            Said::All => true,
            Said::Name => class == Class::Name,
            Said::Ten => class != Class::Mrn && record <= 10,
            Said::Date => class == Class::Date,
        }
    }
}

/// Something that left.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, which a property asks for"
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Release {
    /// Whether it is a use, and not the same answer again.
    pub(super) is_fresh: bool,
    pub(super) is_narrower: bool,
    pub(super) is_wider: bool,
    /// Whether it is for another request than the one that was asked.
    pub(super) is_other: bool,
    pub(super) clock: u8,
    pub(super) policy: u8,
    pub(super) is_stopped: bool,
}

/// What has happened, as far as a release depends on it.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, which a property asks for"
)]
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Watch {
    /// Each person's present yes.
    yes: [Option<Said>; PEOPLE.len()],
    /// When the grant ends, since there is one.
    ends: Option<u8>,
    is_denied: bool,
    pub(super) is_revoked: bool,
    /// Whether something that was over has changed.
    pub(super) has_revived: bool,
    /// Whether a vote counted that was cast on an earlier version.
    counted_stale: bool,
    /// How often each stream has used it.
    uses: [u8; 4],
    /// When each stream used it.
    used_at: [u8; 4],
    /// What this step released.
    pub(super) release: Option<(u8, Release)>,
}

impl Watch {
    /// Whether it permits a value that one of those who agreed did not.
    pub(super) fn exceeds(&self, scope: &Scope) -> bool {
        let permits = |class, record| {
            scope.classes.contains(class) && scope.limits.records.is_none_or(|most| record <= most)
        };
        [Class::Name, Class::Date, Class::Mrn, Class::Ssn]
            .into_iter()
            .flat_map(|class| [1, 10, 11].map(|record| (class, record)))
            .any(|(class, record)| {
                let agreed = self.yes.iter().flatten();
                let is_shown = class != Class::Ssn
                    && agreed.clone().count() > 0
                    && agreed.clone().all(|said| said.shows(class, record));
                permits(class, record) && !is_shown
            })
    }

    pub(super) fn voted(&mut self, step: Step, clock: u8) {
        match step {
            Step::Approve {
                person,
                said,
                is_stale,
            } => {
                self.yes[person] = Some(said);
                self.counted_stale |= is_stale;
                let agreed = self.yes.iter().flatten();
                if agreed.clone().count() >= QUORUM as usize {
                    let is_short = agreed.clone().any(|said| *said == Said::Name);
                    self.ends = Some(clock + if is_short { 1 } else { LIFE });
                }
            }
            Step::TakeBack { person } => self.yes[person] = None,
            _ => self.is_denied = true,
        }
    }

    pub(super) fn released(&mut self, stream: u8, release: Release) {
        if release.is_fresh {
            self.uses[usize::from(stream)] += 1;
            self.used_at[usize::from(stream)] = release.clock;
        }
        self.release = Some((stream, release));
    }

    /// The same with people and streams in another order.
    pub(super) fn seen_as(&self, people: [usize; PEOPLE.len()], streams: [usize; 4]) -> Watch {
        let place = |stream: u8| {
            let place = streams.iter().position(|&it| it == usize::from(stream));
            u8::try_from(place.unwrap_or_default()).unwrap_or_default()
        };
        Watch {
            yes: people.map(|person| self.yes[person]),
            uses: streams.map(|stream| self.uses[stream]),
            used_at: streams.map(|stream| self.used_at[stream]),
            release: self
                .release
                .map(|(stream, release)| (place(stream), release)),
            ..self.clone()
        }
    }

    fn fresh(&self) -> Option<Release> {
        self.release
            .map(|(_, release)| release)
            .filter(|release| release.is_fresh)
    }

    fn everything(&self) -> Option<Release> {
        self.release.map(|(_, release)| release)
    }
}

/// What always is, and what has to be possible.
pub(super) fn properties(explored: &Explored) -> Vec<Property<Explored>> {
    type Holds = fn(&Watch) -> bool;
    macro_rules! of_watch {
        ($name:literal, $holds:expr) => {{
            const HOLDS: Holds = $holds;
            Property::<Explored>::always($name, |_, world| HOLDS(&world.watch))
        }};
    }
    macro_rules! reached {
        ($name:literal, $holds:expr) => {{
            const HOLDS: fn(&Release, &Watch) -> bool = $holds;
            Property::<Explored>::sometimes($name, |_, world| {
                let release = world.watch.everything();
                release.is_some_and(|release| HOLDS(&release, &world.watch))
            })
        }};
    }
    let mut properties = vec![
        of_watch!(
            "a use has enough people behind it, none of them the requester's",
            |watch| {
                let [requester, ..] = watch.yes;
                let people = watch.yes.iter().flatten().count();
                watch.fresh().is_none() || requester.is_none() && people >= QUORUM as usize
            }
        ),
        of_watch!("nothing is used after its end", |watch| {
            watch
                .fresh()
                .is_none_or(|release| watch.ends.is_some_and(|ends| release.clock < ends))
        }),
        Property::<Explored>::always(
            "nothing is used more often than granted",
            |explored: &Explored, world| {
                let uses = world.watch.uses;
                uses.iter().all(|many| *many <= 1)
                    && u32::from(uses.iter().sum::<u8>()) <= explored.opened.uses
            },
        ),
        of_watch!("no release is wider than what all agreed to", |watch| {
            watch.fresh().is_none_or(|release| !release.is_wider)
        }),
        of_watch!("no release is for another request", |watch| {
            watch.everything().is_none_or(|release| !release.is_other)
        }),
        of_watch!(
            "nothing is released while it is stopped, nor once it is revoked",
            |watch| {
                watch
                    .everything()
                    .is_none_or(|release| !release.is_stopped && !watch.is_revoked)
            }
        ),
        of_watch!(
            "nothing is used under another policy than it was asked under",
            |watch| { watch.fresh().is_none_or(|release| release.policy == 1) }
        ),
        of_watch!(
            "the same answer again is for the stream that had it, for a tick",
            |watch| {
                watch.release.is_none_or(|(stream, release)| {
                    let stream = usize::from(stream);
                    watch.uses[stream] > 0
                        && release.clock.saturating_sub(watch.used_at[stream]) <= 1
                })
            }
        ),
        Property::<Explored>::always("a no is final", |_, world| {
            !world.watch.is_denied
                || world.approval.state == State::Denied && world.watch.release.is_none()
        }),
        of_watch!("what is over stays over", |watch| !watch.has_revived),
        of_watch!("a vote on what has changed since does not count", |watch| {
            !watch.counted_stale
        }),
        reached!("all of it is released", |release, _| release.is_fresh
            && !release.is_narrower),
        reached!("less of it is released", |release, _| release.is_fresh
            && release.is_narrower),
        reached!("the same answer is given again", |release, _| !release
            .is_fresh),
        reached!("what two agree to in part is released", |release, watch| {
            let has = |said| watch.yes.contains(&Some(said));
            release.is_fresh && has(Said::Name) && has(Said::Ten)
        }),
        Property::<Explored>::sometimes("every use is made", |explored: &Explored, world| {
            u32::from(world.watch.uses.iter().sum::<u8>()) == explored.opened.uses
        }),
        Property::<Explored>::sometimes("what was used is taken back", |_, world| {
            world.watch.is_revoked && world.watch.uses.iter().sum::<u8>() > 0
        }),
        Property::<Explored>::sometimes("it ends for each reason", |_, world| {
            world.approval.state == State::Superseded
        }),
        Property::<Explored>::sometimes("it expires unused", |_, world| {
            world.approval.state == State::Expired && world.watch.ends.is_some()
        }),
        Property::<Explored>::sometimes("people agree to nothing in common", |_, world| {
            world.approval.state == State::Denied && !world.watch.is_denied
        }),
    ];
    // One who has taken a yes back, and two who have said it since.
    if explored.most_votes > 3 {
        properties.push(Property::<Explored>::sometimes(
            "three have voted before a release",
            |_, world| {
                let people = PEOPLE.iter().skip(1).filter(|&person| {
                    let mut votes = world.approval.votes.iter();
                    votes.any(|vote| vote.person.as_str() == *person)
                });
                people.count() == 3 && world.watch.fresh().is_some()
            },
        ));
    }
    properties
}
