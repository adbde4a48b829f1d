//! Security keys, and what they have counted to.

use velum_approval::record::CredentialEvent;
use velum_approval::{Credential, CredentialId, CredentialKey, KeyCoordinate, PersonId, Record};

use super::super::{Change, Operation, SealedKey, StoreError, StoredKey, Transaction};
use super::kit::{Kit, patiently};
use super::{Verdict, ensure};

const SECRET: [u8; 32] = [7; 32];

/// A key reads as it was written, counts on and never back, and is gone when it is removed.
pub(super) async fn read_as_written(kit: Kit) -> Verdict {
    let person = PersonId::new("grace").map_err(|_| "an invented person is refused")?;
    let id = CredentialId::from_bytes(kit.new_hash()?);
    let origin = "https://approvals.example";
    let key = StoredKey {
        credential: Credential {
            id,
            person: person.clone(),
            key: CredentialKey::EdDsa {
                x: KeyCoordinate::from_bytes(kit.new_hash()?),
            },
            origin: origin.parse().map_err(|_| "an origin is refused")?,
            flags: 0x18,
            added: kit.now,
            from: kit.now,
        },
        raw_id: vec![0, 255, 7],
        counter: 3,
        used: None,
    };
    let act = |what| Act {
        kit: kit.clone(),
        key: key.clone(),
        what,
    };
    patiently(|| kit.store.write(act(What::Add))).await?;
    let read = patiently(|| kit.other.security_keys(&person)).await?;
    let read: Vec<_> = read.into_iter().filter_map(|it| it.open(&SECRET)).collect();
    ensure(read.contains(&key), || {
        "a security key reads otherwise than it was written".to_owned()
    })?;
    for (counter, may) in [(4, true), (4, false), (3, false), (0, false), (9, true)] {
        let counted = kit.store.write(act(What::Count(counter))).await;
        ensure(counted.is_ok() == may, || {
            format!("counting to {counter} gives {counted:?}")
        })?;
    }
    patiently(|| kit.store.write(act(What::Remove))).await?;
    let read = patiently(|| kit.other.security_keys(&person)).await?;
    let read: Vec<_> = read.into_iter().filter_map(|it| it.open(&SECRET)).collect();
    ensure(!read.iter().any(|it| it.credential.id == id), || {
        "a removed security key is there".to_owned()
    })?;
    Ok(String::new())
}

#[derive(Clone, Copy, Debug)]
enum What {
    Add,
    Count(u32),
    Remove,
}

struct Act {
    kit: Kit,
    key: StoredKey,
    what: What,
}

impl Operation for Act {
    type Output = ();
    type Error = StoreError;

    async fn run(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        let Act { kit, key, what } = self;
        let credential = &key.credential;
        let stamp = kit.stamp()?;
        let sealed = SealedKey::seal(key, &SECRET)?;
        let (change, event) = match what {
            What::Count(counter) => {
                return transaction
                    .count_key(&credential.id, *counter, kit.now)
                    .await;
            }
            What::Add => (
                Change::KeyAdded { key: &sealed },
                CredentialEvent::Added(credential.clone()),
            ),
            What::Remove => (
                Change::KeyRemoved { id: &credential.id },
                CredentialEvent::Removed {
                    person: credential.person.clone(),
                    id: credential.id,
                },
            ),
        };
        let record = Record::Credential(Box::new(event));
        transaction.apply(&change, &record, &stamp).await?;
        Ok(())
    }
}
