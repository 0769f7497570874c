//! The values of `parados.yaml` that have a form of their own.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::str::FromStr;

use parados_backup::signature::{PublicKey, parse_public_key};
use parados_parameter::Invalid;
use parados_store::DatabaseUrl;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A text of the file that is parsed by its type's own constructor, so that what is wrong is said with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parsed<T>(pub(crate) T);

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Parsed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text<T>(PhantomData<T>);

        impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for Text<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Text(PhantomData)).map(Self)
    }
}

impl<T> JsonSchema for Parsed<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Text".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

/// Which store holds the parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StoreChoice {
    /// AWS SSM Parameter Store.
    Aws,
    /// The embedded store, in this folder or in the default one.
    Embedded(Option<PathBuf>),
    /// A store in this PostgreSQL database, or in the one that the environment names.
    Postgres(Option<DatabaseUrl>),
}

/// What a store can be.
const STORES: &str = "it is aws, embedded, embedded:DIR, postgres or postgres://USER@HOST/DATABASE";

impl FromStr for StoreChoice {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "aws" => Ok(Self::Aws),
            "embedded" => Ok(Self::Embedded(None)),
            "postgres" => Ok(Self::Postgres(None)),
            url if DatabaseUrl::is_meant_by(url) => match url.parse::<DatabaseUrl>()? {
                // It is not repeated.
                url if url.has_password() => Err(Invalid::new("store", "postgres://…", PASSWORD_RULE)),
                url => Ok(Self::Postgres(Some(url))),
            },
            _ if text.contains("://") => Err(Invalid::new("store", "a URL", STORES)),
            _ => match text.strip_prefix("embedded:") {
                Some(folder) if !folder.is_empty() => Ok(Self::Embedded(Some(folder.into()))),
                _ => Err(Invalid::new("store", text, STORES)),
            },
        }
    }
}

/// Why a URL with a password is refused, where others can read it.
pub(crate) const PASSWORD_RULE: &str = "others can read a password here: put the URL with it into the environment, as PARADOS_DATABASE_URL, \
     and write postgres in its place; or leave the password to PGPASSWORD or the file ~/.pgpass";

/// Whose signatures count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TrustedSigner {
    /// This key's.
    Key(Box<PublicKey>),
    /// Those of the keys in this file, one a line.
    File(PathBuf),
}

impl FromStr for TrustedSigner {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            key if key.starts_with("ssh-") => match parse_public_key(key) {
                Ok(key) => Ok(Self::Key(Box::new(key))),
                Err(_) => Err(Invalid::new("trusted signer", key, "a key is `ssh-ed25519 AAAA…`, whole")),
            },
            "" => Err(Invalid::new("trusted signer", text, "it is a public key, or a file of them")),
            file => Ok(Self::File(file.into())),
        }
    }
}

/// A newtype over text whose whole rule is a check.
macro_rules! checked_text {
    ($(#[$meta:meta])* $name:ident, $noun:literal, $rule:literal, $check:expr) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) struct $name(String);

        impl FromStr for $name {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                let check: fn(&str) -> bool = $check;
                match check(text) {
                    true => Ok(Self(text.to_owned())),
                    false => Err(Invalid::new($noun, text, $rule)),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }
    };
}

checked_text! {
    /// The name of a project, an environment or a target. It stands in object keys and in names of parameters.
    Name, "name", "it has 1 to 64 letters, digits, '_', '.' and '-', and begins with a letter or a digit", |text| {
        (1..=64).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
    }
}

checked_text! {
    /// The number of an AWS account.
    Account, "account", "it has 12 digits; put it in quotes where it begins with 0", |text| {
        text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
    }
}

checked_text! {
    /// An AWS Region.
    Region, "region", "write it as eu-west-1", |text| {
        let parts: Vec<_> = text.split('-').collect();
        parts.len() >= 3
            && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
            && parts.last().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()))
    }
}

checked_text! {
    /// The ARN of an IAM role.
    RoleArn, "role", "write it as arn:aws:iam::123456789012:role/NAME", |text| {
        let parts: Vec<_> = text.splitn(6, ':').collect();
        matches!(parts.as_slice(), ["arn", _, "iam", "", account, resource]
            if account.len() == 12 && resource.starts_with("role/"))
    }
}

impl Name {
    /// The text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Account {
    /// The twelve digits.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl RoleArn {
    /// The account that the role is in.
    pub(crate) fn account(&self) -> &str {
        self.0.split(':').nth(4).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_chosen_by_a_word() {
        assert_eq!("aws".parse(), Ok(StoreChoice::Aws));
        assert_eq!("embedded:/x".parse(), Ok(StoreChoice::Embedded(Some("/x".into()))));
        assert_eq!("embedded".parse(), Ok(StoreChoice::Embedded(None)));
        let message = "postgres://me:hunter2@host/db".parse::<StoreChoice>().unwrap_err().to_string();
        assert!(message.contains("PARADOS_DATABASE_URL") && !message.contains("hunter2"), "{message}");
        let url = "postgres://me@host/db";
        assert_eq!(url.parse(), Ok(StoreChoice::Postgres(Some(url.parse().unwrap()))));
        assert_eq!("postgres".parse(), Ok(StoreChoice::Postgres(None)));
        "embedded:".parse::<StoreChoice>().unwrap_err();
    }

    #[test]
    fn texts_have_forms() {
        "dev".parse::<Name>().unwrap();
        "a/b".parse::<Name>().unwrap_err();
        "012345678901".parse::<Account>().unwrap();
        "12345678901".parse::<Account>().unwrap_err();
        "us-gov-west-1".parse::<Region>().unwrap();
        "eu-west".parse::<Region>().unwrap_err();
        let role: RoleArn = "arn:aws:iam::123456789012:role/path/backup".parse().unwrap();
        assert_eq!(role.account(), "123456789012");
        "arn:aws:iam::123456789012:user/a".parse::<RoleArn>().unwrap_err();
    }
}
