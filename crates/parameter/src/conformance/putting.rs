//! Promises about put and delete.

use super::act::{
    assert_fails, create, describe, get, history, label, labels_of, make_versions, name, overwriting, put, request,
    tag, tags_of, version,
};
use super::{Promise, promise};
use crate::{
    AllowedPattern, DataType, Description, KeyId, MAX_VERSIONS, Operation, ParameterName, ParameterType, Policy,
    PutRequest, SharedStore, StoreErrorKind, Tier, TierRequest,
};

pub(super) const PROMISES: &[Promise] = &[
    promise!(
        a_put_creates_version_one_and_adds_to_it,
        "Creates a parameter at version 1, or with `overwrite` adds a version to it"
    ),
    promise!(a_create_takes_the_defaults, "String where it is created without one."),
    promise!(
        a_secure_string_has_a_key,
        "The key of a SecureString; the account's `alias/aws/ssm` where it is created without one."
    ),
    promise!(
        everything_put_reads_back,
        "Lists what is known of the parameters that match every one of `request.filters`"
    ),
    promise!(
        an_overwrite_keeps_what_it_leaves_out,
        "The type, tier, key, description, pattern, data type and policies that an overwrite leaves out stay as they are."
    ),
    promise!(policies_read_back, "The policies; an empty list takes them away."),
    promise!(a_tier_never_goes_down, "A tier goes up and never down."),
    promise!(intelligent_tiering_picks_a_tier, "The tier it is in."),
    promise!(the_hundred_and_first_version_drops_the_oldest, "The hundred-and-first version drops the oldest."),
    promise!(
        a_labelled_oldest_version_blocks_puts,
        "ParameterMaxVersionLimitExceeded when the oldest of 100 versions bears a label"
    ),
    promise!(what_exists_is_not_created_again, "ParameterAlreadyExists without `overwrite`"),
    promise!(invalid_puts_are_refused, "Validation for a name that cannot be created, an empty value"),
    promise!(values_are_limited_by_tier, "one that is too long for its tier or contains `{{`"),
    promise!(references_in_values_are_refused, "one that is too long for its tier or contains `{{`"),
    promise!(tags_do_not_go_with_overwrite, "tags with `overwrite`"),
    promise!(values_match_the_pattern, "ParameterPatternMismatch"),
    promise!(policies_need_the_advanced_tier, "IncompatiblePolicy for policies outside of the advanced tier"),
    promise!(
        a_put_that_fails_changes_nothing,
        "A write has either happened as a whole, or it failed and changed nothing"
    ),
    promise!(
        a_delete_takes_everything,
        "Deletes a parameter with its versions, labels and tags (DeleteParameter). Its next version is 1 again."
    ),
    promise!(a_delete_says_what_is_not_there, "ParameterNotFound."),
];

fn full() -> PutRequest {
    PutRequest {
        parameter_type: Some(ParameterType::SecureString),
        key_id: Some(KeyId::observed("alias/app")),
        description: Some(Description::observed("what for")),
        allowed_pattern: Some(AllowedPattern::observed("[a-z0-9]+")),
        tier: Some(TierRequest::Advanced),
        data_type: Some(DataType::observed("text")),
        tags: vec![tag("k", "v")],
        ..request("/full", "value")
    }
}

fn expiration() -> Policy {
    let text = r#"{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":"2099-01-01T00:00:00.000Z"}}"#;
    Policy { policy_text: text.into(), policy_type: "Expiration".into(), policy_status: None }
}

async fn a_put_creates_version_one_and_adds_to_it(store: SharedStore) {
    assert_eq!(put(&*store, request("/a", "v")).await.version, version(1));
    assert_eq!(put(&*store, overwriting("/a", "v")).await.version, version(2), "of the same value too");
    assert_eq!(put(&*store, overwriting("/new", "v")).await.version, version(1), "overwrite creates what is not there");
}

async fn a_create_takes_the_defaults(store: SharedStore) {
    let outcome = put(&*store, request("/a", "v")).await;
    assert_eq!(outcome.tier, Tier::Standard);
    let metadata = describe(&*store, "/a").await.expect("it was put");
    assert_eq!((metadata.parameter_type, metadata.tier), (ParameterType::String, Tier::Standard));
    assert_eq!((metadata.key_id, metadata.description, metadata.allowed_pattern), (None, None, None));
    assert_eq!((metadata.data_type, metadata.policies), (DataType::default(), vec![]));
}

async fn a_secure_string_has_a_key(store: SharedStore) {
    put(&*store, PutRequest { parameter_type: Some(ParameterType::SecureString), ..request("/a", "v") }).await;
    assert_eq!(describe(&*store, "/a").await.expect("it was put").key_id, Some(KeyId::aws_managed()));
    put(&*store, full()).await;
    assert_eq!(describe(&*store, "/full").await.expect("it was put").key_id, full().key_id);
}

async fn everything_put_reads_back(store: SharedStore) {
    let outcome = put(&*store, full()).await;
    assert_eq!(outcome.tier, Tier::Advanced);
    let metadata = describe(&*store, "/full").await.expect("it was put");
    assert_eq!((metadata.name.as_str(), metadata.version), ("/full", version(1)));
    assert_eq!((Some(metadata.parameter_type), metadata.tier), (full().parameter_type, Tier::Advanced));
    assert_eq!((metadata.description, metadata.allowed_pattern), (full().description, full().allowed_pattern));
    assert_eq!(Some(metadata.data_type), full().data_type);
    let read = get(&*store, "/full").await;
    assert_eq!((read.name.as_str(), read.value, read.version), ("/full", full().value, version(1)));
    assert_eq!((Some(read.parameter_type), Some(read.data_type)), (full().parameter_type, full().data_type));
    assert_eq!((read.last_modified_date, read.arn), (metadata.last_modified_date, metadata.arn));
    assert_eq!(tags_of(&*store, "/full").await, full().tags);
}

async fn an_overwrite_keeps_what_it_leaves_out(store: SharedStore) {
    put(&*store, full()).await;
    let before = describe(&*store, "/full").await.expect("it was put");
    put(&*store, overwriting("/full", "other")).await;
    let mut after = describe(&*store, "/full").await.expect("it was put");
    assert_eq!((after.version, get(&*store, "/full").await.value.reveal()), (version(2), "other"));
    (after.version, after.last_modified_date) = (before.version, before.last_modified_date);
    assert_eq!(after, before);
    assert_eq!(tags_of(&*store, "/full").await, full().tags);
}

async fn policies_read_back(store: SharedStore) {
    put(&*store, PutRequest { policies: Some(vec![expiration()]), ..full() }).await;
    let read = |policies: Vec<Policy>| {
        let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("a policy is JSON");
        policies.iter().map(|policy| (policy.policy_type.clone(), parse(&policy.policy_text))).collect::<Vec<_>>()
    };
    let policies = describe(&*store, "/full").await.expect("it was put").policies;
    assert_eq!(read(policies), read(vec![expiration()]));
    put(&*store, PutRequest { policies: Some(vec![]), ..overwriting("/full", "other") }).await;
    assert_eq!(describe(&*store, "/full").await.expect("it was put").policies, []);
}

async fn a_tier_never_goes_down(store: SharedStore) {
    let with = |tier, request: PutRequest| PutRequest { tier: Some(tier), ..request };
    put(&*store, request("/a", "v")).await;
    assert_eq!(put(&*store, with(TierRequest::Advanced, overwriting("/a", "v"))).await.tier, Tier::Advanced);
    let outcome = store.put(&with(TierRequest::Standard, overwriting("/a", "v"))).await;
    assert_fails(outcome, Operation::PutParameter, StoreErrorKind::Validation);
    assert_eq!(put(&*store, overwriting("/a", "v")).await.tier, Tier::Advanced);
    let intelligent = put(&*store, with(TierRequest::IntelligentTiering, overwriting("/a", "v"))).await;
    assert_eq!(intelligent.tier, Tier::Advanced);
}

async fn intelligent_tiering_picks_a_tier(store: SharedStore) {
    let intelligent =
        |name, length| PutRequest { tier: Some(TierRequest::IntelligentTiering), ..request(name, &"x".repeat(length)) };
    assert_eq!(put(&*store, intelligent("/small", 4096)).await.tier, Tier::Standard);
    assert_eq!(put(&*store, intelligent("/large", 4097)).await.tier, Tier::Advanced);
    assert_eq!(describe(&*store, "/large").await.expect("it was put").tier, Tier::Advanced);
}

async fn the_hundred_and_first_version_drops_the_oldest(store: SharedStore) {
    make_versions(&*store, "/a", 101).await;
    let entries = history(&*store, "/a").await;
    assert_eq!(entries.len(), MAX_VERSIONS);
    let (oldest, newest) = (&entries[0], &entries[MAX_VERSIONS - 1]);
    assert_eq!((oldest.metadata.version, oldest.value.reveal()), (version(2), "v2"));
    assert_eq!((newest.metadata.version, newest.value.reveal()), (version(101), "v101"));
}

async fn a_labelled_oldest_version_blocks_puts(store: SharedStore) {
    make_versions(&*store, "/a", 100).await;
    label(&*store, "/a", 1, &["keep"]).await;
    let outcome = store.put(&overwriting("/a", "v")).await;
    assert_fails(outcome, Operation::PutParameter, StoreErrorKind::ParameterMaxVersionLimitExceeded);
    assert_eq!(get(&*store, "/a").await.version, version(100));
    label(&*store, "/a", 50, &["keep"]).await;
    assert_eq!(put(&*store, overwriting("/a", "v")).await.version, version(101), "once the label has moved");
}

async fn what_exists_is_not_created_again(store: SharedStore) {
    create(&*store, &["/a"]).await;
    let outcome = store.put(&request("/a", "other")).await;
    assert_fails(outcome, Operation::PutParameter, StoreErrorKind::ParameterAlreadyExists);
    assert_eq!(get(&*store, "/a").await.value.reveal(), "v");
}

async fn invalid_puts_are_refused(store: SharedStore) {
    let named = |text: &str| PutRequest { name: ParameterName::observed(text), ..request("/a", "v") };
    for request in [named("/ssm/x"), named("awsome"), request("/a", "")] {
        assert_fails(store.put(&request).await, Operation::PutParameter, StoreErrorKind::Validation);
    }
}

async fn values_are_limited_by_tier(store: SharedStore) {
    for (tier, most) in [(TierRequest::Standard, 4096), (TierRequest::Advanced, 8192)] {
        let text = format!("/{tier}");
        let of_length = |length| PutRequest { tier: Some(tier), ..request(&text, &"x".repeat(length)) };
        assert_fails(store.put(&of_length(most + 1)).await, Operation::PutParameter, StoreErrorKind::Validation);
        put(&*store, of_length(most)).await;
        assert_eq!(get(&*store, &text).await.value.len(), most);
    }
}

async fn references_in_values_are_refused(store: SharedStore) {
    let outcome = store.put(&request("/a", "{{ssm:/b}}")).await;
    assert_fails(outcome, Operation::PutParameter, StoreErrorKind::Validation);
    put(&*store, request("/a", "{\"json\": {}}")).await;
}

async fn tags_do_not_go_with_overwrite(store: SharedStore) {
    let outcome = store.put(&PutRequest { tags: vec![tag("k", "v")], ..overwriting("/a", "v") }).await;
    assert_fails(outcome, Operation::PutParameter, StoreErrorKind::Validation);
}

async fn values_match_the_pattern(store: SharedStore) {
    let pattern = Some(AllowedPattern::observed("\\d{3}"));
    let kind = StoreErrorKind::ParameterPatternMismatch;
    let outcome = store.put(&PutRequest { allowed_pattern: pattern.clone(), ..request("/a", "12x") }).await;
    assert_fails(outcome, Operation::PutParameter, kind);
    put(&*store, PutRequest { allowed_pattern: pattern, ..request("/a", "123") }).await;
    assert_fails(store.put(&overwriting("/a", "x")).await, Operation::PutParameter, kind);
}

async fn policies_need_the_advanced_tier(store: SharedStore) {
    let outcome = store.put(&PutRequest { policies: Some(vec![expiration()]), ..request("/a", "v") }).await;
    assert_fails(outcome, Operation::PutParameter, StoreErrorKind::IncompatiblePolicy);
}

async fn a_put_that_fails_changes_nothing(store: SharedStore) {
    put(&*store, full()).await;
    label(&*store, "/full", 1, &["blue"]).await;
    let before = (describe(&*store, "/full").await, history(&*store, "/full").await, tags_of(&*store, "/full").await);
    let description = Some(Description::observed("half done"));
    for request in [
        PutRequest { description: description.clone(), ..request("/full", "other") },
        PutRequest {
            description: description.clone(),
            tier: Some(TierRequest::Standard),
            ..overwriting("/full", "other")
        },
        PutRequest { description, tags: vec![tag("k", "other")], ..overwriting("/full", "other") },
    ] {
        store.put(&request).await.expect_err("each of these is refused");
    }
    let after = (describe(&*store, "/full").await, history(&*store, "/full").await, tags_of(&*store, "/full").await);
    assert_eq!(after, before);
}

async fn a_delete_takes_everything(store: SharedStore) {
    put(&*store, full()).await;
    put(&*store, overwriting("/full", "other")).await;
    label(&*store, "/full", 1, &["blue"]).await;
    store.delete(&name("/full")).await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(describe(&*store, "/full").await, None);
    assert_eq!(put(&*store, request("/full", "new")).await.version, version(1));
    assert_eq!(history(&*store, "/full").await.len(), 1);
    assert_eq!(labels_of(&*store, "/full").await, []);
    assert_eq!(tags_of(&*store, "/full").await, []);
    let metadata = describe(&*store, "/full").await.expect("it was put");
    assert_eq!((metadata.description, metadata.tier), (None, Tier::Standard), "nothing of the old one is left");
}

async fn a_delete_says_what_is_not_there(store: SharedStore) {
    let outcome = store.delete(&name("/none")).await;
    assert_fails(outcome, Operation::DeleteParameter, StoreErrorKind::ParameterNotFound);
}
