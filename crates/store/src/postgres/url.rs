//! Where a database is, as a URL whose password is never shown.

use std::fmt;
use std::str::FromStr;

use parados_parameter::{AccountRegion, Invalid};
use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;
use url::Url;

use crate::arn::{EMBEDDED_ACCOUNT, EMBEDDED_REGION};

/// What a URL may say behind its `?`: PostgreSQL's own words that are understood, and `account` and `region`.
const PARAMETERS: &[&str] = &[
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "user",
];

/// A PostgreSQL database, and the account and Region in it that are meant where there can be one only:
/// `postgres://user:password@host:5432/database?sslmode=verify-full&account=123456789012&region=eu-west-1`.
///
/// What it does not say is as PostgreSQL's own clients have it: `PGHOST`, `PGUSER`, `PGPASSWORD`, `PGSSLMODE` and so on out of the
/// environment, and the password file. Shown, it has no password.
#[derive(Clone)]
pub struct DatabaseUrl {
    options: PgConnectOptions,
    place: AccountRegion,
    shown: String,
}

impl DatabaseUrl {
    /// Whether `text` is meant for one.
    pub fn is_meant_by(text: &str) -> bool {
        text.starts_with("postgres://") || text.starts_with("postgresql://")
    }

    /// The account and Region that are meant: `000000000000` and `embedded`, where the URL does not say.
    pub fn place(&self) -> &AccountRegion {
        &self.place
    }

    pub(super) fn connect_options(&self) -> PgConnectOptions {
        self.options.clone().disable_statement_logging()
    }
}

impl FromStr for DatabaseUrl {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        // Nothing of the text is in the error: it may hold a password.
        let invalid = |rule: &str| Invalid::new("database", "postgres://…", rule);
        if !Self::is_meant_by(text) {
            return Err(invalid("it is written as postgres://user@host:5432/database"));
        }
        let mut url = Url::parse(text).map_err(|error| invalid(&format!("it is not a URL: {error}")))?;
        let (mut account, mut region) = (EMBEDDED_ACCOUNT.to_owned(), EMBEDDED_REGION.to_owned());
        let mut kept = Vec::new();
        for (key, value) in url.query_pairs() {
            match &*key {
                "account" => account = value.into_owned(),
                "region" => region = value.into_owned(),
                key if PARAMETERS.contains(&key) => kept.push((key.to_owned(), value.into_owned())),
                key => {
                    let rule = format!("{key:?} is not one of account, region, {}", PARAMETERS.join(", "));
                    return Err(invalid(&rule));
                }
            }
        }
        url.set_query(None);
        if !kept.is_empty() {
            url.query_pairs_mut().extend_pairs(&kept);
        }
        let place = AccountRegion::new(&account, &region)?;
        let options = PgConnectOptions::from_url(&url).map_err(|_| {
            invalid("one of its parts is not as it has to be (the port, sslmode, statement-cache-capacity, or what is escaped)")
        })?;
        let shown = shown(&options, &place);
        Ok(Self { options, place, shown })
    }
}

/// The URL without what is secret or does not say where the database is.
fn shown(options: &PgConnectOptions, place: &AccountRegion) -> String {
    let host = match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => options.get_host().to_owned(),
    };
    let (user, port) = (options.get_username(), options.get_port());
    let database = options.get_database().unwrap_or(user);
    let mut shown = format!("postgres://{user}@{host}:{port}/{database}");
    if (place.account(), place.region()) != (EMBEDDED_ACCOUNT, EMBEDDED_REGION) {
        shown += &format!("?account={}&region={}", place.account(), place.region());
    }
    shown
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DatabaseUrl").field(&self.shown).finish()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_url_is_shown_without_its_password() {
        let text = "postgresql://ada:hunter2@db.example.com:6432/shop?sslmode=require&password=hunter3&account=123456789012&region=eu-west-1";
        let url: DatabaseUrl = text.parse().unwrap();
        assert_eq!(url.to_string(), "postgres://ada@db.example.com:6432/shop?account=123456789012&region=eu-west-1");
        assert!(!format!("{url:?}").contains("hunter"));
        assert_eq!(url.place().to_string(), "123456789012/eu-west-1");
        assert_eq!(url.connect_options().get_host(), "db.example.com");
    }

    #[test]
    fn what_is_not_said_is_the_embedded_place() {
        let url: DatabaseUrl = "postgres://ada@localhost/shop?host=/run/postgresql".parse().unwrap();
        assert_eq!(url.place().to_string(), "000000000000/embedded");
        assert!(url.to_string().ends_with("@/run/postgresql:5432/shop"), "{url}");
    }

    #[rstest]
    #[case("mysql://ada:hunter2@localhost/shop", "postgres://user@host")]
    #[case("postgres://ada:hunter2@local host/shop", "not a URL")]
    #[case("postgres://ada:hunter2@localhost/shop?passwd=hunter2", "\"passwd\" is not one of")]
    #[case("postgres://ada:hunter2@localhost/shop?sslmode=hunter2", "sslmode")]
    #[case("postgres://ada:hunter2@localhost/shop?account=1", "12 digits")]
    fn what_is_wrong_is_said_without_the_password(#[case] text: &str, #[case] expected: &str) {
        let error = text.parse::<DatabaseUrl>().unwrap_err();
        let said = format!("{error} {error:?}");
        assert!(said.contains(expected) && !said.contains("hunter2"), "{said}");
    }
}
