//! Where a store of parameters is.

use std::fmt;
use std::str::FromStr;

use crate::Invalid;

/// Most characters of a Region's name: a label of a host name.
const MAX_REGION_CHARS: usize = 63;

/// An account and a Region: what one [`ParameterStore`](crate::ParameterStore) holds the parameters of. Shown as `123456789012/eu-west-1`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountRegion {
    account: String,
    region: String,
}

impl AccountRegion {
    /// The account of 12 digits, and the Region: lower-case letters, digits and hyphens, at most 63.
    ///
    /// # Errors
    /// Which of the two is not as it has to be.
    pub fn new(account: &str, region: &str) -> Result<Self, Invalid> {
        if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Invalid::new("account", account, "it is 12 digits"));
        }
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if region.is_empty() || region.len() > MAX_REGION_CHARS || !region.bytes().all(fits) {
            return Err(Invalid::new("Region", region, "it is lower-case letters, digits and hyphens, as eu-west-1"));
        }
        Ok(Self { account: account.to_owned(), region: region.to_owned() })
    }

    /// The 12 digits.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The Region.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The partition that a Region of this name is in, as it stands in ARNs.
    pub fn partition(&self) -> &'static str {
        match &self.region {
            region if region.starts_with("cn-") => "aws-cn",
            region if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        }
    }
}

impl fmt::Display for AccountRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.account, self.region)
    }
}

impl FromStr for AccountRegion {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let (account, region) = text
            .split_once('/')
            .ok_or_else(|| Invalid::new("account and Region", text, "they are written as 123456789012/eu-west-1"))?;
        Self::new(account, region)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_is_shown() {
        let at: AccountRegion = "123456789012/eu-west-1".parse().unwrap();
        assert_eq!((at.account(), at.region()), ("123456789012", "eu-west-1"));
        assert_eq!(at.to_string(), "123456789012/eu-west-1");
        assert_eq!(at.partition(), "aws");
        assert_eq!(AccountRegion::new("123456789012", "cn-north-1").unwrap().partition(), "aws-cn");
    }

    #[test]
    fn what_is_neither_is_refused() {
        for text in
            ["", "123456789012", "12345678901/eu-west-1", "12345678901x/eu-west-1", "123456789012/", "123456789012/EU"]
        {
            assert!(text.parse::<AccountRegion>().is_err(), "{text}");
        }
        assert!(AccountRegion::new("123456789012", &"x".repeat(64)).is_err());
    }
}
