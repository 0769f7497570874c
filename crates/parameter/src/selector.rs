//! Which parameters are meant.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::invalid::Invalid;
use crate::{KeyId, ParameterMetadata, ParameterName, ParameterType, Tag, Tier};

/// A filter of DescribeParameters or GetParametersByPath, evaluated by the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// What is compared.
    pub key: FilterKey,
    /// How.
    pub option: FilterOption,
    /// With any one of these; at most 50.
    pub values: Vec<String>,
}

/// What a [`Filter`] compares.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FilterKey {
    /// The name.
    Name,
    /// The type.
    Type,
    /// The KMS key.
    KeyId,
    /// The hierarchy.
    Path,
    /// The tier.
    Tier,
    /// The data type.
    DataType,
    /// A label; GetParametersByPath only.
    Label,
    /// The value of the tag of this key.
    Tag(String),
}

/// How a [`Filter`] compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FilterOption {
    /// The whole.
    Equals,
    /// The beginning.
    BeginsWith,
    /// Anywhere; names only.
    Contains,
    /// The hierarchy and all below; paths only.
    Recursive,
    /// The hierarchy's own level; paths only.
    OneLevel,
}

impl FilterKey {
    /// The key as AWS spells it: `Name`, `tag:team`, …
    pub fn name(&self) -> String {
        match self {
            Self::Tag(key) => format!("tag:{key}"),
            other => format!("{other:?}"),
        }
    }
}

impl FilterOption {
    /// The option as AWS spells it.
    pub fn name(self) -> String {
        format!("{self:?}")
    }
}

/// A choice of parameters. The kinds of condition all have to hold; within one kind any of its values does. The empty
/// selector selects everything.
///
/// The seed's environment filter is `name_contains: ["/dev/"]`; see [`Selector::environment`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    /// The name, with its leading `/`, contains one of these.
    pub name_contains: Vec<String>,
    /// The name, with its leading `/`, begins with one of these.
    pub name_begins_with: Vec<String>,
    /// The name lies under one of these paths, at any depth.
    pub paths: Vec<String>,
    /// The type is one of these.
    pub types: Vec<ParameterType>,
    /// The tier is one of these.
    pub tiers: Vec<Tier>,
    /// The key is one of these.
    pub key_ids: Vec<KeyId>,
    /// It bears all of these tags. (All, unlike the others: two values of one key are an either-or.)
    pub tags: Vec<Tag>,
    /// The name matches one of these globs: `*` within a level, `**` across levels, `?`, `[a-z]`, `{a,b}`.
    pub include: Vec<Glob>,
    /// The name matches none of these globs.
    pub exclude: Vec<Glob>,
}

impl Selector {
    /// The selector of an environment that names none: the name contains `/{environment}/`.
    pub fn environment(environment: &str) -> Self {
        Self { name_contains: vec![format!("/{environment}/")], ..Self::default() }
    }

    /// Whether it selects everything.
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// What the store can be asked to leave out, so that fewer pages come. Never leaves out what [`matches`](Self::matches)
    /// would select; what it lets through must still be matched. The tags are decided by the store alone.
    ///
    /// A name is asked for without its outer slashes, as the seed does (`/dev/` as `dev`): a store may spell `/foo` as
    /// `foo`. One filter a key, as AWS wants it.
    pub fn to_filters(&self) -> Vec<Filter> {
        let mut filters = Vec::new();
        let mut add = |key: FilterKey, option: FilterOption, values: Vec<String>| {
            if !values.is_empty() && values.len() <= 50 && values.iter().all(|value| !value.is_empty()) {
                filters.push(Filter { key, option, values });
            }
        };
        let bare = |texts: &[String]| texts.iter().map(|text| text.trim_matches('/').to_owned()).collect::<Vec<_>>();
        match self.name_contains.as_slice() {
            [] => {}
            texts => add(FilterKey::Name, FilterOption::Contains, bare(texts)),
        }
        if !self.paths.iter().any(|path| path.trim_matches('/').is_empty()) {
            let paths = self.paths.iter().map(|path| format!("/{}", path.trim_matches('/'))).collect();
            add(FilterKey::Path, FilterOption::Recursive, paths);
        }
        add(FilterKey::Type, FilterOption::Equals, self.types.iter().map(|one| one.to_string()).collect());
        add(FilterKey::Tier, FilterOption::Equals, self.tiers.iter().map(|one| one.to_string()).collect());
        add(FilterKey::KeyId, FilterOption::Equals, self.key_ids.iter().map(|one| one.to_string()).collect());
        let mut keys: Vec<&str> = self.tags.iter().map(Tag::key).collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            let values = self.tags.iter().filter(|tag| tag.key() == key).map(|tag| tag.value().to_owned()).collect();
            filters.push(Filter { key: FilterKey::Tag(key.to_owned()), option: FilterOption::Equals, values });
        }
        filters
    }

    /// Whether a parameter is selected, as far as its metadata tells; its tags are not looked at unless the metadata has
    /// them.
    pub fn matches(&self, metadata: &ParameterMetadata) -> bool {
        let any_of = |empty: bool, mut any: Box<dyn FnMut() -> bool + '_>| empty || any();
        self.matches_name(&metadata.name)
            && any_of(self.types.is_empty(), Box::new(|| self.types.contains(&metadata.parameter_type)))
            && any_of(self.tiers.is_empty(), Box::new(|| self.tiers.contains(&metadata.tier)))
            && any_of(
                self.key_ids.is_empty(),
                Box::new(|| metadata.key_id.as_ref().is_some_and(|key| self.key_ids.contains(key))),
            )
            && metadata.annotations.as_ref().is_none_or(|annotations| self.matches_tags(&annotations.tags))
    }

    /// Whether a name satisfies the conditions on names.
    pub fn matches_name(&self, name: &ParameterName) -> bool {
        let absolute = name.absolute();
        let any =
            |texts: &[String], test: &dyn Fn(&str) -> bool| texts.is_empty() || texts.iter().any(|text| test(text));
        any(&self.name_contains, &|text| absolute.contains(text))
            && any(&self.name_begins_with, &|text| absolute.starts_with(text) || name.as_str().starts_with(text))
            && any(&self.paths, &|path| name.is_under(path, true))
            && (self.include.is_empty() || self.include.iter().any(|glob| glob.matches(&absolute)))
            && !self.exclude.iter().any(|glob| glob.matches(&absolute))
    }

    /// Whether these tags satisfy the conditions on tags.
    pub fn matches_tags(&self, tags: &[Tag]) -> bool {
        self.tags.iter().all(|wanted| {
            let values = self.tags.iter().filter(|other| other.key() == wanted.key());
            tags.iter().any(|tag| values.clone().any(|value| value == tag))
        })
    }
}

/// A glob over names.
#[derive(Clone, Debug)]
pub struct Glob {
    text: String,
    set: GlobSet,
}

impl Glob {
    /// Parses a glob: `*` within a level, `**` across levels, `?`, `[a-z]`, `{a,b}`.
    ///
    /// # Errors
    /// [`Invalid`] when a bracket or a brace is not closed.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let invalid = |error: globset::Error| Invalid::new("glob", text, error.kind().to_string());
        let glob = GlobBuilder::new(text).literal_separator(true).build().map_err(invalid)?;
        let set = GlobSetBuilder::new().add(glob).build().map_err(invalid)?;
        Ok(Self { text: text.to_owned(), set })
    }

    /// The glob as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn matches(&self, absolute_name: &str) -> bool {
        self.set.is_match(absolute_name)
    }
}

impl PartialEq for Glob {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Glob {}

impl std::str::FromStr for Glob {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn name(text: &str) -> ParameterName {
        ParameterName::parse(text).unwrap()
    }

    #[rstest]
    #[case("/jenkins/dev/db", true)]
    #[case("/dev/db", true)]
    #[case("/jenkins/devel/db", false)]
    #[case("/jenkins/dev", false)]
    #[case("/Dev/db", false)]
    fn the_environment_filter_is_the_seed_s(#[case] text: &str, #[case] selected: bool) {
        let selector = Selector::environment("dev");
        assert_eq!(selector.matches_name(&name(text)), selected);
        let asked = Filter { key: FilterKey::Name, option: FilterOption::Contains, values: vec!["dev".into()] };
        assert_eq!(selector.to_filters(), [asked], "the store is asked for 'dev', as the seed does");
    }

    #[test]
    fn globs_stay_within_a_level_unless_doubled() {
        let selector = |include: &str, exclude: Option<&str>| Selector {
            include: vec![Glob::parse(include).unwrap()],
            exclude: exclude.map(|glob| Glob::parse(glob).unwrap()).into_iter().collect(),
            ..Selector::default()
        };
        assert!(selector("/app/*/db", None).matches_name(&name("/app/dev/db")));
        assert!(!selector("/app/*", None).matches_name(&name("/app/dev/db")));
        assert!(selector("/app/**", None).matches_name(&name("/app/dev/db")));
        assert!(!selector("/app/**", Some("**/db")).matches_name(&name("/app/dev/db")));
        assert!(selector("/foo", None).matches_name(&name("foo")), "foo is /foo");
        Glob::parse("/a[").unwrap_err();
    }

    #[test]
    fn kinds_are_all_and_values_are_any() {
        let selector = Selector {
            paths: vec!["/app".into(), "/web/".into()],
            name_begins_with: vec!["/app/d".into(), "/web".into()],
            tags: vec![Tag::parse("team=a").unwrap(), Tag::parse("team=b").unwrap(), Tag::parse("tier=1").unwrap()],
            ..Selector::default()
        };
        assert!(selector.matches_name(&name("/app/dev")));
        assert!(!selector.matches_name(&name("/app/prod")));
        assert!(selector.matches_tags(&[Tag::parse("team=b").unwrap(), Tag::parse("tier=1").unwrap()]));
        assert!(!selector.matches_tags(&[Tag::parse("team=b").unwrap()]));
        let keys: Vec<_> = selector.to_filters().iter().map(|filter| filter.key.name()).collect();
        assert_eq!(keys, ["Path", "tag:team", "tag:tier"]);
        assert!(Selector::default().is_everything() && Selector::default().to_filters().is_empty());
    }
}
