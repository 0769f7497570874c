//! What a restore is asked.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use parados_parameter::{Invalid, KeyId, ParameterName, Selector};

/// What to restore, and how.
#[derive(Clone, Debug)]
pub struct RestoreRequest {
    /// Which parameters of the source, by what they are there.
    pub selector: Selector,
    /// The selector in words, for the plan.
    pub selector_text: String,
    /// Of these only those of these names, in the source; all where it is absent.
    pub names: Option<BTreeSet<ParameterName>>,
    /// The state as of then, by the versions that the source has, rather than the newest.
    pub at: Option<Timestamp>,
    /// What the names become; the first that fits counts, and a name that none fits stays as it is.
    pub maps: Vec<NameMap>,
    /// What keys become.
    pub keys: Vec<KeyMap>,
    /// What becomes of a parameter that is there and differs.
    pub conflict: Conflict,
    /// Delete what the store has and the source has not: of the names that a map leads to, or that the selector means.
    pub delete_extra: bool,
    /// Delete these names of the store, where they are there and the source does not bring them.
    pub delete: BTreeSet<ParameterName>,
    /// Restore all older versions that the source has, rather than those that bear a label.
    pub with_history: bool,
    /// Compare and restore labels, which on AWS costs a call for each parameter that is there.
    pub with_labels: bool,
    /// Leave out an expiration that is in the past, rather than refuse to restore the parameter.
    pub drop_expired: bool,
}

/// What becomes of a parameter that is there and differs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Conflict {
    /// It stays as it is.
    Skip,
    /// It becomes what the source has.
    #[default]
    Overwrite,
    /// The plan cannot be applied.
    Fail,
}

/// A map of names: those that begin with the levels of `from` begin with those of `to` instead. Written `/prod/=/dr/`, which means
/// what lies under `/prod`; `/a=/b` means `/a` too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameMap {
    /// The beginning in the source, with its leading `/`.
    pub from: String,
    /// The beginning in the store.
    pub to: String,
}

/// A map of keys: what was encrypted under `from` is encrypted under `to`. Written `OLD=NEW`; `*=NEW` maps every key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyMap {
    /// The key in the source; none for every key.
    pub from: Option<KeyId>,
    /// The key in the store.
    pub to: KeyId,
}

impl Conflict {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Overwrite => "overwrite",
            Self::Fail => "fail",
        }
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for NameMap {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let refuse = |rule: &str| Invalid::new("map", text, rule);
        let (from, to) = text.split_once('=').ok_or_else(|| refuse("write FROM=TO, as /prod/=/dr/"))?;
        if !from.starts_with('/') || !to.starts_with('/') {
            return Err(refuse("both sides begin with /"));
        }
        if from.ends_with('/') != to.ends_with('/') {
            return Err(refuse("both sides end with /, or neither does"));
        }
        Ok(Self { from: from.to_owned(), to: to.to_owned() })
    }
}

impl fmt::Display for NameMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.from, self.to)
    }
}

impl FromStr for KeyMap {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let (from, to) =
            text.split_once('=').ok_or_else(|| Invalid::new("key map", text, "write OLD=NEW, or *=NEW"))?;
        let from = (from != "*").then(|| KeyId::parse(from)).transpose()?;
        Ok(Self { from, to: KeyId::parse(to)? })
    }
}

impl fmt::Display for KeyMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.from.as_ref().map_or("*", KeyId::as_str), self.to)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("/prod/=/dr/")]
    #[case("/=/drill/x/")]
    #[case("/a=/b")]
    fn a_map_reads_as_it_is_written(#[case] text: &str) {
        assert_eq!(text.parse::<NameMap>().unwrap().to_string(), text);
    }

    #[rstest]
    #[case("/prod/")]
    #[case("prod=/dr")]
    #[case("/prod/=/dr")]
    fn a_map_that_would_not_do_what_it_seems_to_is_refused(#[case] text: &str) {
        text.parse::<NameMap>().unwrap_err();
    }

    #[test]
    fn a_key_map_may_mean_every_key() {
        let map: KeyMap = "*=alias/dr".parse().unwrap();
        assert_eq!((map.from.clone(), map.to_string().as_str()), (None, "*=alias/dr"));
        assert_eq!("alias/a=alias/b".parse::<KeyMap>().unwrap().to_string(), "alias/a=alias/b");
        "alias/a".parse::<KeyMap>().unwrap_err();
    }
}
