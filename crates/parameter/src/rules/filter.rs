//! Filters: which parameters a listing holds.

use crate::{Filter, FilterKey, FilterOption, Label, ParameterMetadata, Tag};

/// Whether a parameter matches every one of `filters`, which must have passed
/// [`check_describe`](super::check_describe) or [`check_by_path`](super::check_by_path). A filter by label lets
/// everything pass here: it chooses a version, see [`LabelFilter`].
///
/// Names are compared with their leading `/`, whether or not the filter's value has one; `Contains` takes it as it is.
pub fn matches(filters: &[Filter], metadata: &ParameterMetadata, tags: &[Tag]) -> bool {
    filters.iter().all(|filter| matches_one(filter, metadata, tags))
}

fn matches_one(filter: &Filter, metadata: &ParameterMetadata, tags: &[Tag]) -> bool {
    let any = |test: &dyn Fn(&str) -> bool| filter.values.iter().any(|value| test(value));
    let compare = |text: &str| {
        any(&|value| match filter.option {
            FilterOption::BeginsWith => text.starts_with(value),
            FilterOption::Contains => text.contains(value),
            _ => text == value,
        })
    };
    match &filter.key {
        FilterKey::Name => {
            let name = metadata.name.absolute();
            match filter.option {
                FilterOption::Contains => compare(&name),
                option => any(&|value| {
                    let bare = value.strip_prefix('/').unwrap_or(value);
                    match option {
                        FilterOption::BeginsWith => metadata.name.canonical().starts_with(bare),
                        _ => metadata.name.canonical() == bare,
                    }
                }),
            }
        }
        FilterKey::Path => any(&|path| metadata.name.is_under(path, filter.option == FilterOption::Recursive)),
        FilterKey::Type => compare(metadata.parameter_type.as_str()),
        FilterKey::Tier => compare(metadata.tier.as_str()),
        FilterKey::DataType => compare(metadata.data_type.as_str()),
        FilterKey::KeyId => metadata.key_id.as_ref().is_some_and(|key| compare(key.as_str())),
        FilterKey::Tag(key) => {
            tags.iter().any(|tag| tag.key() == key && (filter.values.is_empty() || compare(tag.value())))
        }
        FilterKey::Label => true,
    }
}

/// The labels that a GetParametersByPath asks for. AWS answers it with the versions that bear them ("a list of specific
/// parameter versions that all use the same label") and leaves out the parameters that have none such.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LabelFilter<'a>(&'a [String]);

impl<'a> LabelFilter<'a> {
    /// The filter by label among `filters`; none when the newest version of each parameter is asked for.
    pub fn of(filters: &'a [Filter]) -> Option<Self> {
        filters.iter().find(|filter| filter.key == FilterKey::Label).map(|filter| Self(&filter.values))
    }

    /// Whether a version that bears `label` is asked for. Where several of a parameter's are, the newest is returned, so
    /// that each parameter is listed once.
    pub fn wants(&self, label: &Label) -> bool {
        self.0.iter().any(|wanted| wanted == label.as_str())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::rules::{Occupancy, plan_put};
    use crate::{KeyId, ParameterName, ParameterType, PutRequest, Secret};

    #[rstest]
    #[case(FilterKey::Name, FilterOption::Equals, "/app/dev/db", true)]
    #[case(FilterKey::Name, FilterOption::Equals, "app/dev/db", true)]
    #[case(FilterKey::Name, FilterOption::Equals, "/app/dev", false)]
    #[case(FilterKey::Name, FilterOption::BeginsWith, "/app/d", true)]
    #[case(FilterKey::Name, FilterOption::BeginsWith, "dev", false)]
    #[case(FilterKey::Name, FilterOption::Contains, "/dev/", true)]
    #[case(FilterKey::Name, FilterOption::Contains, "/app", true)]
    #[case(FilterKey::Name, FilterOption::Contains, "Dev", false)]
    #[case(FilterKey::Path, FilterOption::Recursive, "/app", true)]
    #[case(FilterKey::Path, FilterOption::OneLevel, "/app", false)]
    #[case(FilterKey::Path, FilterOption::OneLevel, "/app/dev/", true)]
    #[case(FilterKey::Type, FilterOption::Equals, "SecureString", true)]
    #[case(FilterKey::Type, FilterOption::Equals, "String", false)]
    #[case(FilterKey::KeyId, FilterOption::Equals, "alias/app", true)]
    #[case(FilterKey::KeyId, FilterOption::BeginsWith, "alias/", true)]
    #[case(FilterKey::KeyId, FilterOption::Equals, "alias/", false)]
    #[case(FilterKey::Tier, FilterOption::Equals, "Advanced", false)]
    #[case(FilterKey::DataType, FilterOption::Equals, "text", true)]
    #[case(FilterKey::Tag("team".into()), FilterOption::Equals, "blue", true)]
    #[case(FilterKey::Tag("team".into()), FilterOption::BeginsWith, "b", true)]
    #[case(FilterKey::Tag("team".into()), FilterOption::Equals, "red", false)]
    #[case(FilterKey::Tag("cost".into()), FilterOption::Equals, "blue", false)]
    fn compares(#[case] key: FilterKey, #[case] option: FilterOption, #[case] value: &str, #[case] is: bool) {
        let request = PutRequest {
            parameter_type: Some(ParameterType::SecureString),
            key_id: Some(KeyId::observed("alias/app")),
            ..PutRequest::new(ParameterName::parse("/app/dev/db").unwrap(), Secret::new("v"))
        };
        let plan = plan_put(&request, None, Occupancy::UNLIMITED).unwrap();
        let metadata = plan.into_metadata(None, jiff::Timestamp::UNIX_EPOCH, None);
        let filter = |value: &str| Filter { key: key.clone(), option, values: vec!["no such".into(), value.into()] };
        assert_eq!(matches(&[filter(value)], &metadata, &[Tag::observed("team", "blue")]), is);
    }
}
