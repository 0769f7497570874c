//! The name of a parameter, and what may be asked of a store by it.

use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

use crate::invalid::Invalid;
use crate::{Label, Version};

/// Most characters of a name, counted with the ARN prefix that AWS puts before it (user guide, "Requirements and
/// constraints for parameter names").
pub const MAX_NAME_CHARS: usize = 1011;
/// Most levels of a hierarchy: `/1/2/…/15`.
pub const MAX_LEVELS: usize = 15;

/// The name of a parameter: one word, or a hierarchy of words that begins with `/`.
///
/// `foo` and `/foo` are the same parameter, so they are equal, hash alike and sort together; the spelling that was given
/// is kept and shown. Names are case-sensitive.
#[derive(Clone, Debug)]
pub struct ParameterName(Box<str>);

impl ParameterName {
    /// Parses a name that a person or a file gave.
    ///
    /// # Errors
    /// [`Invalid`] names the rule that the text breaks: only `a-zA-Z0-9_.-/`; at most [`MAX_NAME_CHARS`] characters and
    /// [`MAX_LEVELS`] levels; a hierarchy begins with `/`, has no empty level and does not end with `/`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let invalid = |rule: &str| Err(Invalid::new("parameter name", text, rule));
        if text.is_empty() || text == "/" {
            return invalid("it is empty; write a name such as /app/dev/db/password");
        }
        if text.chars().count() > MAX_NAME_CHARS {
            return invalid("it is longer than 1011 characters");
        }
        if let Some(c) = text.chars().find(|c| !(c.is_ascii_alphanumeric() || "_.-/".contains(*c))) {
            return invalid(&format!("{c:?} is not allowed; use a-z, A-Z, 0-9, '_', '.', '-' and '/'"));
        }
        if text.contains("//") {
            return invalid("a level is empty ('//')");
        }
        if text.ends_with('/') {
            return invalid("it ends with '/'; leave the last '/' out");
        }
        if !text.starts_with('/') && text.contains('/') {
            return invalid("a hierarchy begins with '/'; put one before it");
        }
        if text.trim_start_matches('/').split('/').count() > MAX_LEVELS {
            return invalid("it has more than 15 levels");
        }
        Ok(Self(text.into()))
    }

    /// Takes a name as a store returned it, without judging it: a name that our rules refuse is still backed up.
    pub fn observed(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// Refuses the names that a store keeps for itself: a first level that begins with `aws` or `ssm`, in any case.
    ///
    /// # Errors
    /// [`Invalid`], as AWS refuses a PutParameter of such a name with a ValidationException.
    pub fn check_creatable(&self) -> Result<(), Invalid> {
        Self::parse(self.as_str())?;
        let first = self.levels().next().unwrap_or_default().to_ascii_lowercase();
        if first.starts_with("aws") || first.starts_with("ssm") {
            return Err(Invalid::new(
                "parameter name",
                self.as_str(),
                "the first level may not begin with 'aws' or 'ssm'",
            ));
        }
        Ok(())
    }

    /// The name as it was spelled.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name without its leading `/`: the form in which `foo` and `/foo` are the same.
    pub fn canonical(&self) -> &str {
        self.0.strip_prefix('/').unwrap_or(&self.0)
    }

    /// The name as it stands in an ARN and in a path: with its leading `/`.
    pub fn absolute(&self) -> String {
        format!("/{}", self.canonical())
    }

    /// The words between the slashes, from the root down.
    pub fn levels(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.canonical().split('/')
    }

    /// Whether this name lies under `path` (`/app/dev` or `/app/dev/`); `recursive` also counts deeper levels.
    pub fn is_under(&self, path: &str, recursive: bool) -> bool {
        let path = path.trim_matches('/');
        let rest = match path {
            "" => Some(self.canonical()),
            _ => self.canonical().strip_prefix(path).and_then(|rest| rest.strip_prefix('/')),
        };
        rest.is_some_and(|rest| recursive || !rest.contains('/'))
    }

    /// The parameter's ARN in `partition`, `region` and `account`.
    pub fn arn(&self, partition: &str, region: &str, account: &str) -> String {
        format!("arn:{partition}:ssm:{region}:{account}:parameter/{}", self.canonical())
    }
}

impl PartialEq for ParameterName {
    fn eq(&self, other: &Self) -> bool {
        self.canonical() == other.canonical()
    }
}

impl Eq for ParameterName {}

impl Hash for ParameterName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.canonical().hash(state);
    }
}

impl PartialOrd for ParameterName {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ParameterName {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.canonical().cmp(other.canonical())
    }
}

impl fmt::Display for ParameterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for ParameterName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::parse(text)
    }
}

impl Serialize for ParameterName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ParameterName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::observed(String::deserialize(deserializer)?))
    }
}

/// What a GetParameter asks for: a name, and perhaps which of its versions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ParameterReference {
    /// The parameter.
    pub name: ParameterName,
    /// The version; the newest where there is none.
    pub at: Option<VersionReference>,
}

/// Which version of a parameter: `:3` or `:blue`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum VersionReference {
    /// By its number.
    Version(Version),
    /// By the label that it bears.
    Label(Label),
}

impl ParameterReference {
    /// The newest version of `name`.
    pub fn newest(name: ParameterName) -> Self {
        Self { name, at: None }
    }

    /// Parses `name`, `name:3` or `name:label`.
    ///
    /// # Errors
    /// [`Invalid`] when the name, the version or the label is not one.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let Some((name, at)) = text.split_once(':') else {
            return Ok(Self::newest(ParameterName::parse(text)?));
        };
        let at = match at.bytes().all(|b| b.is_ascii_digit()) {
            true => VersionReference::Version(Version::parse(at)?),
            false => VersionReference::Label(Label::parse(at)?),
        };
        Ok(Self { name: ParameterName::parse(name)?, at: Some(at) })
    }
}

impl fmt::Display for ParameterReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.at {
            None => self.name.fmt(f),
            Some(VersionReference::Version(version)) => write!(f, "{}:{version}", self.name),
            Some(VersionReference::Label(label)) => write!(f, "{}:{label}", self.name),
        }
    }
}

impl std::str::FromStr for ParameterReference {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_leading_slash_does_not_make_another_parameter() {
        let (plain, absolute) = (ParameterName::parse("foo").unwrap(), ParameterName::parse("/foo").unwrap());
        assert_eq!(plain, absolute);
        assert_eq!(plain.absolute(), "/foo");
        assert_eq!(plain.to_string(), "foo", "the spelling is kept");
        assert_ne!(plain, ParameterName::parse("/Foo").unwrap(), "names are case-sensitive");
        assert_eq!(plain.arn("aws", "eu-west-1", "123456789012"), "arn:aws:ssm:eu-west-1:123456789012:parameter/foo");
    }

    #[rstest]
    #[case::empty("", "empty")]
    #[case::root("/", "empty")]
    #[case::space("/a b", "' '")]
    #[case::empty_level("/a//b", "'//'")]
    #[case::trailing("/a/", "ends with")]
    #[case::relative("a/b", "begins with '/'")]
    #[case::deep("/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16", "15 levels")]
    fn refuses(#[case] text: &str, #[case] rule: &str) {
        let message = ParameterName::parse(text).unwrap_err().to_string();
        assert!(message.contains(rule), "{message}");
    }

    #[test]
    fn fifteen_levels_and_1011_characters_are_allowed() {
        ParameterName::parse("/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15").unwrap();
        ParameterName::parse(&"a".repeat(1011)).unwrap();
        ParameterName::parse(&"a".repeat(1012)).unwrap_err();
    }

    #[rstest]
    #[case("/aws/x", false)]
    #[case("AWSome", false)]
    #[case("/ssm-x", false)]
    #[case("/app/aws", true)]
    fn reserved_first_levels_cannot_be_created(#[case] text: &str, #[case] creatable: bool) {
        assert_eq!(ParameterName::parse(text).unwrap().check_creatable().is_ok(), creatable);
    }

    #[rstest]
    #[case("/app/dev/db", "/app/dev", false, true)]
    #[case("/app/dev/db", "/app/dev/", false, true)]
    #[case("/app/dev/db", "/app", false, false)]
    #[case("/app/dev/db", "/app", true, true)]
    #[case("/app/dev/db", "/app/de", true, false)]
    #[case("/app/dev/db", "/", true, true)]
    #[case("/app", "/", false, true)]
    fn lies_under_a_path(#[case] name: &str, #[case] path: &str, #[case] recursive: bool, #[case] is: bool) {
        assert_eq!(ParameterName::parse(name).unwrap().is_under(path, recursive), is);
    }

    #[rstest]
    #[case("/a/b", None)]
    #[case("/a/b:3", Some(VersionReference::Version(Version::new(3).unwrap())))]
    #[case("/a/b:blue", Some(VersionReference::Label(Label::parse("blue").unwrap())))]
    fn a_reference_names_a_version(#[case] text: &str, #[case] at: Option<VersionReference>) {
        let reference = ParameterReference::parse(text).unwrap();
        assert_eq!(reference.at, at);
        assert_eq!(reference.to_string(), text);
    }
}
