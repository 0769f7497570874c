//! The filters of the listings, as they come and what is wrong with them.

use parados_parameter::{Filter, FilterKey, FilterOption, ParameterType, TierRequest};

use crate::ApiError;
use crate::wire::{Constraint, input, list, text};

/// A value of a filter.
pub(super) const FILTER_VALUE: Constraint = text().within(1, 1024);

input! {
    /// A filter of `ParameterFilters`.
    FilterInput {
        key: String = "Key" text().required().within(1, 132)
            .matching("tag:.+|Name|Type|KeyId|Path|Label|Tier|DataType", is_key);
        option: String = "Option" text().within(1, 10);
        values: Vec<Option<String>> = "Values" list().within(1, 50).of(&FILTER_VALUE);
    }
}

fn is_key(text: &str) -> bool {
    key(text).is_some()
}

fn key(text: &str) -> Option<FilterKey> {
    Some(match text {
        "Name" => FilterKey::Name,
        "Type" => FilterKey::Type,
        "KeyId" => FilterKey::KeyId,
        "Path" => FilterKey::Path,
        "Label" => FilterKey::Label,
        "Tier" => FilterKey::Tier,
        "DataType" => FilterKey::DataType,
        tag => FilterKey::Tag(tag.strip_prefix("tag:").filter(|tag| !tag.is_empty())?.to_owned()),
    })
}

/// Which listing is filtered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listing {
    Describe,
    ByPath,
}

impl Listing {
    fn knows(self, key: &FilterKey) -> bool {
        match self {
            Self::Describe => *key != FilterKey::Label,
            Self::ByPath => matches!(key, FilterKey::Type | FilterKey::KeyId | FilterKey::Label),
        }
    }

    fn keys(self) -> &'static str {
        match self {
            Self::Describe => "[Path, Name, Type, KeyId, Tier, DataType]",
            Self::ByPath => "[Type, KeyId, Label]",
        }
    }
}

/// The filters of a listing.
///
/// # Errors
/// InvalidFilterKey, InvalidFilterOption, InvalidFilterValue, in AWS's words.
pub(super) fn filters(inputs: Option<Vec<Option<FilterInput>>>, listing: Listing) -> Result<Vec<Filter>, ApiError> {
    let mut filters: Vec<Filter> = Vec::new();
    for input in inputs.unwrap_or_default().into_iter().flatten() {
        let name = input.key.unwrap_or_default();
        let Some(key) = key(&name).filter(|key| listing.knows(key)) else {
            return Err(ApiError::new(
                "InvalidFilterKey",
                format!(
                    "The following filter key is not valid: {name}. Valid filter keys include: {}.",
                    listing.keys()
                ),
            ));
        };
        if filters.iter().any(|filter| filter.key == key) {
            return Err(ApiError::new(
                "InvalidFilterKey",
                format!(
                    "The following filter is duplicated in the request: {name}. A request can contain only one occurrence \
                     of a specific filter."
                ),
            ));
        }
        let values: Vec<String> = input.values.unwrap_or_default().into_iter().flatten().collect();
        if values.is_empty() && !matches!(key, FilterKey::Tag(_)) {
            return Err(ApiError::new(
                "InvalidFilterValue",
                format!("The following filter values are missing : null for filter key {name}."),
            ));
        }
        let option = option(&key, input.option.as_deref())?;
        check_values(&key, option, &values)?;
        filters.push(Filter { key, option, values });
    }
    Ok(filters)
}

fn option(key: &FilterKey, text: Option<&str>) -> Result<FilterOption, ApiError> {
    let (known, valid): (&[FilterOption], _) = match key {
        FilterKey::Path => (&[FilterOption::OneLevel, FilterOption::Recursive], "[Recursive, OneLevel]"),
        FilterKey::Label => (&[FilterOption::Equals], "[Equals]"),
        FilterKey::Name => (
            &[FilterOption::Equals, FilterOption::BeginsWith, FilterOption::Contains],
            "[BeginsWith, Contains, Equals]",
        ),
        _ => (&[FilterOption::Equals, FilterOption::BeginsWith], "[BeginsWith, Equals]"),
    };
    match text {
        None => Ok(known[0]),
        Some(text) => known.iter().copied().find(|option| option.name() == text).ok_or_else(|| {
            let message = format!("The following filter option is not valid: {text}. Valid options include: {valid}.");
            ApiError::new("InvalidFilterOption", message)
        }),
    }
}

fn check_values(key: &FilterKey, option: FilterOption, values: &[String]) -> Result<(), ApiError> {
    let whole = option == FilterOption::Equals;
    let (is_value, valid): (fn(&str) -> bool, _) = match key {
        FilterKey::Type if whole => {
            (|text| text.parse::<ParameterType>().is_ok(), "[String, StringList, SecureString]")
        }
        FilterKey::Tier if whole => {
            (|text| text.parse::<TierRequest>().is_ok(), "[Standard, Advanced, Intelligent-Tiering]")
        }
        FilterKey::Path => (|text| text.starts_with('/') && !text.contains("//"), "[a path that begins with \"/\"]"),
        _ => return Ok(()),
    };
    match values.iter().find(|value| !is_value(value)) {
        None => Ok(()),
        Some(value) => {
            let message = format!("The following filter value is not valid: {value}. Valid values include: {valid}.");
            Err(ApiError::new("InvalidFilterValue", message))
        }
    }
}
