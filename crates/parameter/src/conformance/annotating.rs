//! Promises about labels and tags, written.

use super::act::{
    assert_fails, create, label, labels, labels_of, make_versions, name, request, tag, tags_of, texts, version,
};
use super::{Promise, promise};
use crate::{LabelOutcome, Operation, PutRequest, SharedStore, StoreErrorKind, UnlabelOutcome};

pub(super) const PROMISES: &[Promise] = &[
    promise!(a_label_goes_to_the_newest_version, "Labels a version, the newest where none is given"),
    promise!(a_label_moves, "a label that another version bears moves"),
    promise!(invalid_labels_come_back, "Labels that break the rules come back in `invalid` and change nothing."),
    promise!(ten_labels_are_the_most, "ParameterVersionLabelLimitExceeded past ten, and then none is set."),
    promise!(
        labelling_says_what_is_not_there,
        "ParameterNotFound; ParameterVersionNotFound; ParameterVersionLabelLimitExceeded past ten"
    ),
    promise!(labels_are_taken_off, "Labels that it does not bear come back in `invalid`."),
    promise!(unlabelling_says_what_is_not_there, "ParameterNotFound; ParameterVersionNotFound."),
    promise!(a_tag_that_is_there_gets_the_new_value, "Adds tags; a key that is there gets the new value"),
    promise!(fifty_tags_are_the_most, "TooManyTags past 50, and then none is set."),
    promise!(tags_are_taken_off, "Takes tags off by key; a key that is not there is no error"),
    promise!(tagging_says_what_is_not_there, "InvalidResourceId when it does not exist"),
];

async fn a_label_goes_to_the_newest_version(store: SharedStore) {
    make_versions(&*store, "/a", 3).await;
    let outcome = store.label(&name("/a"), None, &texts(&["newest"])).await;
    assert_eq!(outcome, Ok(LabelOutcome { version: version(3), invalid: vec![] }));
    assert_eq!(label(&*store, "/a", 1, &["oldest", "first"]).await.version, version(1));
    assert_eq!(labels_of(&*store, "/a").await, [(1, texts(&["first", "oldest"])), (3, texts(&["newest"]))]);
}

async fn a_label_moves(store: SharedStore) {
    make_versions(&*store, "/a", 2).await;
    label(&*store, "/a", 1, &["blue", "green"]).await;
    label(&*store, "/a", 2, &["blue"]).await;
    assert_eq!(labels_of(&*store, "/a").await, [(1, texts(&["green"])), (2, texts(&["blue"]))]);
    label(&*store, "/a", 2, &["blue"]).await;
    assert_eq!(labels_of(&*store, "/a").await.len(), 2, "where it is already it stays");
}

async fn invalid_labels_come_back(store: SharedStore) {
    create(&*store, &["/a"]).await;
    let mut outcome = label(&*store, "/a", 1, &["1st", "aws-x", "ssm-x", "good", "a b"]).await;
    outcome.invalid.sort();
    assert_eq!(outcome.invalid, ["1st", "a b", "aws-x", "ssm-x"]);
    assert_eq!(labels_of(&*store, "/a").await, [(1, texts(&["good"]))]);
}

async fn ten_labels_are_the_most(store: SharedStore) {
    create(&*store, &["/a"]).await;
    let all: Vec<_> = (0..12).map(|n| format!("l{n:02}")).collect();
    let all: Vec<_> = all.iter().map(String::as_str).collect();
    label(&*store, "/a", 1, &all[..9]).await;
    let outcome = store.label(&name("/a"), None, &texts(&all[9..11])).await;
    let kind = StoreErrorKind::ParameterVersionLabelLimitExceeded;
    assert_fails(outcome, Operation::LabelParameterVersion, kind);
    assert_eq!(labels_of(&*store, "/a").await, [(1, texts(&all[..9]))]);
    label(&*store, "/a", 1, &all[8..10]).await;
    assert_eq!(labels_of(&*store, "/a").await, [(1, texts(&all[..10]))]);
}

async fn labelling_says_what_is_not_there(store: SharedStore) {
    create(&*store, &["/a"]).await;
    let operation = Operation::LabelParameterVersion;
    let missing = store.label(&name("/none"), None, &texts(&["l"])).await;
    assert_fails(missing, operation, StoreErrorKind::ParameterNotFound);
    let missing = store.label(&name("/a"), Some(version(2)), &texts(&["l"])).await;
    assert_fails(missing, operation, StoreErrorKind::ParameterVersionNotFound);
}

async fn labels_are_taken_off(store: SharedStore) {
    make_versions(&*store, "/a", 2).await;
    label(&*store, "/a", 1, &["blue", "green"]).await;
    label(&*store, "/a", 2, &["red"]).await;
    let outcome = store.unlabel(&name("/a"), version(1), &labels(&["blue", "red"])).await;
    assert_eq!(outcome, Ok(UnlabelOutcome { removed: labels(&["blue"]), invalid: labels(&["red"]) }));
    assert_eq!(labels_of(&*store, "/a").await, [(1, texts(&["green"])), (2, texts(&["red"]))]);
}

async fn unlabelling_says_what_is_not_there(store: SharedStore) {
    create(&*store, &["/a"]).await;
    let operation = Operation::UnlabelParameterVersion;
    let missing = store.unlabel(&name("/none"), version(1), &labels(&["l"])).await;
    assert_fails(missing, operation, StoreErrorKind::ParameterNotFound);
    let missing = store.unlabel(&name("/a"), version(2), &labels(&["l"])).await;
    assert_fails(missing, operation, StoreErrorKind::ParameterVersionNotFound);
}

async fn a_tag_that_is_there_gets_the_new_value(store: SharedStore) {
    create(&*store, &["/a", "/other"]).await;
    assert_eq!(store.tag(&name("/a"), &[tag("b", "1"), tag("a", "1")]).await, Ok(()));
    assert_eq!(store.tag(&name("/a"), &[tag("b", "2"), tag("c", "")]).await, Ok(()));
    assert_eq!(tags_of(&*store, "/a").await, [tag("a", "1"), tag("b", "2"), tag("c", "")]);
    assert_eq!(tags_of(&*store, "/other").await, []);
}

async fn fifty_tags_are_the_most(store: SharedStore) {
    let tags: Vec<_> = (0..50).map(|n| tag(&format!("k{n:02}"), "v")).collect();
    super::act::put(&*store, PutRequest { tags: tags.clone(), ..request("/a", "v") }).await;
    let outcome = store.tag(&name("/a"), &[tag("k00", "w"), tag("one more", "v")]).await;
    assert_fails(outcome, Operation::AddTagsToResource, StoreErrorKind::TooManyTags);
    assert_eq!(tags_of(&*store, "/a").await, tags);
}

async fn tags_are_taken_off(store: SharedStore) {
    super::act::put(&*store, PutRequest { tags: vec![tag("a", "1"), tag("b", "2")], ..request("/a", "v") }).await;
    assert_eq!(store.untag(&name("/a"), &texts(&["a", "none"])).await, Ok(()));
    assert_eq!(tags_of(&*store, "/a").await, [tag("b", "2")]);
}

async fn tagging_says_what_is_not_there(store: SharedStore) {
    let kind = StoreErrorKind::InvalidResourceId;
    assert_fails(store.tag(&name("/none"), &[tag("k", "v")]).await, Operation::AddTagsToResource, kind);
    assert_fails(store.untag(&name("/none"), &texts(&["k"])).await, Operation::RemoveTagsFromResource, kind);
}
