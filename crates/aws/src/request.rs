//! The nouns, as the SDK's requests want them.

use aws_sdk_ssm::types as sdk;
use parados_parameter::{
    Filter, Operation, ParameterName, ParameterType, Policy, StoreError, StoreErrorKind, Tag, TierRequest, policy,
};

/// PutParameter's `Policies` that takes all policies away (user guide, "Removing policies from parameters").
const NO_POLICIES: &str = "[{}]";

/// The filters; none at all rather than an empty list.
pub(crate) fn filters(filters: &[Filter]) -> Option<Vec<sdk::ParameterStringFilter>> {
    let one = |filter: &Filter| {
        sdk::ParameterStringFilter::builder()
            .key(filter.key.name())
            .option(filter.option.name())
            .set_values((!filter.values.is_empty()).then(|| filter.values.clone()))
            .build()
            .expect("a filter has a key")
    };
    (!filters.is_empty()).then(|| filters.iter().map(one).collect())
}

/// `MaxResults`, which must be 1 to `most`: AWS refuses the rest, and so does every store.
pub(crate) fn max_results(operation: Operation, asked: usize, most: usize) -> Result<i32, StoreError> {
    let wrong = || refused(operation, format!("max_results is {asked}; it is 1 to {most}"));
    (1..=most).contains(&asked).then(|| i32::try_from(asked).ok()).flatten().ok_or_else(wrong)
}

/// Refuses no names, and more than `most`.
pub(crate) fn check_count(operation: Operation, names: &[ParameterName], most: usize) -> Result<(), StoreError> {
    match names.len() {
        count if (1..=most).contains(&count) => Ok(()),
        count => Err(refused(operation, format!("{count} names; 1 to {most} are allowed"))),
    }
}

/// Refuses a name that is there twice.
pub(crate) fn check_distinct(operation: Operation, names: &[ParameterName]) -> Result<(), StoreError> {
    let mut sorted: Vec<&ParameterName> = names.iter().collect();
    sorted.sort_unstable();
    match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(refused(operation, format!("{} is named twice", pair[1]))),
        None => Ok(()),
    }
}

fn refused(operation: Operation, message: String) -> StoreError {
    StoreError::new(operation, "", StoreErrorKind::Validation, message)
}

/// The name of a few names for an error.
pub(crate) fn subject(names: &[ParameterName]) -> String {
    const SHOWN: usize = 3;
    let mut text = names.iter().take(SHOWN).map(ParameterName::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text = format!("{text} and {} more", names.len() - SHOWN);
    }
    text
}

pub(crate) fn parameter_type(one: ParameterType) -> sdk::ParameterType {
    sdk::ParameterType::from(one.as_str())
}

pub(crate) fn tier(one: TierRequest) -> sdk::ParameterTier {
    sdk::ParameterTier::from(one.as_str())
}

pub(crate) fn tags(tags: &[Tag]) -> Option<Vec<sdk::Tag>> {
    let one =
        |tag: &Tag| sdk::Tag::builder().key(tag.key()).value(tag.value()).build().expect("a tag has a key and a value");
    (!tags.is_empty()).then(|| tags.iter().map(one).collect())
}

/// The policies of a put: left as they are where there are none, taken away by an empty list, which only an overwrite can.
pub(crate) fn policies(policies: Option<&[Policy]>, overwrite: bool) -> Option<String> {
    policy::join(policies?).or_else(|| overwrite.then(|| NO_POLICIES.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(texts: &[&str]) -> Vec<ParameterName> {
        texts.iter().map(|text| ParameterName::parse(text).unwrap()).collect()
    }

    #[test]
    fn names_are_counted_and_differ() {
        const OPERATION: Operation = Operation::GetParameters;
        check_count(OPERATION, &names(&["/a", "/b", "/c"]), 3).unwrap();
        for wrong in [&[][..], &["/a", "/b", "/c", "/d"]] {
            assert_eq!(check_count(OPERATION, &names(wrong), 3).unwrap_err().kind, StoreErrorKind::Validation);
        }
        check_distinct(OPERATION, &names(&["/a", "/b"])).unwrap();
        assert_eq!(check_distinct(OPERATION, &names(&["/a", "a"])).unwrap_err().kind, StoreErrorKind::Validation);
    }

    #[test]
    fn max_results_has_limits() {
        let check = |asked| max_results(Operation::DescribeParameters, asked, 50);
        assert_eq!((check(1).unwrap(), check(50).unwrap()), (1, 50));
        check(0).unwrap_err();
        check(51).unwrap_err();
    }

    #[test]
    fn a_subject_is_short() {
        assert_eq!(subject(&names(&["/a", "/b"])), "/a, /b");
        assert_eq!(subject(&names(&["/a", "/b", "/c", "/d", "/e"])), "/a, /b, /c and 2 more");
    }

    #[test]
    fn only_an_overwrite_takes_policies_away() {
        assert_eq!(policies(None, true), None);
        assert_eq!(policies(Some(&[]), false), None);
        assert_eq!(policies(Some(&[]), true).as_deref(), Some("[{}]"));
    }
}
