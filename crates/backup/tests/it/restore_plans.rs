//! What a plan says, fact by fact of what Parameter Store lets a restore do.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::Timestamp;
use object_store::memory::InMemory;
use parados_backup::backup::backup;
use parados_backup::document::{HistoryRecord, ParameterRecord};
use parados_backup::event::NoObserver;
use parados_backup::field::Field;
use parados_backup::repository::{Completion, Objects};
use parados_backup::restore::{
    Action, Change, Conflict, PlanContext, PlanError, RestorePlan, RestoreRequest, RestoreSource, Step, WarningKind,
    plan,
};
use parados_backup::target::StoreKind;
use parados_parameter::decorator::faulty::{Fault, FaultEffect, Faulty};
use parados_parameter::memory::MemoryStoreOptions;
use parados_parameter::{
    AllowedPattern, DataType, Description, EncryptionContext, KeyId, KeyManagement, KeyManagementError, Label,
    Operation, ParameterStore as _, ParameterType, Policy, PutRequest, Secret, Selector, StoreErrorKind, Tag, Tier,
    TierRequest, Version,
};
use rstest::rstest;
use zeroize::Zeroizing;

use crate::records::{encode, record};
use crate::restoring::{everything, planner};
use crate::shop::{Shop, name};

const CANARY: &str = "canary-51c0de";

/// A document in a file.
struct Written {
    _folder: tempfile::TempDir,
    source: RestoreSource,
}

fn written(records: &[ParameterRecord]) -> Written {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("document.json");
    std::fs::write(&path, encode(records, None).0).unwrap();
    Written { source: RestoreSource::document(&path).unwrap(), _folder: folder }
}

fn shop() -> Shop {
    Shop::new(MemoryStoreOptions { annotated: true, ..MemoryStoreOptions::default() })
}

async fn try_plan(
    shop: &Shop,
    records: &[ParameterRecord],
    request: &RestoreRequest,
) -> Result<RestorePlan, PlanError> {
    let written = written(records);
    plan(&planner(shop, &written.source, StoreKind::Aws), request, &NoObserver).await
}

async fn planned(shop: &Shop, records: &[ParameterRecord], request: &RestoreRequest) -> RestorePlan {
    try_plan(shop, records, request).await.unwrap()
}

/// The one change of a plan for one record.
async fn change(shop: &Shop, record: ParameterRecord, request: &RestoreRequest) -> Change {
    let mut plan = planned(shop, &[record], request).await;
    assert_eq!(plan.changes.len(), 1);
    plan.changes.remove(0)
}

/// A record that says everything: a String.
fn whole(name: &str, value: &str) -> ParameterRecord {
    ParameterRecord {
        parameter_type: ParameterType::String,
        tags: Some(Vec::new()),
        labels: Some(Vec::new()),
        history: Some(Vec::new()),
        ..record(name, value)
    }
}

fn older(version: i64, value: &str, labels: &[&str]) -> HistoryRecord {
    HistoryRecord {
        version: Version::new(version).unwrap(),
        parameter_type: ParameterType::String,
        value: Secret::new(value),
        last_modified_date: Timestamp::UNIX_EPOCH,
        last_modified_user: None,
        data_type: DataType::default(),
        description: None,
        key_id: None,
        tier: Some(Tier::Standard),
        policies: Vec::new(),
        allowed_pattern: None,
        labels: self::labels(labels),
    }
}

fn labels(texts: &[&str]) -> Vec<Label> {
    texts.iter().map(|text| Label::observed(*text)).collect()
}

fn version(number: i64) -> Version {
    Version::new(number).unwrap()
}

fn expires(at: &str) -> Vec<Policy> {
    let text = format!(
        r#"[{{"Type":"Expiration","Version":"1.0","Attributes":{{"Timestamp":"{at}"}}}},
            {{"Type":"NoChangeNotification","Version":"1.0","Attributes":{{"After":"2","Unit":"Days"}}}}]"#
    );
    Policy::parse_list(&text).unwrap()
}

/// The steps in short: puts by source version and the version made.
fn steps(change: &Change) -> Vec<String> {
    let joined = |labels: &[Label]| labels.iter().map(Label::as_str).collect::<Vec<_>>().join("+");
    let one = |step: &Step| match step {
        Step::Delete => "delete".to_owned(),
        Step::Wait { seconds } => format!("wait {seconds}"),
        Step::Put { source_version, makes, put, .. } => {
            format!("{} {source_version} as {makes}", if put.overwrite { "overwrite" } else { "create" })
        }
        Step::Await { version } => format!("await {version}"),
        Step::Label { version, labels } => format!("label {version} {}", joined(labels)),
        Step::Unlabel { version, labels } => format!("unlabel {version} {}", joined(labels)),
        Step::Tag { tags } => format!("tag {}", tags.iter().map(Tag::key).collect::<Vec<_>>().join("+")),
        Step::Untag { keys } => format!("untag {}", keys.join("+")),
    };
    change.steps.iter().map(one).collect()
}

fn fields(change: &Change) -> Vec<Field> {
    change.fields.iter().map(|field| field.field).collect()
}

fn kinds(change: &Change) -> Vec<WarningKind> {
    change.warnings.iter().map(|warning| warning.kind).collect()
}

async fn put(shop: &Shop, text: &str, value: &str) {
    shop.put_value(text, ParameterType::String, value).await;
}

#[tokio::test]
async fn a_create_says_all_that_a_put_can_say_and_brings_its_tags_along() {
    let wanted = ParameterRecord {
        parameter_type: ParameterType::SecureString,
        key_id: Some(KeyId::observed("alias/app")),
        description: Some(Description::observed("what it is")),
        allowed_pattern: Some(AllowedPattern::observed(".*")),
        tier: Some(Tier::Advanced),
        policies: expires("2030-01-01T00:00:00Z"),
        tags: Some(vec![Tag::observed("team", "a"), Tag::observed("aws:cloudformation:stack-name", "s")]),
        version: version(7),
        ..whole("/a/b", CANARY)
    };
    let plan = planned(&shop(), std::slice::from_ref(&wanted), &everything()).await;
    let change = &plan.changes[0];
    assert_eq!((change.action, steps(change)), (Action::Create, vec!["create 7 as 1".to_owned()]));
    let Step::Put { put, .. } = &change.steps[0] else { panic!("{change:?}") };
    assert_eq!((put.parameter_type, &put.key_id, put.tier), (wanted.parameter_type, &wanted.key_id, wanted.tier));
    assert_eq!((&put.description, &put.allowed_pattern), (&wanted.description, &wanted.allowed_pattern));
    assert_eq!(put.policies.as_ref(), Some(&wanted.policies));
    assert_eq!(put.tags, [Tag::observed("team", "a")], "nobody can write AWS's own");
    assert_eq!(kinds(change), [WarningKind::Tags]);
    assert!(change.warnings[0].message.contains("aws:cloudformation:stack-name"));
    assert!(plan.warnings.iter().any(|warning| warning.message.contains("version numbers")), "7 becomes 1");
    assert!(!String::from_utf8(plan.to_saved()).unwrap().contains(CANARY) && !format!("{plan:?}").contains(CANARY));
}

#[tokio::test]
async fn an_update_sends_everything_takes_away_what_is_not_wanted_and_tags_apart() {
    let shop = shop();
    let there = PutRequest {
        parameter_type: Some(ParameterType::SecureString),
        key_id: Some(KeyId::observed("alias/app")),
        description: Some(Description::observed("old")),
        allowed_pattern: Some(AllowedPattern::observed(".*")),
        tier: Some(TierRequest::Advanced),
        policies: Some(expires("2030-01-01T00:00:00Z")),
        tags: vec![Tag::observed("team", "a"), Tag::observed("gone", "x"), Tag::observed("same", "y")],
        ..PutRequest::new(name("/a/b"), Secret::new("there"))
    };
    shop.put(there).await;
    let wanted = ParameterRecord {
        parameter_type: ParameterType::SecureString,
        key_id: Some(KeyId::observed("alias/app")),
        tier: Some(Tier::Advanced),
        tags: Some(vec![Tag::observed("team", "b"), Tag::observed("same", "y")]),
        ..whole("/a/b", "wanted")
    };
    let change = change(&shop, wanted, &everything()).await;
    assert_eq!(change.action, Action::Update);
    assert_eq!(steps(&change), ["overwrite 1 as 2", "untag gone", "tag team"]);
    let Step::Put { put, .. } = &change.steps[0] else { panic!("{change:?}") };
    assert_eq!(put.key_id, Some(KeyId::observed("alias/app")), "the key is always sent");
    assert_eq!(put.description, Some(Description::observed("")), "an empty one takes the old one away");
    assert_eq!(put.allowed_pattern, Some(AllowedPattern::observed("")));
    assert_eq!(put.policies, Some(Vec::new()));
    assert!(put.tags.is_empty(), "tags and an overwrite exclude one another");
    let differing = [Field::Value, Field::Description, Field::Policies, Field::AllowedPattern, Field::Tags];
    assert_eq!(fields(&change), differing);
    assert_eq!((&change.fields[0].from, &change.fields[0].to), (&None, &None), "of a value nothing is said");
}

#[tokio::test]
async fn nothing_is_put_where_only_tags_or_labels_differ_and_nothing_is_done_where_nothing_does() {
    let shop = shop();
    put(&shop, "/a/b", "v").await;
    let same = change(&shop, whole("/a/b", "v"), &everything()).await;
    assert_eq!((same.action, same.steps.len()), (Action::Unchanged, 0));
    let tagged = ParameterRecord { tags: Some(vec![Tag::observed("team", "a")]), ..whole("/a/b", "v") };
    assert_eq!(steps(&change(&shop, tagged, &everything()).await), ["tag team"]);
    let labelled = ParameterRecord { labels: Some(labels(&["blue"])), ..whole("/a/b", "v") };
    assert_eq!(steps(&change(&shop, labelled.clone(), &everything()).await), ["label 1 blue"]);
    let without = RestoreRequest { with_labels: false, ..everything() };
    assert_eq!(change(&shop, labelled, &without).await.action, Action::Unchanged);
    let unknown = ParameterRecord { tags: None, labels: None, history: None, ..whole("/a/b", "v") };
    shop.store.tag(&name("/a/b"), &[Tag::observed("own", "x")]).await.unwrap();
    let plan = planned(&shop, &[unknown], &everything()).await;
    assert_eq!(plan.changes[0].action, Action::Unchanged, "what the source does not know is not compared");
    let said: Vec<_> = plan.warnings.iter().map(|warning| warning.kind).collect();
    assert_eq!(said, [WarningKind::Tags, WarningKind::Versions]);
}

#[tokio::test]
async fn older_versions_that_bear_labels_are_put_first_and_labelled_by_their_position() {
    let wanted = ParameterRecord {
        version: version(9),
        labels: Some(labels(&["green"])),
        history: Some(vec![older(3, "three", &["blue"]), older(5, "five", &["red", "pink"]), older(8, "eight", &[])]),
        ..whole("/a/b", "nine")
    };
    let created = change(&shop(), wanted.clone(), &everything()).await;
    let expected = ["create 3 as 1", "overwrite 5 as 2", "overwrite 9 as 3"];
    let labelled = ["label 1 blue", "label 2 pink+red", "label 3 green"];
    assert_eq!(steps(&created), expected.into_iter().chain(labelled).collect::<Vec<_>>());

    // In a store that has the values they are found again, and in one that has them in another order they are not.
    let there = shop();
    for value in ["three", "x", "five", "nine"] {
        put(&there, "/a/b", value).await;
    }
    there.store.label(&name("/a/b"), Some(version(2)), &["blue".into(), "old".into()]).await.unwrap();
    let found = change(&there, wanted.clone(), &everything()).await;
    assert_eq!(steps(&found), ["unlabel 2 old", "label 1 blue", "label 3 pink+red", "label 4 green"]);
    let other = shop();
    for value in ["five", "three", "nine"] {
        put(&other, "/a/b", value).await;
    }
    let on_top = change(&other, wanted, &everything()).await;
    assert_eq!(steps(&on_top)[..3], ["overwrite 3 as 4", "overwrite 5 as 5", "overwrite 9 as 6"]);
}

#[tokio::test]
async fn a_history_comes_back_as_the_last_versions() {
    let wanted = ParameterRecord {
        version: version(3),
        history: Some(vec![older(1, "one", &[]), older(2, "two", &[])]),
        ..whole("/a/b", "three")
    };
    let request = RestoreRequest { with_history: true, ..everything() };
    let there = shop();
    for value in ["x", "one", "two"] {
        put(&there, "/a/b", value).await;
    }
    assert_eq!(steps(&change(&there, wanted.clone(), &request).await), ["overwrite 3 as 4"]);
    put(&there, "/a/b", "three").await;
    assert_eq!(change(&there, wanted.clone(), &request).await.action, Action::Unchanged);
    put(&there, "/a/b", "y").await;
    let all = change(&there, wanted.clone(), &request).await;
    assert_eq!(steps(&all), ["overwrite 1 as 6", "overwrite 2 as 7", "overwrite 3 as 8"]);
    assert_eq!(fields(&all), [Field::Value, Field::History]);
    assert_eq!(steps(&change(&shop(), wanted, &request).await).len(), 3);
    let partial =
        ParameterRecord { history: Some(vec![older(2, "two", &[])]), version: version(3), ..whole("/a/b", "v") };
    let plan = planned(&shop(), &[partial], &request).await;
    assert!(plan.warnings.iter().any(|warning| warning.message.contains("not all of them")), "{:?}", plan.warnings);
}

#[tokio::test]
async fn from_advanced_to_standard_it_is_deleted_and_made_anew_after_a_while() {
    let shop = shop();
    let request = PutRequest::new(name("/a/b"), Secret::new("v"));
    let tags = vec![Tag::observed("team", "a")];
    shop.put(PutRequest { tier: Some(TierRequest::Advanced), tags: tags.clone(), ..request }).await;
    let wanted = ParameterRecord { tags: None, ..whole("/a/b", "v") };
    let replaced = change(&shop, wanted.clone(), &everything()).await;
    assert_eq!((replaced.action, fields(&replaced)), (Action::Replace, vec![Field::Tier]));
    assert_eq!(steps(&replaced), ["delete", "wait 30", "create 1 as 1"]);
    let Some(Step::Put { put, .. }) = replaced.steps.last() else { panic!("{replaced:?}") };
    assert_eq!(put.tags, tags, "what the source does not know stays");
    assert!(kinds(&replaced).contains(&WarningKind::Versions));
    let written = written(&[wanted]);
    let embedded =
        plan(&planner(&shop, &written.source, StoreKind::Embedded), &everything(), &NoObserver).await.unwrap();
    assert_eq!(steps(&embedded.changes[0]), ["delete", "create 1 as 1"], "only AWS wants to be left alone");
    assert!(embedded.estimate.seconds < 1.0 && embedded.estimate.call_dollars == 0.0);
}

#[tokio::test]
async fn an_expiration_in_the_past_is_refused_or_left_out_and_a_near_one_is_warned_of() {
    let advanced = |policies| ParameterRecord { tier: Some(Tier::Advanced), policies, ..whole("/a/b", "v") };
    let expired = advanced(expires("2025-10-15T11:59:59Z"));
    let refused = change(&shop(), expired.clone(), &everything()).await;
    assert_eq!((refused.action, refused.steps.len()), (Action::Impossible, 0));
    assert!(refused.reason.as_ref().unwrap().contains("--drop-expired"), "{:?}", refused.reason);
    let dropped = change(&shop(), expired, &RestoreRequest { drop_expired: true, ..everything() }).await;
    assert_eq!((dropped.action, kinds(&dropped)), (Action::Create, vec![WarningKind::DroppedPolicy]));
    let Step::Put { put, .. } = &dropped.steps[0] else { panic!("{dropped:?}") };
    assert_eq!(put.policies.as_ref().unwrap().len(), 1, "the others stay");
    let soon = change(&shop(), advanced(expires("2025-10-20T00:00:00Z")), &everything()).await;
    assert_eq!((soon.action, kinds(&soon)), (Action::Create, vec![WarningKind::ExpiringPolicy]));
    let later = change(&shop(), advanced(expires("2030-01-01T00:00:00Z")), &everything()).await;
    assert_eq!(kinds(&later), []);
}

#[rstest]
#[case::a_reference("/a/b", "{{ssm:/x}}", "{{")]
#[case::longer_than_its_tier("/a/b", &"x".repeat(4097), "4096 bytes")]
#[case::longer_than_any_tier("/a/b", &"x".repeat(8193), "8192 bytes")]
#[case::empty("/a/b", "", "empty")]
#[case::aws_s_own("/aws/service/x", "v", "aws")]
#[case::another_first_level("/SSM-x", "v", "ssm")]
#[case::no_name("a/b", "v", "begins with '/'")]
#[case::an_empty_level("/a//b", "v", "'//'")]
#[case::too_deep("/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16", "v", "15 levels")]
#[case::too_long_with_its_arn(&format!("/{}", "x".repeat(980)), "v", "1011")]
#[tokio::test]
async fn what_the_store_would_refuse_is_impossible_and_stops_nothing_else(
    #[case] text: &str,
    #[case] value: &str,
    #[case] rule: &str,
) {
    let plan = planned(&shop(), &[whole(text, value), whole("/fine", "v")], &everything()).await;
    let of = |text: &str| plan.changes.iter().find(|change| change.name.as_str() == text).unwrap();
    assert_eq!((of(text).action, of(text).steps.len()), (Action::Impossible, 0));
    assert!(of(text).reason.as_ref().unwrap().contains(rule), "{:?}", of(text).reason);
    assert_eq!(of("/fine").action, Action::Create);
}

#[tokio::test]
async fn an_image_is_waited_for_after_each_put_of_one() {
    let data_type = DataType::observed("aws:ec2:image");
    let wanted = ParameterRecord {
        version: version(2),
        data_type: data_type.clone(),
        history: Some(vec![HistoryRecord { data_type, ..older(1, "ami-1", &["blue"]) }]),
        ..whole("/a/ami", "ami-2")
    };
    let change = change(&shop(), wanted, &everything()).await;
    assert_eq!(steps(&change), ["create 1 as 1", "await 1", "overwrite 2 as 2", "await 2", "label 1 blue"]);
}

#[tokio::test]
async fn aws_s_own_tags_in_the_store_stay() {
    let shop = shop();
    let mut request = PutRequest::new(name("/a/b"), Secret::new("v"));
    request.tags = vec![Tag::observed("mine", "x")];
    shop.put(request).await;
    let wanted = ParameterRecord {
        tags: Some(vec![Tag::observed("mine", "x"), Tag::observed("aws:x", "y")]),
        ..whole("/a/b", "v")
    };
    assert_eq!(change(&shop, wanted, &everything()).await.action, Action::Unchanged);
}

#[tokio::test]
async fn names_are_case_sensitive_and_a_leading_slash_does_not_make_another() {
    let shop = shop();
    put(&shop, "foo", "v").await;
    put(&shop, "/A/b", "v").await;
    let plan = planned(&shop, &[whole("/foo", "v"), whole("/a/b", "v")], &everything()).await;
    let actions: Vec<_> = plan.changes.iter().map(|change| (change.name.as_str(), change.action)).collect();
    assert_eq!(
        actions,
        [("/a/b", Action::Create), ("foo", Action::Unchanged)],
        "and it is spelled as the store has it"
    );
}

#[tokio::test]
async fn two_parameters_that_would_become_one_are_an_error() {
    let request = RestoreRequest { maps: vec!["/a/=/b/".parse().unwrap()], ..everything() };
    let error = try_plan(&shop(), &[whole("/a/x", "1"), whole("/b/x", "2")], &request).await.unwrap_err();
    assert_eq!(error.to_string(), "/a/x and /b/x of the source would both become /b/x");
}

#[tokio::test]
async fn a_label_on_the_oldest_of_a_hundred_versions_is_taken_off_first_or_named() {
    let shop = shop();
    for number in 0..100 {
        put(&shop, "/a/b", &number.to_string()).await;
    }
    shop.store.label(&name("/a/b"), Some(version(1)), &["blue".into()]).await.unwrap();
    let wanted = ParameterRecord { labels: Some(labels(&["blue"])), ..whole("/a/b", "new") };
    let change_of = change(&shop, wanted.clone(), &everything()).await;
    assert_eq!(steps(&change_of), ["unlabel 1 blue", "overwrite 1 as 101", "label 101 blue"]);
    let blocked = change(&shop, wanted, &RestoreRequest { with_labels: false, ..everything() }).await;
    assert_eq!((blocked.action, blocked.steps.len()), (Action::Impossible, 0));
    assert!(blocked.reason.unwrap().contains("blue"));
}

#[tokio::test]
async fn of_an_old_document_what_it_does_not_say_stays() {
    let old = ParameterRecord {
        parameter_type: ParameterType::SecureString,
        last_modified_date: "2025-10-01T00:00:00Z".parse().unwrap(),
        tier: None,
        tags: None,
        labels: None,
        history: None,
        ..whole("/a/b", "old")
    };
    let created = change(&shop(), old.clone(), &everything()).await;
    assert_eq!((created.action, kinds(&created)), (Action::Create, vec![WarningKind::UnknownKey]));
    let Step::Put { put, .. } = &created.steps[0] else { panic!("{created:?}") };
    assert_eq!((&put.key_id, put.tier, &put.policies), (&None, None, &None));
    let named = RestoreRequest { keys: vec!["*=alias/dr".parse().unwrap()], ..everything() };
    assert_eq!(kinds(&change(&shop(), old.clone(), &named).await), []);
    let large = ParameterRecord { value: Secret::new("x".repeat(5000)), ..old.clone() };
    let large = change(&shop(), large, &everything()).await;
    let Step::Put { put, .. } = &large.steps[0] else { panic!("{large:?}") };
    assert_eq!(put.tier, Some(Tier::Advanced), "no other takes it");

    let shop = shop();
    shop.put(PutRequest {
        parameter_type: Some(ParameterType::SecureString),
        key_id: Some(KeyId::observed("alias/own")),
        description: Some(Description::observed("own")),
        tier: Some(TierRequest::Advanced),
        ..PutRequest::new(name("/a/b"), Secret::new("there"))
    })
    .await;
    let updated = change(&shop, old, &everything()).await;
    assert_eq!((updated.action, fields(&updated)), (Action::Update, vec![Field::Value]));
    let Step::Put { put, .. } = &updated.steps[0] else { panic!("{updated:?}") };
    assert_eq!(put.key_id, Some(KeyId::observed("alias/own")), "the key is always sent");
    assert_eq!((&put.description, put.tier), (&None, None));
    assert!(kinds(&updated).contains(&WarningKind::StaleSecret), "it was put after the version that is restored");
}

/// A KMS that knows one key, and counts how often it is asked.
#[derive(Debug, Default)]
struct Keys {
    asked: Mutex<Vec<(String, EncryptionContext)>>,
}

#[async_trait]
impl KeyManagement for Keys {
    async fn encrypt(&self, key: &KeyId, _: &[u8], context: &EncryptionContext) -> Result<Vec<u8>, KeyManagementError> {
        self.asked.lock().unwrap().push((key.to_string(), context.clone()));
        let fail = |message: &str| {
            Err(KeyManagementError { operation: "kms:Encrypt", key: key.clone(), message: message.into() })
        };
        match key.as_str() {
            "alias/good" => Ok(Vec::new()),
            "alias/closed" => fail("AccessDeniedException: only by way of Parameter Store"),
            _ => fail("NotFoundException: no such key"),
        }
    }

    async fn decrypt(
        &self,
        key: &KeyId,
        _: &[u8],
        _: &EncryptionContext,
    ) -> Result<Zeroizing<Vec<u8>>, KeyManagementError> {
        unreachable!("a plan decrypts nothing under {key}")
    }
}

#[tokio::test]
async fn each_key_is_tried_once_before_anything_is_planned_to_be_written_under_it() {
    let secure = |name: &str, key: &str| ParameterRecord {
        parameter_type: ParameterType::SecureString,
        key_id: Some(KeyId::observed(key)),
        ..whole(name, "v")
    };
    let elsewhere = "arn:aws:kms:eu-north-1:123456789012:key/1";
    let records = [
        secure("/a/aws", "alias/aws/ssm"),
        secure("/a/bad", "alias/bad"),
        secure("/a/bad2", "alias/bad"),
        secure("/a/closed", "alias/closed"),
        secure("/a/elsewhere", elsewhere),
        secure("/a/good", "alias/good"),
        secure("/a/good2", "alias/good"),
        secure("/a/mapped", "alias/old"),
    ];
    let request = RestoreRequest { keys: vec!["alias/old=alias/good".parse().unwrap()], ..everything() };
    let (shop, written, keys) = (shop(), written(&records), Arc::new(Keys::default()));
    let context = PlanContext { key_management: Some(keys.clone()), ..planner(&shop, &written.source, StoreKind::Aws) };
    let made = plan(&context, &request, &NoObserver).await.unwrap();
    let of = |text: &str| made.changes.iter().find(|change| change.name == name(text)).unwrap();
    for bad in ["/a/bad", "/a/bad2", "/a/elsewhere"] {
        assert_eq!((of(bad).action, of(bad).steps.len()), (Action::Impossible, 0), "{bad}");
        assert!(of(bad).reason.as_ref().unwrap().contains("cannot be used"), "{:?}", of(bad).reason);
    }
    for good in ["/a/aws", "/a/good", "/a/good2", "/a/mapped", "/a/closed"] {
        assert_eq!(of(good).action, Action::Create, "{good}");
    }
    assert_eq!(kinds(of("/a/closed")), [WarningKind::UnusableKey], "a key may be open to Parameter Store alone");
    let mut asked = std::mem::take(&mut *keys.asked.lock().unwrap());
    asked.sort();
    let arn = |name: &str| format!("arn:aws:ssm:eu-west-1:123456789012:parameter{name}");
    let said = |name: &str| BTreeMap::from([("PARAMETER_ARN".to_owned(), arn(name))]);
    let expected = [("alias/bad", "/a/bad"), ("alias/closed", "/a/closed"), ("alias/good", "/a/good")];
    assert_eq!(asked, expected.map(|(key, name)| (key.to_owned(), said(name))));

    let context = PlanContext {
        into: parados_backup::restore::StoreIdentity { kind: StoreKind::Embedded, ..context.into.clone() },
        ..context
    };
    let embedded = plan(&context, &request, &NoObserver).await.unwrap();
    assert!(embedded.changes.iter().all(|change| change.action == Action::Create));
    assert!(keys.asked.lock().unwrap().is_empty(), "an embedded store encrypts under none of them");
}

#[tokio::test]
async fn what_is_there_and_differs_is_overwritten_skipped_or_a_conflict() {
    let shop = shop();
    put(&shop, "/a/differs", "x").await;
    put(&shop, "/a/same", "v").await;
    let records = [whole("/a/differs", "v"), whole("/a/same", "v"), whole("/a/new", "v")];
    for (conflict, action) in
        [(Conflict::Overwrite, Action::Update), (Conflict::Skip, Action::Skip), (Conflict::Fail, Action::Conflict)]
    {
        let plan = planned(&shop, &records, &RestoreRequest { conflict, ..everything() }).await;
        let actions: Vec<_> = plan.changes.iter().map(|change| change.action).collect();
        assert_eq!(actions, [action, Action::Create, Action::Unchanged]);
        assert_eq!(plan.changes[0].steps.is_empty(), action != Action::Update);
        assert_eq!(fields(&plan.changes[0]), [Field::Value], "what differs is said whatever becomes of it");
    }
}

#[tokio::test]
async fn what_is_deleted_is_what_a_map_leads_to_and_the_selector_means() {
    let shop = shop();
    for text in ["/dr/app/extra", "/dr/app/kept", "/dr/other/x", "/app/x", "/elsewhere"] {
        put(&shop, text, "v").await;
    }
    let selector = Selector { paths: vec!["/app".into()], ..Selector::default() };
    let maps = vec!["/=/dr/".parse().unwrap()];
    let request = RestoreRequest { selector, maps, delete_extra: true, ..everything() };
    let records = [whole("/app/kept", "v"), whole("/other/y", "v")];
    let plan = planned(&shop, &records, &request).await;
    let actions: Vec<_> = plan.changes.iter().map(|change| (change.name.as_str(), change.action)).collect();
    assert_eq!(actions, [("/dr/app/extra", Action::Delete), ("/dr/app/kept", Action::Unchanged)]);
    let deleted = &plan.changes[0];
    assert_eq!((steps(deleted), deleted.live.as_ref().unwrap().version), (vec!["delete".to_owned()], version(1)));

    let named = RestoreRequest { delete: [name("/elsewhere"), name("/gone")].into(), ..everything() };
    let plan = planned(&shop, &[whole("/new", "v")], &named).await;
    let actions: Vec<_> = plan.changes.iter().map(|change| (change.name.as_str(), change.action)).collect();
    assert_eq!(actions, [("/elsewhere", Action::Delete), ("/new", Action::Create)]);
}

#[tokio::test]
async fn the_state_of_a_time_is_that_of_its_versions_or_not_known() {
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let dated = |date: &str, older: HistoryRecord| HistoryRecord { last_modified_date: at(date), ..older };
    let record = |name: &str, first: i64, history: Vec<HistoryRecord>| ParameterRecord {
        version: version(first),
        last_modified_date: at("2025-10-10T00:00:00Z"),
        history: Some(history),
        ..whole(name, "newest")
    };
    let one = dated("2025-10-01T00:00:00Z", older(1, "one", &[]));
    let two = dated("2025-10-05T00:00:00Z", older(2, "two", &[]));
    let records = [
        record("/a/all", 3, vec![one.clone(), two.clone()]),
        record("/a/gap", 4, vec![one.clone(), two]),
        record("/a/lost", 3, Vec::new()),
        record("/a/new", 1, Vec::new()),
    ];
    let planned_at = async |text: &str| {
        let plan = planned(&shop(), &records, &RestoreRequest { at: Some(at(text)), ..everything() }).await;
        let told = plan
            .changes
            .iter()
            .map(|one| (one.name.to_string(), one.action, one.wanted.as_ref().map(|w| w.version.get())));
        (told.collect::<Vec<_>>(), plan.warnings)
    };
    let create = |name: &str, version| (name.to_owned(), Action::Create, Some(version));
    let unknown = |name: &str| (name.to_owned(), Action::Impossible, None);
    let (told, _) = planned_at("2025-10-11T00:00:00Z").await;
    assert_eq!(told, [create("/a/all", 3), create("/a/gap", 4), create("/a/lost", 3), create("/a/new", 1)]);
    let (told, warnings) = planned_at("2025-10-06T00:00:00Z").await;
    assert_eq!(told, [create("/a/all", 2), unknown("/a/gap"), unknown("/a/lost")], "3 may have come in between");
    assert!(warnings.iter().any(|warning| warning.message.contains("left out")), "{warnings:?}");
    let (told, _) = planned_at("2025-10-02T00:00:00Z").await;
    assert_eq!(told, [create("/a/all", 1), create("/a/gap", 1), unknown("/a/lost")]);
    let (told, _) = planned_at("2025-09-01T00:00:00Z").await;
    assert_eq!(told, [unknown("/a/lost")], "the others did not exist yet");
}

#[tokio::test]
async fn what_of_the_store_cannot_be_read_is_left_alone_and_named() {
    let shop = shop();
    put(&shop, "/a/b", "x").await;
    let written = written(&[whole("/a/b", "v"), whole("/a/c", "v")]);
    let fault = Fault::every(FaultEffect::Before(StoreErrorKind::InternalServerError)).of(Operation::GetParameters);
    let store = Arc::new(Faulty::new(shop.store.clone(), [fault]));
    let context = PlanContext { store, ..planner(&shop, &written.source, StoreKind::Aws) };
    let plan = plan(&context, &everything(), &NoObserver).await.unwrap();
    let actions: Vec<_> = plan.changes.iter().map(|change| change.action).collect();
    assert_eq!(actions, [Action::Impossible, Action::Create]);
    assert!(plan.changes[0].reason.as_ref().unwrap().contains("could not be read"), "{:?}", plan.changes[0].reason);
}

#[tokio::test]
async fn an_estimate_counts_each_call_and_each_quota() {
    let shop = shop();
    let records: Vec<_> = (0..320)
        .map(|number| ParameterRecord {
            parameter_type: ParameterType::SecureString,
            key_id: Some(KeyId::observed("alias/x")),
            tier: Some(Tier::Advanced),
            labels: Some(labels(if number < 50 { &["blue"] } else { &[] })),
            ..whole(&format!("/a/{number:03}"), "v")
        })
        .collect();
    let estimate = planned(&shop, &records, &everything()).await.estimate;
    let calls: Vec<_> = estimate.calls.iter().map(|(operation, calls)| (operation.as_str(), *calls)).collect();
    assert_eq!(calls, [("DescribeParameters", 7), ("LabelParameterVersion", 50), ("PutParameter", 320)]);
    assert!((estimate.seconds - 100.0).abs() < 1e-9, "(320 - 20) puts at 3 a second: {}", estimate.seconds);
    assert!((estimate.monthly_dollars - 16.0).abs() < 1e-9, "{estimate:?}");
    assert!((estimate.call_dollars - 320.0 * 0.08 / 10_000.0).abs() < 1e-9, "{estimate:?}");
}

#[tokio::test]
async fn a_selection_is_of_what_the_parameters_are_in_the_source() {
    let records = [whole("/a/dev/x", "v"), whole("/a/prod/x", "v"), record("/a/dev/secure", "v")];
    let selector = Selector { types: vec![ParameterType::String], ..Selector::environment("dev") };
    let request = RestoreRequest { selector, maps: vec!["/a/dev/=/b/".parse().unwrap()], ..everything() };
    let plan = planned(&shop(), &records, &request).await;
    let names: Vec<_> = plan.changes.iter().map(|change| change.name.as_str()).collect();
    assert_eq!(names, ["/b/x"]);
    let request = RestoreRequest { names: Some([name("/a/prod/x")].into()), ..everything() };
    assert_eq!(planned(&shop(), &records, &request).await.changes.len(), 1);
}

#[tokio::test]
async fn what_the_snapshot_failed_to_read_is_not_taken_for_deleted() {
    let shop = shop();
    for text in ["/a/dev/unread", "/a/dev/whole"] {
        put(&shop, text, "v").await;
    }
    let fault = |nth| {
        Fault::every(FaultEffect::Before(StoreErrorKind::InternalServerError)).of(Operation::GetParameters).nth(nth)
    };
    let store = Arc::new(Faulty::new(shop.store.clone(), [fault(1), fault(2)]));
    let objects = Objects::new(Arc::new(InMemory::new()), "memory://", Completion::Checked);
    let context = shop.context(store, objects, &[], None).await;
    let request = crate::shop::request("dev", 1);
    let report = backup(&context, &request, &NoObserver).await;
    let missing: Vec<_> = report.missing.iter().map(|missing| missing.name.as_str()).collect();
    assert_eq!(missing, ["/a/dev/unread"]);
    put(&shop, "/a/dev/extra", "v").await;

    let manifest = context.repository.head(&request.target).await.unwrap().unwrap();
    let source = RestoreSource::Snapshot { repository: context.repository.clone(), manifest: Arc::new(manifest) };
    let deleting = RestoreRequest { selector: Selector::environment("dev"), delete_extra: true, ..everything() };
    let plan = plan(&planner(&shop, &source, StoreKind::Aws), &deleting, &NoObserver).await.unwrap();
    let actions: Vec<_> = plan.changes.iter().map(|change| (change.name.as_str(), change.action)).collect();
    assert_eq!(actions, [("/a/dev/extra", Action::Delete), ("/a/dev/whole", Action::Unchanged)]);
    let said = plan.warnings.iter().find(|warning| warning.kind == WarningKind::Incomplete).unwrap();
    assert!(said.message.contains("/a/dev/unread"), "{said:?}");
}
