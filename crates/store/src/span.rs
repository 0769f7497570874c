//! Which stretch of the names a listing goes through.

use parados_parameter::{Filter, FilterKey, FilterOption, ParameterName};

/// Above every character that a name can hold.
const HIGHEST: char = '\u{10ffff}';
/// Below every character that a name can hold.
const LOWEST: char = '\u{1}';

/// A stretch of canonical names in their order, which an index finds, and what each of them contains.
///
/// It narrows a listing and does not decide it: what it lets through must still match the filters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// The first name, if there is one.
    pub(crate) from: String,
    /// The name behind the last one.
    pub(crate) before: String,
    /// What the name with its leading `/` contains; empty for anything.
    pub(crate) contains: String,
}

impl Span {
    /// The names that begin with `prefix`, a canonical one.
    fn beginning_with(prefix: &str) -> Self {
        Self { from: prefix.to_owned(), before: format!("{prefix}{HIGHEST}"), contains: String::new() }
    }

    /// The names under `path`.
    pub(crate) fn under(path: &str) -> Self {
        match path.trim_matches('/') {
            "" => Self::beginning_with(""),
            path => Self::beginning_with(&format!("{path}/")),
        }
    }

    /// The names that `filters` can match. Only filters of one value narrow it.
    pub(crate) fn of(filters: &[Filter]) -> Self {
        let mut span = Self::beginning_with("");
        for filter in filters {
            let [value] = filter.values.as_slice() else { continue };
            match (&filter.key, filter.option) {
                (FilterKey::Path, _) => span.narrow(&Self::under(value)),
                (FilterKey::Name, FilterOption::Contains) => span.contains.clone_from(value),
                (FilterKey::Name, _) => span.narrow(&Self::beginning_with(value.strip_prefix('/').unwrap_or(value))),
                _ => {}
            }
        }
        span
    }

    /// What of it lies behind the name that a page ended with; all of it where there was none.
    pub(crate) fn behind(mut self, last: Option<&ParameterName>) -> Self {
        if let Some(last) = last {
            self.from = self.from.max(format!("{}{LOWEST}", last.canonical()));
        }
        self
    }

    fn narrow(&mut self, other: &Self) {
        if other.from > self.from {
            self.from.clone_from(&other.from);
        }
        if other.before < self.before {
            self.before.clone_from(&other.before);
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::everything(&[], &["a", "z/z"], &[])]
    #[case::path(&[(FilterKey::Path, FilterOption::OneLevel, "/app/dev/")], &["app/dev/a"], &["app/dev", "app/dev0", "app/deva"])]
    #[case::root(&[(FilterKey::Path, FilterOption::Recursive, "/")], &["a", "z/z"], &[])]
    #[case::begins(&[(FilterKey::Name, FilterOption::BeginsWith, "/app/d")], &["app/d", "app/dev"], &["app/c", "app/e", "b"])]
    #[case::both(
        &[(FilterKey::Path, FilterOption::Recursive, "/app"), (FilterKey::Name, FilterOption::BeginsWith, "app/d")],
        &["app/d", "app/dev"],
        &["app/c", "app/e"],
    )]
    #[case::other(&[(FilterKey::Type, FilterOption::Equals, "String")], &["a", "z/z"], &[])]
    fn narrows(#[case] filters: &[(FilterKey, FilterOption, &str)], #[case] within: &[&str], #[case] without: &[&str]) {
        let filter = |(key, option, value): &(FilterKey, FilterOption, &str)| Filter {
            key: key.clone(),
            option: *option,
            values: vec![(*value).to_owned()],
        };
        let span = Span::of(&filters.iter().map(filter).collect::<Vec<_>>());
        let holds = |name: &&str| span.from.as_str() <= *name && *name < span.before.as_str();
        assert!(within.iter().all(&holds), "{span:?}");
        assert!(!without.iter().any(holds), "{span:?}");
    }

    #[test]
    fn goes_on_behind_a_name() {
        let behind = |last: &str| Span::under("/app").behind(Some(&ParameterName::observed(last)));
        let span = behind("/app/dev");
        assert!(span.from.as_str() > "app/dev" && span.from.as_str() < "app/dev-");
        assert_eq!(behind("aaa"), Span::under("/app"), "never before its beginning");
    }
}
