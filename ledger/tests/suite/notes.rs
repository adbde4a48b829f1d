//! Notes and checkpoints beside `signed_note` and `tlog_tiles`, both ways.

use proptest::prelude::*;
use signed_note::{StandardSigner, StandardVerifier, VerifierList};
use velum_ledger::checkpoint::{Checkpoint, Trust};
use velum_ledger::hash::{Hash, leaf_hash};
use velum_ledger::note::{KeyName, Note, NoteSigner, VerifierKey};
use velum_ledger::tree::MOST_LEAVES;

/// A secret key as Go and `signed_note` write it, and ours of the same.
fn both(name: &str, seed: u8) -> (StandardSigner, NoteSigner) {
    use base64::Engine as _;
    let ours = NoteSigner::from_seed(name.parse().unwrap(), &[seed; 32]);
    let secret = [&[1][..], &[seed; 32]].concat();
    let secret = base64::engine::general_purpose::STANDARD.encode(secret);
    let text = format!("PRIVATE+KEY+{name}+{}+{secret}", ours.verifier().id());
    (StandardSigner::new(&text).unwrap(), ours)
}

fn their_verifiers(keys: &[&VerifierKey]) -> VerifierList {
    let verifier = |key: &&VerifierKey| StandardVerifier::new(&key.to_string()).unwrap();
    let boxed = |verifier| Box::new(verifier) as Box<dyn signed_note::Verifier>;
    VerifierList::new(keys.iter().map(verifier).map(boxed).collect())
}

#[test]
fn each_believes_what_the_other_signed() {
    let (their_one, our_one) = both("one.example/log", 1);
    let (their_two, our_two) = both("two.example", 2);
    let text = "first line\n\n— looks like a signature\nlast line\n";

    let mut ours = Note::new(text).unwrap();
    ours.sign(&[&our_one, &our_two]).unwrap();
    let mut theirs = signed_note::Note::new(text.as_bytes(), &[]).unwrap();
    theirs.add_sigs(&[&their_one, &their_two]).unwrap();
    // Ed25519 signs the same in the same way.
    assert_eq!(ours.to_string().as_bytes(), theirs.to_bytes());

    let parsed = signed_note::Note::from_bytes(ours.to_string().as_bytes()).unwrap();
    for keys in [
        &[our_one.verifier()][..],
        &[our_two.verifier(), our_one.verifier()],
    ] {
        let (known, unknown) = parsed.verify(&their_verifiers(keys)).unwrap();
        assert_eq!((known.len(), unknown.len()), (keys.len(), 2 - keys.len()));
        let keys: Vec<_> = keys.iter().map(|key| (*key).clone()).collect();
        let note = Note::parse(&theirs.to_bytes()).unwrap();
        assert_eq!(note.verify(&keys).unwrap().len(), known.len());
    }
}

#[test]
fn checkpoints_are_those_of_tlog_tiles() {
    let root = leaf_hash(b"a");
    for (size, extensions) in [(1, &[][..]), (MOST_LEAVES, &["more", "even more"])] {
        let mut ours = Checkpoint::new("log.example/audit", size, root).unwrap();
        for line in extensions {
            ours = ours.with_extension(*line).unwrap();
        }
        let extension: String = extensions.iter().flat_map(|line| [line, "\n"]).collect();
        let their_root = tlog_tiles::Hash(*root.as_bytes());
        let theirs =
            tlog_tiles::Checkpoint::new("log.example/audit", size, their_root, &extension).unwrap();
        assert_eq!(ours.to_string().as_bytes(), theirs.to_bytes());
        let parsed = String::from_utf8(theirs.to_bytes()).unwrap().parse();
        assert_eq!(parsed, Ok(ours));
    }
}

#[test]
fn a_checkpoint_signed_elsewhere_is_opened() {
    let (their_key, our_key) = both("log.example", 7);
    let root = tlog_tiles::Hash(*leaf_hash(b"a").as_bytes());
    let checkpoint = tlog_tiles::Checkpoint::new("log.example", 1, root, "").unwrap();
    let mut note = signed_note::Note::new(&checkpoint.to_bytes(), &[]).unwrap();
    note.add_sigs(&[&their_key]).unwrap();
    let trust = Trust::new("log.example", vec![our_key.verifier().clone()]).unwrap();
    let opened = trust.open(&note.to_bytes()).unwrap();
    assert_eq!(opened.checkpoint().root(), &leaf_hash(b"a"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn keys_have_the_same_text(name in "[^+\\s\\x00-\\x1f]{1,20}", seed in any::<[u8; 32]>()) {
        let signer = NoteSigner::from_seed(name.parse().unwrap(), &seed);
        let text = signer.verifier().to_string();
        prop_assert!(StandardVerifier::new(&text).is_ok());
        let parsed: VerifierKey = text.parse().unwrap();
        prop_assert_eq!(&parsed, signer.verifier());
    }

    #[test]
    fn names_are_those_of_signed_note(name in ".{0,6}") {
        let theirs = signed_note::is_key_name_valid(&name);
        // A control character can be in no note.
        let theirs = theirs && !name.chars().any(|next| next < ' ');
        prop_assert_eq!(name.parse::<KeyName>().is_ok(), theirs);
    }

    #[test]
    fn any_text_is_signed_and_read_by_both(lines in prop::collection::vec("[ -~é—]{0,12}", 1..6)) {
        let text: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
        let (_, signer) = both("a.example", 3);
        let mut note = Note::new(text.as_str()).unwrap();
        note.sign(&[&signer]).unwrap();
        let whole = note.to_string();
        prop_assert_eq!(&Note::parse(whole.as_bytes()).unwrap(), &note);
        let theirs = signed_note::Note::from_bytes(whole.as_bytes()).unwrap();
        prop_assert_eq!(theirs.text(), text.as_bytes());
        prop_assert!(theirs.verify(&their_verifiers(&[signer.verifier()])).is_ok());
    }

    #[test]
    fn what_is_nearly_a_note_is_one_to_both_or_to_none(
        whole in "([a-c— ]{0,3}\n){0,4}(\n)?(— [a-b+ ]{1,2} (AAAAAAE=|AAAAAAAA|AAAA|AA=A|))?(\n)?",
    ) {
        let ours = Note::parse(whole.as_bytes()).is_ok();
        prop_assert_eq!(ours, signed_note::Note::from_bytes(whole.as_bytes()).is_ok(), "{:?}", whole);
    }

    #[test]
    fn a_checkpoint_comes_back(
        origin in "[^\\x00-\\x1f]{1,20}", size in 1..=MOST_LEAVES, root in any::<[u8; 32]>(),
        extensions in prop::collection::vec("[^\\x00-\\x1f]{1,10}", 0..4),
    ) {
        let mut checkpoint = Checkpoint::new(origin, size, Hash::from_bytes(root)).unwrap();
        for line in extensions {
            checkpoint = checkpoint.with_extension(line).unwrap();
        }
        let text = checkpoint.to_string();
        let theirs = tlog_tiles::Checkpoint::from_bytes(text.as_bytes());
        prop_assert_eq!(theirs.unwrap().size(), size);
        prop_assert_eq!(text.parse(), Ok(checkpoint));
    }
}
