//! Labels and tags: what a request makes of those that are there.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Result;
use crate::{Label, MAX_LABELS, MAX_TAGS, Operation, ParameterName, StoreError, StoreErrorKind, Tag, UnlabelOutcome};

/// What a LabelParameterVersion does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelPlan {
    /// Labels that the version bears afterwards beside those that it bore, and that no other version bears any more.
    pub set: Vec<Label>,
    /// Labels that break the rules.
    pub invalid: Vec<String>,
}

/// What labelling a version of `name` that bears `borne` with `labels` does.
///
/// # Errors
/// Validation when there are no labels; ParameterVersionLabelLimitExceeded when the version would bear more than
/// [`MAX_LABELS`].
pub fn plan_labels(name: &ParameterName, borne: &BTreeSet<Label>, labels: &[String]) -> Result<LabelPlan> {
    let refuse = |kind, message: &str| Err(StoreError::new(Operation::LabelParameterVersion, name, kind, message));
    if labels.is_empty() {
        return refuse(StoreErrorKind::Validation, "there are no labels");
    }
    let mut plan = LabelPlan { set: Vec::new(), invalid: Vec::new() };
    for text in labels {
        match Label::parse(text) {
            Ok(label) if !borne.contains(&label) && !plan.set.contains(&label) => plan.set.push(label),
            Ok(_) => {}
            Err(_) if plan.invalid.contains(text) => {}
            Err(_) => plan.invalid.push(text.clone()),
        }
    }
    if borne.len() + plan.set.len() > MAX_LABELS {
        return refuse(StoreErrorKind::ParameterVersionLabelLimitExceeded, "a version bears at most 10 labels");
    }
    Ok(plan)
}

/// What taking `labels` off a version of `name` that bears `borne` does.
///
/// # Errors
/// Validation when there are no labels.
pub fn plan_unlabels(name: &ParameterName, borne: &BTreeSet<Label>, labels: &[Label]) -> Result<UnlabelOutcome> {
    if labels.is_empty() {
        let operation = Operation::UnlabelParameterVersion;
        return Err(StoreError::new(operation, name, StoreErrorKind::Validation, "there are no labels"));
    }
    let mut seen = BTreeSet::new();
    let labels = labels.iter().filter(|label| seen.insert(*label)).cloned();
    let (removed, invalid) = labels.partition(|label| borne.contains(label));
    Ok(UnlabelOutcome { removed, invalid })
}

/// The tags of `name` after AddTagsToResource put `added` to `current`: sorted by key, a key's last value.
///
/// # Errors
/// Validation for a tag that breaks the rules; TooManyTags past [`MAX_TAGS`].
pub fn merge_tags(name: &ParameterName, current: &[Tag], added: &[Tag]) -> Result<Vec<Tag>> {
    merge_tags_of(Operation::AddTagsToResource, name, current, added)
}

pub(super) fn merge_tags_of(
    operation: Operation,
    name: &ParameterName,
    current: &[Tag],
    added: &[Tag],
) -> Result<Vec<Tag>> {
    let refuse = |kind, message: String| StoreError::new(operation, name, kind, message);
    for tag in added {
        Tag::new(tag.key(), tag.value()).map_err(|invalid| refuse(StoreErrorKind::Validation, invalid.to_string()))?;
    }
    let tags = list_tags_of(current.iter().chain(added).map(|tag| (tag.key(), tag.value())));
    match tags.len() <= MAX_TAGS {
        true => Ok(tags),
        false => Err(refuse(StoreErrorKind::TooManyTags, "a parameter has at most 50 tags".into())),
    }
}

/// The tags of `current` whose keys are not among `keys`.
pub fn remove_tags(current: &[Tag], keys: &[String]) -> Vec<Tag> {
    current.iter().filter(|tag| !keys.iter().any(|key| key == tag.key())).cloned().collect()
}

/// Tags as the contract lists them: sorted by key, each key once with its last value.
pub fn list_tags_of<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<Tag> {
    let by_key: BTreeMap<_, _> = pairs.into_iter().collect();
    by_key.into_iter().map(|(key, value)| Tag::observed(key, value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> ParameterName {
        ParameterName::parse("/a").unwrap()
    }

    fn texts(labels: &[&str]) -> Vec<String> {
        labels.iter().map(|label| (*label).to_owned()).collect()
    }

    #[test]
    fn ten_labels_are_the_most_and_those_already_borne_do_not_count_twice() {
        let borne: BTreeSet<_> = (0..9).map(|n| Label::observed(format!("l{n}"))).collect();
        let plan = plan_labels(&name(), &borne, &texts(&["l0", "new", "new", "1st", "1st"])).unwrap();
        assert_eq!(plan, LabelPlan { set: vec![Label::observed("new")], invalid: texts(&["1st"]) });
        let error = plan_labels(&name(), &borne, &texts(&["x", "y"])).unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::ParameterVersionLabelLimitExceeded);
        assert_eq!(plan_labels(&name(), &borne, &[]).unwrap_err().kind, StoreErrorKind::Validation);
    }

    #[test]
    fn a_tag_s_last_value_stands_and_fifty_are_the_most() {
        let tag = |key: &str, value: &str| Tag::observed(key, value);
        let merged = merge_tags(&name(), &[tag("b", "1")], &[tag("a", "1"), tag("b", "2"), tag("b", "3")]).unwrap();
        assert_eq!(merged, [tag("a", "1"), tag("b", "3")]);
        let fifty: Vec<_> = (0..50).map(|n| tag(&format!("k{n}"), "")).collect();
        merge_tags(&name(), &fifty, &[tag("k7", "x")]).unwrap();
        let error = merge_tags(&name(), &fifty, &[tag("one more", "x")]).unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::TooManyTags);
        let error = merge_tags(&name(), &[], &[tag("aws:x", "x")]).unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Validation);
    }
}
