//! Where a database is, with the password that nobody is to read.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

/// How to connect to a database. Shows host, port and name of it, and never the password.
#[derive(Clone)]
pub(crate) struct DatabaseUrl(Box<PgConnectOptions>);

/// A text that is no such URL; it is not repeated, since it may hold a password.
#[derive(Debug)]
pub(crate) struct NotAUrl;

impl fmt::Display for NotAUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a URL is needed such as postgres://velum@database.example:5432/velum")
    }
}

impl std::error::Error for NotAUrl {}

impl FromStr for DatabaseUrl {
    type Err = NotAUrl;

    /// Reads `postgres://user:password@host:port/database?parameters`. The server has to prove who
    /// it is (`sslmode=verify-full`) unless it is on this machine or the URL says otherwise.
    fn from_str(text: &str) -> Result<DatabaseUrl, NotAUrl> {
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err(NotAUrl);
        }
        let options: PgConnectOptions = text.parse().map_err(|_| NotAUrl)?;
        let says_how = ["sslmode=", "ssl-mode="].iter().any(|it| text.contains(it));
        let mut url = DatabaseUrl(Box::new(
            options
                .application_name("velum-policy-service")
                .disable_statement_logging(),
        ));
        if !says_how && !url.is_local() {
            *url.0 = url.0.ssl_mode(PgSslMode::VerifyFull);
        }
        Ok(url)
    }
}

impl DatabaseUrl {
    pub(super) fn options(&self) -> &PgConnectOptions {
        &self.0
    }

    /// The same with a setting for every session.
    pub(crate) fn with_setting(&self, name: &str, value: &str) -> DatabaseUrl {
        DatabaseUrl(Box::new((*self.0).clone().options([(name, value)])))
    }

    /// Whether somebody on the way could be taken for the server.
    pub(super) fn is_exposed(&self) -> bool {
        !self.is_local() && !matches!(self.0.get_ssl_mode(), PgSslMode::VerifyFull)
    }

    fn is_local(&self) -> bool {
        let host = self.0.get_host();
        self.0.get_socket().is_some()
            || host.starts_with('/')
            || host == "localhost"
            || host
                .trim_matches(['[', ']'])
                .parse()
                .is_ok_and(|address: IpAddr| address.is_loopback())
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let database = self.0.get_database().unwrap_or_default();
        match self.0.get_socket() {
            Some(socket) => write!(formatter, "{}/{database}", socket.display()),
            None => write!(
                formatter,
                "{}:{}/{database}",
                self.0.get_host(),
                self.0.get_port()
            ),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "DatabaseUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        let url: DatabaseUrl = "postgres://velum:heliotrope@db.example:5433/approvals"
            .parse()
            .unwrap();
        assert_eq!(url.to_string(), "db.example:5433/approvals");
        assert!(!format!("{url:?}").contains("heliotrope"));
        for text in [
            "heliotrope",
            "postgres://velum:heliotrope@db.example:port/approvals",
            "mysql://velum:heliotrope@db.example/approvals",
        ] {
            let error = text.parse::<DatabaseUrl>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("heliotrope"));
        }
    }

    #[test]
    fn a_server_elsewhere_has_to_prove_who_it_is() {
        let mode = |text: &str| {
            let url: DatabaseUrl = text.parse().unwrap();
            (url.is_exposed(), url.0.get_ssl_mode())
        };
        let far = "postgres://velum@db.example/velum";
        assert!(matches!(mode(far), (false, PgSslMode::VerifyFull)));
        let weaker = format!("{far}?sslmode=require");
        assert!(matches!(mode(&weaker), (true, PgSslMode::Require)));
        for near in [
            "postgres://velum@127.0.0.1/velum",
            "postgres://velum@[::1]/velum",
            "postgres://velum@localhost/velum",
            "postgres://velum@%2Fvar%2Frun%2Fpostgresql/velum",
        ] {
            assert!(!mode(near).0, "{near}");
        }
    }
}
