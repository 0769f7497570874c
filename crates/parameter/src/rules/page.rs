//! What a listing or a batch may be asked, and the tokens of its pages.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use crate::error::Result;
use crate::{
    ByPathRequest, DescribeRequest, Filter, FilterKey, FilterOption, HistoryRequest, MAX_GET_NAMES, MAX_PAGE,
    MAX_PATH_PAGE, MAX_TAG_NAMES, Operation, ParameterName, ParameterType, StoreError, StoreErrorKind, TierRequest,
};

/// Most values of a filter, and most characters of one.
const MAX_FILTER_VALUES: usize = 50;
const MAX_FILTER_VALUE_CHARS: usize = 1024;

/// Checks a DescribeParameters.
///
/// # Errors
/// Validation for a page size that is not 1 to [`MAX_PAGE`]; InvalidFilterKey, InvalidFilterOption, InvalidFilterValue.
pub fn check_describe(request: &DescribeRequest) -> Result<()> {
    let operation = Operation::DescribeParameters;
    check_page_size(operation, "", request.max_results, MAX_PAGE)?;
    check_filters(operation, &request.filters, |key| !matches!(key, FilterKey::Label))
}

/// Checks a GetParametersByPath.
///
/// # Errors
/// Validation for a page size that is not 1 to [`MAX_PATH_PAGE`] or a path that does not begin with `/`; the filter
/// errors.
pub fn check_by_path(request: &ByPathRequest) -> Result<()> {
    let operation = Operation::GetParametersByPath;
    check_page_size(operation, &request.path, request.max_results, MAX_PATH_PAGE)?;
    if !request.path.starts_with('/') || request.path.contains("//") {
        let message = "a path begins with '/' and has no empty level";
        return Err(StoreError::new(operation, &request.path, StoreErrorKind::Validation, message));
    }
    check_filters(operation, &request.filters, |key| {
        matches!(key, FilterKey::Type | FilterKey::KeyId | FilterKey::Label)
    })
}

/// Checks a GetParameterHistory.
///
/// # Errors
/// Validation for a page size that is not 1 to [`MAX_PAGE`].
pub fn check_history(request: &HistoryRequest) -> Result<()> {
    check_page_size(Operation::GetParameterHistory, request.name.as_str(), request.max_results, MAX_PAGE)
}

/// Checks the names of a GetParameters.
///
/// # Errors
/// Validation when there are none, more than [`MAX_GET_NAMES`], or one twice.
pub fn check_get_many(names: &[ParameterName]) -> Result<()> {
    check_names(Operation::GetParameters, names, 1..=MAX_GET_NAMES)?;
    let mut seen = HashSet::new();
    match names.iter().find(|name| !seen.insert(*name)) {
        None => Ok(()),
        Some(twice) => {
            let message = "the name is asked for twice";
            Err(StoreError::new(Operation::GetParameters, twice, StoreErrorKind::Validation, message))
        }
    }
}

/// Checks the names of a read of tags.
///
/// # Errors
/// Validation when there are none or more than [`MAX_TAG_NAMES`].
pub fn check_tags(names: &[ParameterName]) -> Result<()> {
    check_names(Operation::GetResources, names, 1..=MAX_TAG_NAMES)
}

fn check_names(operation: Operation, names: &[ParameterName], allowed: RangeInclusive<usize>) -> Result<()> {
    if allowed.contains(&names.len()) {
        return Ok(());
    }
    let message = format!("{} names, where {} to {} are allowed", names.len(), allowed.start(), allowed.end());
    Err(StoreError::new(operation, "", StoreErrorKind::Validation, message))
}

fn check_page_size(operation: Operation, subject: &str, size: usize, most: usize) -> Result<()> {
    if (1..=most).contains(&size) {
        return Ok(());
    }
    let message = format!("a page of {size}, where 1 to {most} are allowed");
    Err(StoreError::new(operation, subject, StoreErrorKind::Validation, message))
}

fn check_filters(operation: Operation, filters: &[Filter], is_known: fn(&FilterKey) -> bool) -> Result<()> {
    let mut seen = HashSet::new();
    for filter in filters {
        let key = filter.key.name();
        let refuse = |kind, message: &str| Err(StoreError::new(operation, &key, kind, message));
        if !is_known(&filter.key) {
            return refuse(StoreErrorKind::InvalidFilterKey, "this listing cannot be filtered by it");
        }
        if matches!(&filter.key, FilterKey::Tag(tag) if tag.is_empty() || tag.chars().count() > 128) {
            return refuse(StoreErrorKind::InvalidFilterKey, "a tag's key has 1 to 128 characters");
        }
        if !seen.insert(&filter.key) {
            return refuse(StoreErrorKind::InvalidFilterKey, "the key stands twice; give one filter all its values");
        }
        if !options(&filter.key).contains(&filter.option) {
            return refuse(
                StoreErrorKind::InvalidFilterOption,
                &format!("{} is not an option of it", filter.option.name()),
            );
        }
        if filter.values.is_empty() && !matches!(filter.key, FilterKey::Tag(_)) {
            return refuse(StoreErrorKind::InvalidFilterValue, "there is no value");
        }
        if filter.values.len() > MAX_FILTER_VALUES {
            return refuse(StoreErrorKind::InvalidFilterValue, "there are more than 50 values");
        }
        if let Some(value) = filter.values.iter().find(|value| !is_value(filter, value)) {
            return refuse(StoreErrorKind::InvalidFilterValue, &format!("{value:?} is not a value of it"));
        }
    }
    Ok(())
}

fn options(key: &FilterKey) -> &'static [FilterOption] {
    match key {
        FilterKey::Path => &[FilterOption::Recursive, FilterOption::OneLevel],
        FilterKey::Name => &[FilterOption::Equals, FilterOption::BeginsWith, FilterOption::Contains],
        FilterKey::Label => &[FilterOption::Equals],
        _ => &[FilterOption::Equals, FilterOption::BeginsWith],
    }
}

fn is_value(filter: &Filter, value: &str) -> bool {
    let whole = filter.option == FilterOption::Equals;
    (1..=MAX_FILTER_VALUE_CHARS).contains(&value.chars().count())
        && match filter.key {
            FilterKey::Path => value.starts_with('/') && !value.contains("//"),
            FilterKey::Type if whole => value.parse::<ParameterType>().is_ok(),
            FilterKey::Tier if whole => value.parse::<TierRequest>().is_ok(),
            _ => true,
        }
}

/// The token of the page behind `last`, the key of the last item that was looked at, in a listing by `operation`. Opaque
/// to the caller, and of use to that operation alone.
pub fn encode_token(operation: Operation, last: &str) -> String {
    let hex: String = last.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("{}.{hex}", tag_of(operation))
}

/// Reads what stood in a token that [`encode_token`] made for the same operation, as `parse` understands it; nothing where
/// there is no token.
///
/// # Errors
/// InvalidNextToken for any other text, and where `parse` gives nothing.
pub fn decode_token<T>(
    operation: Operation,
    subject: &str,
    token: Option<&str>,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>> {
    let Some(token) = token else { return Ok(None) };
    match decode(operation, token).and_then(|last| parse(&last)) {
        Some(last) => Ok(Some(last)),
        None => {
            let message = "the token is not one of this listing's";
            Err(StoreError::new(operation, subject, StoreErrorKind::InvalidNextToken, message))
        }
    }
}

fn decode(operation: Operation, token: &str) -> Option<String> {
    let hex = token.strip_prefix(tag_of(operation))?.strip_prefix('.')?;
    if hex.is_empty() || hex.len() % 2 != 0 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let byte = |at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
    let bytes = (0..hex.len()).step_by(2).map(byte).collect::<Option<Vec<u8>>>()?;
    String::from_utf8(bytes).ok()
}

fn tag_of(operation: Operation) -> &'static str {
    match operation {
        Operation::DescribeParameters => "d",
        Operation::GetParametersByPath => "p",
        _ => "h",
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_token_is_of_use_to_its_own_listing_alone() {
        let token = encode_token(Operation::DescribeParameters, "app/é");
        let decode = |operation, token| decode_token(operation, "", Some(token), |last| Some(last.to_owned()));
        assert_eq!(decode(Operation::DescribeParameters, &token).unwrap(), Some("app/é".into()));
        for (operation, token) in [
            (Operation::GetParametersByPath, token.as_str()),
            (Operation::DescribeParameters, "d."),
            (Operation::DescribeParameters, "d.abc"),
            (Operation::DescribeParameters, "d.+1"),
            (Operation::DescribeParameters, "d.zz"),
            (Operation::DescribeParameters, "d.ff"),
            (Operation::DescribeParameters, "é"),
        ] {
            let refused = decode(operation, token).unwrap_err();
            assert_eq!(refused.kind, StoreErrorKind::InvalidNextToken, "{token}");
        }
    }

    #[rstest]
    #[case(FilterKey::Label, FilterOption::Equals, &["x"], StoreErrorKind::InvalidFilterKey)]
    #[case(FilterKey::Tag(String::new()), FilterOption::Equals, &["x"], StoreErrorKind::InvalidFilterKey)]
    #[case(FilterKey::Name, FilterOption::Recursive, &["x"], StoreErrorKind::InvalidFilterOption)]
    #[case(FilterKey::Type, FilterOption::Contains, &["x"], StoreErrorKind::InvalidFilterOption)]
    #[case(FilterKey::Path, FilterOption::Equals, &["/x"], StoreErrorKind::InvalidFilterOption)]
    #[case(FilterKey::Path, FilterOption::Recursive, &["x"], StoreErrorKind::InvalidFilterValue)]
    #[case(FilterKey::Type, FilterOption::Equals, &["Text"], StoreErrorKind::InvalidFilterValue)]
    #[case(FilterKey::Name, FilterOption::Equals, &[], StoreErrorKind::InvalidFilterValue)]
    #[case(FilterKey::Name, FilterOption::Equals, &["x"; 51], StoreErrorKind::InvalidFilterValue)]
    fn refuses_filters(
        #[case] key: FilterKey,
        #[case] option: FilterOption,
        #[case] values: &[&str],
        #[case] kind: StoreErrorKind,
    ) {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        let request = DescribeRequest { filters: vec![Filter { key, option, values }], ..DescribeRequest::default() };
        assert_eq!(check_describe(&request).unwrap_err().kind, kind);
    }
}
