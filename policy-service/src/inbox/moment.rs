//! Times as people read them.

use std::time::Duration;

use askama::Template;
use askama::filters::HtmlSafe;
use velum_approval::Timestamp;

/// A moment, seen from now; the script keeps it up to date.
#[derive(Clone, Debug, Template)]
#[template(
    ext = "html",
    source = "<time datetime=\"{{ at }}\" title=\"{{ exact() }}\" data-at=\"{{ at.as_millis() }}\" \
              data-now=\"{{ now.as_millis() }}\" data-as=\"{% if is_left %}left{% else %}ago{% endif %}\">{{ text() }}</time>"
)]
pub(super) struct Moment {
    at: Timestamp,
    now: Timestamp,
    is_left: bool,
}

impl HtmlSafe for Moment {}

impl Moment {
    /// How long ago it was.
    pub(super) fn ago(at: Timestamp, now: Timestamp) -> Moment {
        Moment {
            at,
            now,
            is_left: false,
        }
    }

    /// How long it is until then.
    pub(super) fn left(at: Timestamp, now: Timestamp) -> Moment {
        Moment {
            at,
            now,
            is_left: true,
        }
    }

    /// Day and time in UTC, to the second.
    fn exact(&self) -> String {
        exact(self.at)
    }

    fn text(&self) -> String {
        if self.is_left {
            match self.at.since(self.now) {
                Duration::ZERO => "no time left".to_owned(),
                left => format!("{} left", span(left)),
            }
        } else {
            match self.now.since(self.at) {
                ago if ago < Duration::from_secs(5) => "just now".to_owned(),
                ago => format!("{} ago", span(ago)),
            }
        }
    }
}

/// Day and time in UTC, to the second.
pub(super) fn exact(at: Timestamp) -> String {
    let text = at.to_string();
    let text = text.split_once('.').map_or(text.as_str(), |(text, _)| text);
    format!("{} UTC", text.replace('T', " "))
}

/// A length of time in its largest unit, rounded down, so that nobody is promised time that is not there.
pub(super) fn span(length: Duration) -> String {
    let seconds = length.as_secs();
    match seconds {
        0..=89 => format!("{seconds} s"),
        90..=5_399 => format!("{} min", seconds / 60),
        5_400..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_told_in_its_largest_unit() {
        for (seconds, text) in [
            (0, "0 s"),
            (89, "89 s"),
            (90, "1 min"),
            (899, "14 min"),
            (5_400, "1 h"),
            (172_800, "2 days"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
        let now = Timestamp::from_millis(1_795_464_104_123);
        let left = Moment::left(now.after(Duration::from_secs(61)), now).to_string();
        assert_eq!(
            left,
            "<time datetime=\"2026-11-23T20:02:45.123Z\" title=\"2026-11-23 20:02:45 UTC\" \
             data-at=\"1795464165123\" data-now=\"1795464104123\" data-as=\"left\">61 s left</time>"
        );
        let over = Moment::left(now, now).to_string();
        assert!(over.contains("no time left"), "{over}");
        assert!(Moment::ago(now, now).to_string().contains(">just now<"));
    }
}
