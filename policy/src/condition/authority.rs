//! Conditions on the authority: host names are case-insensitive, a port may be named or left open.

use crate::condition::Truth;

/// A host, and a port where one was named; any port where none was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AuthorityPattern {
    pub(crate) host: HostPattern,
    pub(crate) port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HostPattern {
    Exact(String),
    /// Starts with a dot.
    Suffix(String),
}

impl AuthorityPattern {
    /// `host`, `host:port` or `[address]:port`, in lower case.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (host, port) = split(text)?;
        let is_lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
        let host = HostPattern::Exact(host.to_owned());
        is_lower.then_some(Self { host, port })
    }

    pub(crate) fn holds(&self, authority: &[u8]) -> Truth {
        let folded = authority.to_ascii_lowercase();
        let Some((host, port)) = std::str::from_utf8(&folded).ok().and_then(split) else {
            return Truth::Unknown;
        };
        // DNS reads `a.example.` as `a.example`; virtual hosts of upstreams do or do not.
        let rooted = host.strip_suffix('.');
        let port_holds = self.port.is_none() || self.port == port;
        Truth::of_readings(
            [Some(host), rooted]
                .into_iter()
                .flatten()
                .map(|host| self.host.matches(host) && port_holds),
        )
    }

    /// What of an authority this names, where it surely holds for it: the host, or the end of it, and the port that
    /// is named.
    pub(crate) fn shown(&self, authority: &str) -> Option<String> {
        if self.holds(authority.as_bytes()) != Truth::Yes {
            return None;
        }
        let host = match &self.host {
            HostPattern::Exact(host) => host.clone(),
            HostPattern::Suffix(suffix) => format!("{{…}}{suffix}"),
        };
        Some(match self.port {
            Some(port) => format!("{host}:{port}"),
            None => host,
        })
    }

    pub(crate) fn implies(&self, other: &Self) -> bool {
        (other.port.is_none() || self.port == other.port)
            && match (&self.host, &other.host) {
                (HostPattern::Exact(host), _) => other.host.matches(host),
                (HostPattern::Suffix(one), HostPattern::Suffix(two)) => one.ends_with(two.as_str()),
                (HostPattern::Suffix(_), HostPattern::Exact(_)) => false,
            }
    }

    pub(crate) fn excludes(&self, other: &Self) -> bool {
        let ports_differ = self.port.is_some() && other.port.is_some() && self.port != other.port;
        ports_differ
            || match (&self.host, &other.host) {
                (HostPattern::Exact(host), _) => !other.host.matches(host),
                (_, HostPattern::Exact(host)) => !self.host.matches(host),
                (HostPattern::Suffix(one), HostPattern::Suffix(two)) => {
                    !one.ends_with(two.as_str()) && !two.ends_with(one.as_str())
                }
            }
    }
}

impl HostPattern {
    fn matches(&self, host: &str) -> bool {
        match self {
            Self::Exact(literal) => host == literal,
            Self::Suffix(literal) => host.len() > literal.len() && host.ends_with(literal.as_str()),
        }
    }
}

/// Host and port of an authority without user information; `None` where it is not plain.
fn split(authority: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let end = rest.find(']')?;
            let address = authority.get(..end + 2)?;
            (address, authority.get(end + 2..)?)
        }
        None => match authority.find(':') {
            Some(at) => (authority.get(..at)?, authority.get(at..)?),
            None => (authority, ""),
        },
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let is_address = host.starts_with('[')
        && host
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || b"[]:.".contains(&byte));
    if host.is_empty() || !(is_address || host.bytes().all(plain)) {
        return None;
    }
    match port.strip_prefix(':') {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().ok().map(|port| (host, Some(port)))
        }
        None if port.is_empty() => Some((host, None)),
        _ => None,
    }
}
