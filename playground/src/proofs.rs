//! Whether proofs and heads of logs hold, as JSON.

use serde_json::{Value, json};
use velum_ledger::checkpoint::Trust;
use velum_ledger::note::{Algorithm, VerifierKey};
use velum_ledger::tlog_proof::TlogProof;

/// Whether a proof holds for its record: as `velum audit check-proof` says it.
pub(crate) fn verify_proof(proof: &[u8], leaf: &[u8], keys: &str) -> Value {
    let outcome = (|| {
        let trust = trust(keys)?;
        let proof = TlogProof::parse(proof).map_err(|error| format!("proof: {error}"))?;
        let leaf = match proof.extra() {
            _ if !leaf.is_empty() => leaf,
            Some(leaf) => leaf,
            None => return Err("the proof does not have its record".to_owned()),
        };
        let head = proof
            .verify(leaf, &trust)
            .map_err(|error| error.to_string())?;
        let head = head.checkpoint();
        Ok(json!({
            "holds": true,
            "origin": head.origin(),
            "size": head.size(),
            "root": head.root().to_string(),
            "index": proof.index(),
            "record": String::from_utf8_lossy(leaf),
        }))
    })();
    outcome.unwrap_or_else(|reason| refused(&reason))
}

/// Whether the head of a log is one to believe.
pub(crate) fn verify_checkpoint(checkpoint: &[u8], keys: &str) -> Value {
    let outcome = trust(keys).and_then(|trust| {
        let head = trust.open(checkpoint).map_err(|error| error.to_string())?;
        let head = head.checkpoint();
        Ok(json!({
            "holds": true,
            "origin": head.origin(),
            "size": head.size(),
            "root": head.root().to_string(),
        }))
    });
    outcome.unwrap_or_else(|reason| refused(&reason))
}

fn refused(reason: &str) -> Value {
    json!({"holds": false, "reason": reason})
}

/// The log that these keys sign for; all of their witnesses must have cosigned.
fn trust(keys: &str) -> Result<Trust, String> {
    let lines = (1..).zip(keys.lines().map(str::trim));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let (mut log, mut witnesses): (Vec<VerifierKey>, Vec<VerifierKey>) = (Vec::new(), Vec::new());
    for (number, line) in lines {
        let key: VerifierKey = line
            .parse()
            .map_err(|error| format!("keys, line {number}: {error}"))?;
        match key.algorithm() {
            Algorithm::Ed25519 => log.push(key),
            Algorithm::CosignatureV1 => witnesses.push(key),
        }
    }
    let mut names = log.iter().map(|key| key.name().as_str());
    let Some(name) = names.next().map(str::to_owned) else {
        return Err("keys: none of a log: one `name+id+base64` a line".to_owned());
    };
    if names.any(|other| other != name) {
        return Err("keys: they are of different logs".to_owned());
    }
    let needed = witnesses.len();
    let trust = Trust::new(name, log).and_then(|trust| trust.with_witnesses(witnesses, needed));
    trust.map_err(|error| format!("keys: {error}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use velum_ledger::checkpoint::Checkpoint;
    use velum_ledger::hash::{leaf_hash, node_hash};
    use velum_ledger::note::{Note, NoteSigner};

    use super::*;

    const ORIGIN: &str = "log.example/audit";

    fn signer(seed: u8) -> NoteSigner {
        NoteSigner::from_seed(ORIGIN.parse().unwrap(), &[seed; 32])
    }

    fn key(seed: u8) -> String {
        signer(seed).verifier().to_string()
    }

    fn head() -> Note {
        let root = node_hash(&leaf_hash(b"first"), &leaf_hash(b"second"));
        let checkpoint = Checkpoint::new(ORIGIN, 2, root).unwrap();
        checkpoint.sign(&[&signer(7)]).unwrap()
    }

    fn proof(extra: Option<&[u8]>) -> String {
        let proof = TlogProof::new(1, vec![leaf_hash(b"first")], head()).unwrap();
        match extra {
            Some(extra) => proof.with_extra(extra.to_vec()).unwrap().to_string(),
            None => proof.to_string(),
        }
    }

    #[test]
    fn a_proof_holds_for_its_record_and_no_other() {
        let held = verify_proof(proof(None).as_bytes(), b"second", &key(7));
        assert_eq!(held["holds"], true);
        assert_eq!(held["origin"], ORIGIN);
        assert_eq!((&held["index"], &held["size"]), (&json!(1), &json!(2)));
        let own = verify_proof(proof(Some(b"second")).as_bytes(), b"", &key(7));
        assert_eq!(
            (&own["holds"], &own["record"]),
            (&json!(true), &json!("second"))
        );
        for (proof, leaf, keys) in [
            (proof(None), &b"another"[..], key(7)),
            (proof(None), b"", key(7)),
            (proof(Some(b"another")), b"", key(7)),
            (proof(None), b"second", key(8)),
            (proof(None), b"second", String::new()),
            (proof(None), b"second", "nonsense".to_owned()),
            (proof(None).replace("index 1", "index 0"), b"second", key(7)),
            (String::new(), b"second", key(7)),
        ] {
            let refused = verify_proof(proof.as_bytes(), leaf, &keys);
            assert_eq!(refused["holds"], false, "{proof} {keys}");
            assert!(refused["reason"].is_string());
        }
    }

    #[test]
    fn a_head_is_believed_by_its_logs_key_only() {
        let head = head().to_string();
        let good = verify_checkpoint(head.as_bytes(), &format!("# ours\n{}\n", key(7)));
        assert_eq!((&good["holds"], &good["size"]), (&json!(true), &json!(2)));
        for bad in [head.replace("\n2\n", "\n3\n"), String::new()] {
            assert_eq!(verify_checkpoint(bad.as_bytes(), &key(7))["holds"], false);
        }
        assert_eq!(verify_checkpoint(head.as_bytes(), &key(8))["holds"], false);
    }

    #[test]
    fn the_samples_of_the_page_are_what_is_made_here() {
        let leaf = include_str!("../../approval/tests/golden/leaf-used.json");
        let leaf: Value = serde_json::from_str(leaf).unwrap();
        let leaf = leaf.to_string();
        let hashes = ["first", "second", &leaf, "fourth"].map(|text| leaf_hash(text.as_bytes()));
        let left = node_hash(&hashes[0], &hashes[1]);
        let root = node_hash(&left, &node_hash(&hashes[2], &hashes[3]));
        let name = "log.example/audit/2026";
        let signer = NoteSigner::from_seed(name.parse().unwrap(), &[9; 32]);
        let head = Checkpoint::new(name, 4, root).unwrap();
        let head = head.sign(&[&signer]).unwrap();
        let proof = TlogProof::new(2, vec![hashes[3], left], head).unwrap();
        let proof = proof.with_extra(leaf.into_bytes()).unwrap();
        let key = format!("{}\n", signer.verifier());
        for (file, written) in [("record.tlog-proof", proof.to_string()), ("log.vkey", key)] {
            let path = format!("{}/www/samples/{file}", env!("CARGO_MANIFEST_DIR"));
            if std::env::var_os("VELUM_WRITE_GOLDEN").is_some() {
                std::fs::write(&path, &written).unwrap();
            }
            let kept = std::fs::read_to_string(&path).unwrap_or_default();
            assert_eq!(kept, written, "{file}: VELUM_WRITE_GOLDEN=1 writes it");
        }
        let kept = verify_proof(
            proof.to_string().as_bytes(),
            b"",
            &signer.verifier().to_string(),
        );
        assert_eq!(kept["holds"], true);
    }

    #[test]
    fn keys_of_several_logs_are_refused() {
        let other = NoteSigner::from_seed("other.example".parse().unwrap(), &[7; 32]);
        let keys = format!("{}\n{}", key(7), other.verifier());
        let refused = verify_checkpoint(head().to_string().as_bytes(), &keys);
        assert_eq!(refused["reason"], "keys: they are of different logs");
    }
}
