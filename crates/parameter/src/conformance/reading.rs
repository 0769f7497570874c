//! Promises about get, get_many, history, tags and list_tags, and about what reads see.

use super::act::{
    assert_fails, create, describe, describe_all, get, history, label, labels, make_versions, name, overwriting, put,
    request, spelled, tag, version,
};
use super::{Promise, promise};
use crate::{
    Description, HistoryRequest, Label, MAX_TAG_NAMES, Operation, ParameterReference, ParameterType, PutRequest,
    SharedStore, StoreErrorKind, VersionReference,
};

pub(super) const PROMISES: &[Promise] = &[
    promise!(reads_see_what_was_written, "A read begun after a write returned sees it."),
    promise!(
        a_leading_slash_makes_no_other_parameter,
        "`foo` and `/foo` are one parameter; listings spell it as it was created."
    ),
    promise!(
        get_reads_the_version_that_is_named,
        "Reads one parameter, decrypted, at its newest version or at the one that the reference names"
    ),
    promise!(get_says_what_is_not_there, "ParameterNotFound; ParameterVersionNotFound; InvalidKeyId"),
    promise!(
        get_many_accounts_for_every_name,
        "between them, `parameters` and `invalid` hold every name once, in any order."
    ),
    promise!(get_many_checks_its_names, "Validation when there are none, more than ten, or one twice"),
    promise!(
        history_is_oldest_first,
        "Reads the versions that are kept of a parameter, oldest first, with their labels"
    ),
    promise!(history_tells_what_was_true, "What was true of this version. Its `arn` and `annotations` are absent."),
    promise!(history_of_nothing_fails, "a failed read is an error, never an empty answer."),
    promise!(
        tags_are_read_together,
        "A parameter without tags, or that does not exist, is absent from the answer. Sorted by key."
    ),
    promise!(all_tags_are_all_or_none, "A parameter that is absent from the answer has no tags."),
    promise!(tags_check_their_names, "Validation when there are none or too many names"),
    promise!(list_tags_says_what_is_not_there, "Reads the tags of one parameter (ListTagsForResource), sorted by key."),
    promise!(
        annotations_equal_tags_and_history,
        "When present they equal what [`tags`](crate::ParameterStore::tags) and \
         [`history`](crate::ParameterStore::history) say."
    ),
];

async fn reads_see_what_was_written(store: SharedStore) {
    put(&*store, PutRequest { tags: vec![tag("k", "v")], ..request("/a", "first ☃\n\"x\"") }).await;
    assert_eq!(get(&*store, "/a").await.value.reveal(), "first ☃\n\"x\"");
    assert_eq!(describe(&*store, "/a").await.map(|metadata| metadata.version), Some(version(1)));
    put(&*store, overwriting("/a", "second")).await;
    assert_eq!(get(&*store, "/a").await.value.reveal(), "second");
    assert_eq!(history(&*store, "/a").await.len(), 2);
    store.delete(&name("/a")).await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(describe_all(&*store, &[]).await, []);
    let found = store.get_many(&[name("/a")]).await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(found.invalid, [name("/a")]);
}

async fn a_leading_slash_makes_no_other_parameter(store: SharedStore) {
    create(&*store, &["plain", "/absolute"]).await;
    for text in ["/plain", "absolute"] {
        let outcome = store.put(&request(text, "v")).await;
        assert_fails(outcome, Operation::PutParameter, StoreErrorKind::ParameterAlreadyExists);
        assert_eq!(put(&*store, overwriting(text, "w")).await.version, version(2));
        assert_eq!(get(&*store, text).await.value.reveal(), "w");
    }
    let listed = describe_all(&*store, &[]).await;
    assert_eq!(spelled(listed.iter().map(|metadata| &metadata.name)), ["/absolute", "plain"]);
    store.delete(&name("/plain")).await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(describe_all(&*store, &[]).await.len(), 1);
}

async fn get_reads_the_version_that_is_named(store: SharedStore) {
    make_versions(&*store, "/a", 3).await;
    label(&*store, "/a", 2, &["blue"]).await;
    for (at, expected) in [
        (None, 3),
        (Some(VersionReference::Version(version(1))), 1),
        (Some(VersionReference::Label(Label::observed("blue"))), 2),
    ] {
        let read =
            store.get(&ParameterReference { name: name("/a"), at }).await.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((read.version, read.value.reveal()), (version(expected), format!("v{expected}").as_str()));
    }
}

async fn get_says_what_is_not_there(store: SharedStore) {
    create(&*store, &["/a"]).await;
    let reference = |text, at| ParameterReference { name: name(text), at };
    let missing = store.get(&reference("/b", None)).await;
    assert_fails(missing, Operation::GetParameter, StoreErrorKind::ParameterNotFound);
    for at in [VersionReference::Version(version(2)), VersionReference::Label(Label::observed("none"))] {
        let missing = store.get(&reference("/a", Some(at))).await;
        assert_fails(missing, Operation::GetParameter, StoreErrorKind::ParameterVersionNotFound);
    }
}

async fn get_many_accounts_for_every_name(store: SharedStore) {
    create(&*store, &["/a", "/b", "/c"]).await;
    put(&*store, PutRequest { parameter_type: Some(ParameterType::SecureString), ..request("/secure", "hidden") })
        .await;
    let asked = ["/a", "/x", "/secure", "/c", "/y"].map(name);
    let found = store.get_many(&asked).await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(spelled(found.parameters.iter().map(|one| &one.name)), ["/a", "/c", "/secure"]);
    assert_eq!(spelled(&found.invalid), ["/x", "/y"]);
    let secure = found.parameters.iter().find(|one| one.name == name("/secure"));
    assert_eq!(secure.map(|one| one.value.reveal()), Some("hidden"));
}

async fn get_many_checks_its_names(store: SharedStore) {
    create(&*store, &["/a"]).await;
    let eleven: Vec<_> = (0..11).map(|n| name(&format!("/{n}"))).collect();
    for names in [vec![], eleven, vec![name("/a"), name("/a")]] {
        assert_fails(store.get_many(&names).await, Operation::GetParameters, StoreErrorKind::Validation);
    }
}

async fn history_is_oldest_first(store: SharedStore) {
    make_versions(&*store, "/a", 4).await;
    label(&*store, "/a", 2, &["b", "a"]).await;
    label(&*store, "/a", 4, &["c"]).await;
    let entries = history(&*store, "/a").await;
    let said: Vec<_> = entries
        .iter()
        .map(|entry| (entry.metadata.version.get(), entry.value.reveal(), entry.labels.clone()))
        .collect();
    let expected =
        [(1, "v1", labels(&[])), (2, "v2", labels(&["a", "b"])), (3, "v3", labels(&[])), (4, "v4", labels(&["c"]))];
    assert_eq!(said, expected);
}

async fn history_tells_what_was_true(store: SharedStore) {
    put(&*store, PutRequest { description: Some(Description::observed("old")), ..request("/a", "v") }).await;
    let before = describe(&*store, "/a").await.expect("it was put");
    put(&*store, PutRequest { description: Some(Description::observed("new")), ..overwriting("/a", "w") }).await;
    let entries = history(&*store, "/a").await;
    let mut then = entries[0].metadata.clone();
    assert_eq!((&then.arn, &then.annotations), (&None, &None));
    (then.arn, then.annotations) = (before.arn.clone(), before.annotations.clone());
    assert_eq!(then, before);
    assert_eq!(entries[1].metadata.description, Some(Description::observed("new")));
}

async fn history_of_nothing_fails(store: SharedStore) {
    let outcome = store.history(&HistoryRequest::of(name("/none"))).await;
    assert_fails(outcome, Operation::GetParameterHistory, StoreErrorKind::ParameterNotFound);
}

async fn tags_are_read_together(store: SharedStore) {
    put(&*store, PutRequest { tags: vec![tag("b", "2"), tag("a", "1")], ..request("/a", "v") }).await;
    put(&*store, PutRequest { tags: vec![tag("c", "")], ..request("/b", "v") }).await;
    create(&*store, &["/untagged", "/unasked"]).await;
    let asked: Vec<_> = ["/a", "/b", "/untagged", "/none"].into_iter().map(name).collect();
    let tags = store.tags(&asked).await.unwrap_or_else(|error| panic!("{error}"));
    let expected = [(name("/a"), vec![tag("a", "1"), tag("b", "2")]), (name("/b"), vec![tag("c", "")])];
    assert_eq!(tags, expected.into_iter().collect());
}

async fn all_tags_are_all_or_none(store: SharedStore) {
    let all = async || store.all_tags().await.unwrap_or_else(|error| panic!("{error}"));
    assert!(all().await.unwrap_or_default().is_empty());
    create(&*store, &["/untagged"]).await;
    put(&*store, PutRequest { tags: vec![tag("b", "2"), tag("a", "1")], ..request("/a", "v") }).await;
    put(&*store, PutRequest { tags: vec![tag("c", "")], ..request("b", "v") }).await;
    if let Some(tags) = all().await {
        let expected = [(name("/a"), vec![tag("a", "1"), tag("b", "2")]), (name("b"), vec![tag("c", "")])];
        assert_eq!(tags, expected.into_iter().collect());
    }
    for number in 2..=MAX_TAG_NAMES {
        put(&*store, PutRequest { tags: vec![tag("a", "1")], ..request(&format!("/many/{number}"), "v") }).await;
    }
    assert_eq!(all().await, None, "one answer holds a hundred");
}

async fn tags_check_their_names(store: SharedStore) {
    let names: Vec<_> = (0..101).map(|n| name(&format!("/{n}"))).collect();
    for names in [&names[..0], &names[..]] {
        assert_fails(store.tags(names).await, Operation::GetResources, StoreErrorKind::Validation);
    }
    assert_eq!(store.tags(&names[..100]).await.map(|tags| tags.len()), Ok(0));
}

async fn list_tags_says_what_is_not_there(store: SharedStore) {
    put(&*store, PutRequest { tags: vec![tag("b", "2"), tag("a", "1")], ..request("/a", "v") }).await;
    create(&*store, &["/untagged"]).await;
    assert_eq!(store.list_tags(&name("/a")).await, Ok(vec![tag("a", "1"), tag("b", "2")]));
    assert_eq!(store.list_tags(&name("/untagged")).await, Ok(vec![]));
    let outcome = store.list_tags(&name("/none")).await;
    assert_fails(outcome, Operation::ListTagsForResource, StoreErrorKind::InvalidResourceId);
}

async fn annotations_equal_tags_and_history(store: SharedStore) {
    make_versions(&*store, "/a", 3).await;
    label(&*store, "/a", 3, &["z"]).await;
    label(&*store, "/a", 1, &["y", "x"]).await;
    store.tag(&name("/a"), &[tag("t", "1"), tag("s", "2")]).await.unwrap_or_else(|error| panic!("{error}"));
    create(&*store, &["/bare"]).await;
    for metadata in describe_all(&*store, &[]).await {
        let Some(annotations) = metadata.annotations else { continue };
        assert_eq!(Ok(annotations.tags), store.list_tags(&metadata.name).await);
        let entries = history(&*store, metadata.name.as_str()).await.into_iter();
        let said = entries.flat_map(|entry| entry.labels.into_iter().map(move |label| (entry.metadata.version, label)));
        assert_eq!(annotations.labels, said.collect::<Vec<_>>());
    }
}
