//! Who may call: principals and their access keys.
//!
//! A principal is a name in an account. It has at most two active access keys, so that one can take over from the other. The secret of a
//! key is shown once, when it is made, and kept sealed by the parameters' database. What a principal may do is said by
//! [policies](crate::policy), not here.

mod access_key;
mod directory;
mod seal;
mod tables;

use std::fmt;

use parados_parameter::Invalid;

pub use access_key::{AccessKeyId, KeyState};
pub use directory::{Directory, KnownKey, MAX_STALENESS, REFRESH_EVERY};
pub use seal::{DatabaseSeal, SecretSeal};
pub use tables::{
    AccessKeyRecord, AccessTables, AccessTablesError, MAX_ACTIVE_KEYS, NewAccessKey, PolicyRecord, PrincipalRecord,
};

/// Most characters of a principal's name, as of an IAM user's.
const MAX_NAME_CHARS: usize = 64;

/// A principal: an account and a name in it. Shown as its ARN.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Principal {
    account: String,
    name: String,
}

impl Principal {
    /// The principal `name` of the account of 12 digits. A name has 1 to 64 of the letters, digits and `+=,.@_-`, as an IAM user's.
    ///
    /// # Errors
    /// Which of the two is not as it has to be.
    pub fn new(account: &str, name: &str) -> Result<Self, Invalid> {
        if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Invalid::new("account", account, "it is 12 digits"));
        }
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte);
        if name.is_empty() || name.len() > MAX_NAME_CHARS || !name.bytes().all(fits) {
            return Err(Invalid::new("principal", name, "it is 1 to 64 letters, digits and +=,.@_-"));
        }
        Ok(Self { account: account.to_owned(), name: name.to_owned() })
    }

    /// The account.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its ARN, as `arn:aws:iam::123456789012:user/deploy`. Policies know it by this.
    pub fn arn(&self) -> String {
        format!("arn:aws:iam::{}:user/{}", self.account, self.name)
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "arn:aws:iam::{}:user/{}", self.account, self.name)
    }
}

#[cfg(test)]
mod tests;
