//! What is told of a panic: where, and never why. Its message could hold a value.

use std::panic::PanicHookInfo;

/// The line for the log.
pub(crate) fn told(info: &PanicHookInfo<'_>) -> String {
    let place = info
        .location()
        .map_or_else(String::new, ToString::to_string);
    format!("velum: internal error at {place}")
}

#[cfg(test)]
mod tests {
    use std::any::Any;
    use std::panic::{catch_unwind, panic_any, set_hook, take_hook};
    use std::sync::{Arc, Mutex};
    use std::thread;

    use super::*;

    const CANARY: &str = "Thistlewood 000-12-3456";

    /// The line that a panic of this thread leaves; those of other tests are told as ever.
    fn line_of(panicking: fn()) -> String {
        let here = thread::current().id();
        let line = Arc::new(Mutex::new(String::new()));
        let (written, before) = (Arc::clone(&line), take_hook());
        set_hook(Box::new(move |info| {
            if thread::current().id() == here {
                *written.lock().unwrap() = told(info);
            } else {
                before(info);
            }
        }));
        let panicked: Result<(), Box<dyn Any + Send>> = catch_unwind(panicking);
        // Back to the usual one; this test is the only one that sets any.
        drop(take_hook());
        assert!(panicked.is_err(), "nothing panicked: this shows nothing");
        let line = line.lock().unwrap();
        line.clone()
    }

    #[test]
    fn a_panic_whose_message_holds_a_value_is_told_by_its_place_alone() {
        let ways: [fn(); 6] = [
            || panic!("cannot mask {CANARY}"),
            || panic!("{}", CANARY),
            || panic_any(CANARY),
            || panic_any(CANARY.to_owned()),
            || panic_any(vec![CANARY]),
            || assert_eq!(Err(CANARY), Ok::<u8, _>(1), "{CANARY}"),
        ];
        for way in ways {
            let line = line_of(way);
            let place = line.strip_prefix("velum: internal error at ").unwrap();
            let (file, row) = place.split_once(':').unwrap();
            assert!(file.ends_with("failing.rs"), "{line}");
            assert!(
                row.bytes().all(|b| b.is_ascii_digit() || b == b':'),
                "{line}"
            );
        }
    }
}
