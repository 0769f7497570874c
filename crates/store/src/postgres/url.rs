//! Where a database is, as a URL whose password is never shown.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

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
/// environment, and the password file. Shown, it has no password. Two are equal when they are shown alike.
#[derive(Clone)]
pub struct DatabaseUrl {
    options: Arc<PgConnectOptions>,
    place: AccountRegion,
    shown: String,
    has_password: bool,
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

    /// Whether the password is in it, so that it must not stand where others can read it.
    pub fn has_password(&self) -> bool {
        self.has_password
    }

    pub(super) fn connect_options(&self) -> PgConnectOptions {
        PgConnectOptions::clone(&self.options).disable_statement_logging()
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
        let (mut own, mut shown) = (Vec::new(), Vec::new());
        let mut has_password = url.password().is_some();
        for (key, value) in url.query_pairs().into_owned() {
            match key.as_str() {
                "account" => account.clone_from(&value),
                "region" => region.clone_from(&value),
                known if PARAMETERS.contains(&known) => own.push((key.clone(), value.clone())),
                key => {
                    let rule = format!("{key:?} is not one of account, region, {}", PARAMETERS.join(", "));
                    return Err(invalid(&rule));
                }
            }
            match key.as_str() {
                "password" => has_password = true,
                _ => shown.push((key, value)),
            }
        }
        let place = AccountRegion::new(&account, &region)?;
        set_query(&mut url, &own);
        let options = PgConnectOptions::from_url(&url).map_err(|_| {
            invalid("one of its parts is not as it has to be (the port, sslmode, statement-cache-capacity, or what is escaped)")
        })?;
        set_query(&mut url, &shown);
        url.set_password(None).map_err(|()| invalid("it has a password and no host"))?;
        Ok(Self { options: Arc::new(options), place, shown: url.into(), has_password })
    }
}

fn set_query(url: &mut Url, pairs: &[(String, String)]) {
    url.set_query(None);
    if !pairs.is_empty() {
        url.query_pairs_mut().extend_pairs(pairs);
    }
}

impl PartialEq for DatabaseUrl {
    fn eq(&self, other: &Self) -> bool {
        self.shown == other.shown
    }
}

impl Eq for DatabaseUrl {}

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
        let shown = "postgresql://ada@db.example.com:6432/shop?sslmode=require&account=123456789012&region=eu-west-1";
        assert_eq!(url.to_string(), shown);
        assert_eq!(shown.parse::<DatabaseUrl>().unwrap(), url, "it can be read again");
        assert!(url.has_password() && !shown.parse::<DatabaseUrl>().unwrap().has_password());
        assert!(!format!("{url:?}").contains("hunter"));
        assert_eq!(url.place().to_string(), "123456789012/eu-west-1");
        assert_eq!(url.connect_options().get_host(), "db.example.com");
    }

    #[test]
    fn what_is_not_said_is_the_embedded_place() {
        let url: DatabaseUrl = "postgres://ada@localhost/shop?host=/run/postgresql".parse().unwrap();
        assert_eq!(url.place().to_string(), "000000000000/embedded");
        assert_eq!(url.connect_options().get_socket().unwrap(), std::path::Path::new("/run/postgresql"));
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
