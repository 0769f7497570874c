//! Drills over the reference model: what they prove, what they notice, and that they leave nothing.

use std::fs::{self, File};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parados_backup::drill::evidence::{DrillVerdict, Evidence, SignedEvidence};
use parados_backup::drill::scratch::ScratchPrefix;
use parados_backup::drill::{DrillContext, DrillRequest, drill};
use parados_backup::event::NoObserver;
use parados_backup::field::Field;
use parados_backup::restore::{PlanId, RestoreSource, StoreIdentity};
use parados_backup::seal::Identities;
use parados_backup::target::StoreKind;
use parados_parameter::decorator::metered::{CallMeter, Metered};
use parados_parameter::decorator::quota::Quotas;
use parados_parameter::memory::MemoryStoreOptions;
use parados_parameter::reading::describe_all;
use parados_parameter::{
    AllowedPattern, DataType, Description, KeyId, Operation, ParameterName, ParameterStore as _, ParameterType, Policy,
    PutRequest, Secret, Selector, SharedStore, Tag, TierRequest,
};
use proptest::collection::vec;
use proptest::prelude::*;
use rstest::rstest;
use testkit::Canary;
use tokio::sync::Notify;

use crate::restoring::{any_happening, happen, shop_with, take};
use crate::shared_store::Shared;
use crate::shop::{Shop, name, signing_key};

const SECURE: &str = "/shop/dev/secure";

fn context(shop: &Shop, store: SharedStore, source: &RestoreSource) -> DrillContext {
    let meter = Arc::new(CallMeter::default());
    DrillContext {
        source: source.clone(),
        identities: Identities::default(),
        store: Arc::new(Metered::new(store, meter.clone())),
        meter,
        into: StoreIdentity {
            kind: StoreKind::Embedded,
            account: "000000000000".into(),
            region: "embedded".into(),
            folder: None,
            database: None,
        },
        scratch: None,
        quotas: Quotas::default(),
        key_management: None,
        fingerprints: Arc::new(signing_key().fingerprint_key("drill")),
        clock: shop.clock.clone(),
        names_in_flight: 4,
        tool: "parados 0.1.0".into(),
        signer: signing_key().public_line(),
        id: PlanId::from_bytes([7; 8]),
    }
}

/// Into AWS, under the scratch prefix of the drill.
fn in_scratch(shop: &Shop, store: SharedStore, source: &RestoreSource) -> DrillContext {
    DrillContext {
        scratch: Some(ScratchPrefix::new(PlanId::from_bytes([7; 8]))),
        into: StoreIdentity {
            kind: StoreKind::Aws,
            account: "123456789012".into(),
            region: "eu-west-1".into(),
            folder: None,
            database: None,
        },
        ..context(shop, store, source)
    }
}

async fn run(context: &DrillContext) -> Evidence {
    drill(context, &DrillRequest::default(), &NoObserver, std::future::pending()).await
}

fn secure() -> PutRequest {
    PutRequest {
        parameter_type: Some(ParameterType::SecureString),
        key_id: Some(KeyId::observed("alias/shop")),
        description: Some(Description::observed("what it is for")),
        allowed_pattern: Some(AllowedPattern::observed(".*")),
        tags: vec![Tag::observed("team", "blue")],
        tier: Some(TierRequest::Standard),
        ..PutRequest::new(name(SECURE), Secret::new("hunter2"))
    }
}

/// A shop with a parameter that has everything, one with versions and labels, and a plain one.
async fn shop() -> Shop {
    let shop = shop_with(true);
    shop.put(secure()).await;
    shop.store.label(&name(SECURE), None, &["live".into()]).await.unwrap();
    for value in ["1", "2", "3"] {
        shop.put_value("/shop/dev/versions", ParameterType::String, value).await;
    }
    let second = Some(parados_parameter::Version::new(2).unwrap());
    shop.store.label(&name("/shop/dev/versions"), second, &["stable".into()]).await.unwrap();
    shop.put_value("/shop/dev/plain", ParameterType::StringList, "a,b").await;
    shop
}

/// A store in which somebody does something after the restore, before it is read back.
fn tampered(
    shop: &Shop,
    tamper: impl Fn(SharedStore) -> futures::future::BoxFuture<'static, ()> + Send + Sync + 'static,
) -> SharedStore {
    let (store, done, put) = (shop.store.clone() as SharedStore, AtomicBool::new(false), AtomicBool::new(false));
    let theirs = store.clone();
    let others = move |operation, _: Vec<ParameterName>| {
        put.fetch_or(operation == Operation::PutParameter, Ordering::SeqCst);
        let now = operation == Operation::DescribeParameters
            && put.load(Ordering::SeqCst)
            && !done.swap(true, Ordering::SeqCst);
        if now { tamper(theirs.clone()) } else { Box::pin(async {}) }
    };
    Arc::new(Shared::new(store, Arc::new(others)))
}

#[tokio::test(start_paused = true)]
async fn a_drill_of_what_comes_back_whole_passes_and_says_what_it_proved() {
    let taken = take(&shop().await, true).await;
    let into = shop_with(true);
    let evidence = run(&context(&into, into.store.clone(), &taken.source)).await;
    assert_eq!((evidence.verdict, evidence.error.as_deref()), (DrillVerdict::Passed, None), "{evidence:#?}");
    let counts = evidence.counts;
    assert_eq!((counts.wanted, counts.equal, counts.different, counts.unrestored, counts.versions), (3, 3, 0, 0, 5));
    assert!(counts.calls <= 5 + 2 + 6, "a parameter of one version needs no history: {}", counts.calls);
    assert_eq!(evidence.source, taken.source.planned());
    assert!(evidence.plan.is_some() && evidence.compared.len() == 11);
    let times = evidence.times;
    let order = [times.planned, times.first, times.last, times.compared, Some(times.ended)];
    assert!(order.is_sorted() && order.iter().all(Option::is_some), "{times:?}");
}

#[rstest]
#[case::value(|it: &mut PutRequest| it.value = Secret::new("hunter3"), Field::Value)]
#[case::parameter_type(|it: &mut PutRequest| (it.parameter_type, it.key_id) = (Some(ParameterType::String), None), Field::Type)]
#[case::description(|it: &mut PutRequest| it.description = None, Field::Description)]
#[case::key(|it: &mut PutRequest| it.key_id = Some(KeyId::observed("alias/other")), Field::KeyId)]
#[case::tier(|it: &mut PutRequest| it.tier = Some(TierRequest::Advanced), Field::Tier)]
#[case::policies(|it: &mut PutRequest| {
    let policy = r#"[{"Type":"NoChangeNotification","Version":"1.0","Attributes":{"After":"2","Unit":"Days"}}]"#;
    (it.tier, it.policies) = (Some(TierRequest::Advanced), Some(Policy::parse_list(policy).unwrap()));
}, Field::Policies)]
#[case::pattern(|it: &mut PutRequest| it.allowed_pattern = Some(AllowedPattern::observed("h.*")), Field::AllowedPattern)]
#[case::data_type(|it: &mut PutRequest| {
    (it.parameter_type, it.key_id) = (Some(ParameterType::String), None);
    it.data_type = Some(DataType::observed("aws:ec2:image"));
}, Field::DataType)]
#[case::tags(|it: &mut PutRequest| it.tags = vec![Tag::observed("team", "red")], Field::Tags)]
#[tokio::test(start_paused = true)]
async fn a_drill_notices_every_field_that_came_back_different(
    #[case] change: fn(&mut PutRequest),
    #[case] field: Field,
) {
    let taken = take(&shop().await, true).await;
    let into = shop_with(true);
    let store = tampered(&into, move |store| {
        Box::pin(async move {
            let mut request = secure();
            change(&mut request);
            store.delete(&name(SECURE)).await.unwrap();
            store.put(&request).await.unwrap();
            store.label(&name(SECURE), None, &["live".into()]).await.unwrap();
        })
    });
    let evidence = run(&context(&into, store, &taken.source)).await;
    assert_eq!(evidence.verdict, DrillVerdict::Different, "{evidence:#?}");
    let [difference] = evidence.differences.as_slice() else { panic!("{evidence:#?}") };
    assert_eq!(difference.name, name(SECURE));
    assert!(difference.fields.contains(&field), "{difference:?}");
    assert_eq!((evidence.counts.equal, evidence.counts.different), (2, 1));
}

type Tamper = Box<dyn Fn(SharedStore) -> futures::future::BoxFuture<'static, ()> + Send + Sync>;
type Expected = &'static [(&'static str, &'static [Field])];

#[tokio::test(start_paused = true)]
async fn a_drill_notices_labels_versions_and_what_should_not_be_there_or_is_not() {
    let taken = take(&shop().await, true).await;
    let versions = name("/shop/dev/versions");
    let (labelled, emptied) = (versions.clone(), versions.clone());
    let cases: [(Tamper, Expected); 4] = [
        (
            Box::new(move |store| {
                let name = labelled.clone();
                Box::pin(async move {
                    let first = parados_parameter::Version::new(1).unwrap();
                    drop(store.label(&name, Some(first), &["stable".into()]).await.unwrap());
                })
            }),
            &[("/shop/dev/versions", &[Field::Labels])],
        ),
        (
            Box::new(move |store| {
                let name = emptied.clone();
                Box::pin(async move {
                    store.delete(&name).await.unwrap();
                    for value in ["1", "other", "3"] {
                        let put = PutRequest { overwrite: true, ..PutRequest::new(name.clone(), Secret::new(value)) };
                        store.put(&put).await.unwrap();
                    }
                    let second = parados_parameter::Version::new(2).unwrap();
                    store.label(&name, Some(second), &["stable".into()]).await.unwrap();
                })
            }),
            &[("/shop/dev/versions", &[Field::History])],
        ),
        (
            Box::new(|store| {
                Box::pin(async move {
                    store.put(&PutRequest::new(name("/shop/dev/stranger"), Secret::new("x"))).await.unwrap();
                })
            }),
            &[("/shop/dev/stranger", &[])],
        ),
        (Box::new(|store| Box::pin(async move { store.delete(&name("/shop/dev/plain")).await.unwrap() })), &[]),
    ];
    for (tamper, expected) in cases {
        let into = shop_with(true);
        let store = tampered(&into, tamper);
        let evidence = run(&context(&into, store, &taken.source)).await;
        let found: Vec<_> = evidence.differences.iter().map(|one| (one.name.as_str(), one.fields.as_slice())).collect();
        assert_eq!(found, expected, "{evidence:#?}");
        let verdict = if expected.is_empty() { DrillVerdict::Partial } else { DrillVerdict::Different };
        assert_eq!(evidence.verdict, verdict);
        assert_eq!(evidence.unrestored.len(), usize::from(expected.is_empty()));
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_restored_is_named_with_the_reason_and_makes_it_partial() {
    let from = shop().await;
    let expired = r#"[{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":"2025-11-01T00:00:00.000Z"}}]"#;
    let policies = Some(Policy::parse_list(expired).unwrap());
    let request = PutRequest::new(name("/shop/dev/expires"), Secret::new("v"));
    from.put(PutRequest { tier: Some(TierRequest::Advanced), policies, ..request }).await;
    let taken = take(&from, true).await;
    let into = shop_with(true);
    into.clock.advance(std::time::Duration::from_secs(90 * 86_400));
    let evidence = run(&context(&into, into.store.clone(), &taken.source)).await;
    assert_eq!(evidence.verdict, DrillVerdict::Partial, "{evidence:#?}");
    let [unrestored] = evidence.unrestored.as_slice() else { panic!("{evidence:#?}") };
    assert!(unrestored.name == name("/shop/dev/expires") && unrestored.reason.contains("is past"), "{unrestored:?}");
    assert_eq!((evidence.counts.equal, evidence.counts.unrestored, evidence.counts.wanted), (3, 1, 4));
}

#[tokio::test(start_paused = true)]
async fn a_drill_that_proves_nothing_has_failed() {
    let taken = take(&shop().await, true).await;
    let into = shop_with(true);
    let nothing = DrillRequest { selector: Selector::environment("nowhere"), ..DrillRequest::default() };
    let context = context(&into, into.store.clone(), &taken.source);
    let evidence = drill(&context, &nothing, &NoObserver, std::future::pending()).await;
    assert_eq!(evidence.verdict, DrillVerdict::Failed);
    assert!(evidence.error.unwrap().contains("nothing of it matches"));
}

#[tokio::test(start_paused = true)]
async fn a_scratch_prefix_is_emptied_after_a_drill_and_nothing_else_is_touched() {
    let taken = take(&shop().await, true).await;
    let into = shop().await;
    let other = "/parados-drill/0101010101010101/shop/x";
    into.put_value(other, ParameterType::String, "of another drill").await;
    into.put_value("/parados-drill/notes", ParameterType::String, "of no drill").await;
    let store: SharedStore = into.store.clone();
    let before = describe_all(store.as_ref(), &[]).await.unwrap();

    let evidence = run(&in_scratch(&into, store.clone(), &taken.source)).await;
    assert_eq!(evidence.verdict, DrillVerdict::Passed, "{evidence:#?}");
    assert_eq!(evidence.into.prefix.as_deref(), Some("/parados-drill/0707070707070707/"));
    assert_eq!(describe_all(store.as_ref(), &[]).await.unwrap(), before);

    let found = ScratchPrefix::find(&store).await.unwrap();
    let expected = ScratchPrefix::new(PlanId::from_bytes([1; 8]));
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [(expected.clone(), 1)], "what another left is found");
    assert_eq!(expected.clean_up(&store, []).await.unwrap().removed, 1);
    assert_eq!(ScratchPrefix::find(&store).await.unwrap().len(), 0);
    store.get(&parados_parameter::ParameterReference::newest(name("/parados-drill/notes"))).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_drill_that_is_stopped_at_any_write_cleans_up() {
    let taken = take(&shop().await, true).await;
    for stop_at in 1..=5 {
        let into = shop_with(true);
        let (stop, writes) = (Arc::new(Notify::new()), AtomicU64::new(0));
        let stopping = stop.clone();
        let others = move |operation: Operation, _: Vec<ParameterName>| {
            let is_last = operation == Operation::PutParameter && writes.fetch_add(1, Ordering::SeqCst) + 1 == stop_at;
            if is_last {
                stopping.notify_one();
            }
            // A call that never ends, for the drill to be stopped in.
            let wait: futures::future::BoxFuture<'static, ()> =
                if is_last { Box::pin(std::future::pending()) } else { Box::pin(async {}) };
            wait
        };
        let store: SharedStore = Arc::new(Shared::new(into.store.clone(), Arc::new(others)));
        let context = in_scratch(&into, store, &taken.source);
        let evidence = drill(&context, &DrillRequest::default(), &NoObserver, stop.notified()).await;
        assert_eq!(evidence.verdict, DrillVerdict::Failed);
        assert!(evidence.error.as_deref().unwrap().contains("stopped"), "{evidence:#?}");
        assert_eq!(describe_all(into.store.as_ref(), &[]).await.unwrap(), [], "stopped at put {stop_at}");
    }
}

#[tokio::test(start_paused = true)]
async fn evidence_holds_no_value_and_ssh_keygen_accepts_it_and_refuses_a_flipped_one() {
    let mut canary = Canary::new();
    let from = shop_with(true);
    from.put_value("/shop/dev/a", ParameterType::SecureString, &canary.plant("a")).await;
    from.put_value("/shop/dev/b", ParameterType::String, &canary.plant("b")).await;
    let taken = take(&from, true).await;
    let into = shop_with(true);
    let other = canary.plant("other");
    let store = tampered(&into, move |store| {
        let put = PutRequest { overwrite: true, ..PutRequest::new(name("/shop/dev/b"), Secret::new(other.clone())) };
        Box::pin(async move {
            store.put(&put).await.unwrap();
        })
    });
    let evidence = run(&context(&into, store, &taken.source)).await;
    assert_eq!(evidence.verdict, DrillVerdict::Different);
    let signed = SignedEvidence::sign(&evidence, &signing_key()).unwrap();
    canary.assert_absent(&signed.line, "the evidence");
    let page = parados_backup::drill::page::page(&evidence, &signed, "e.json");
    canary.assert_absent(page.as_bytes(), "its page");

    let folder = tempfile::tempdir().unwrap();
    let (file, signature, allowed) =
        (folder.path().join("e.json"), folder.path().join("e.json.sig"), folder.path().join("allowed_signers"));
    fs::write(&allowed, format!("ops {}\n", signing_key().public_line())).unwrap();
    fs::write(&signature, &signed.signature).unwrap();
    let verify = |line: &[u8]| {
        fs::write(&file, line).unwrap();
        let mut ssh_keygen = testkit::tool("ssh-keygen");
        ssh_keygen.args(["-Y", "verify", "-I", "ops", "-n", "parados-evidence", "-f"]).arg(&allowed);
        ssh_keygen.arg("-s").arg(&signature).stdin(File::open(&file).unwrap()).output().unwrap().status.success()
    };
    assert!(verify(&signed.line));
    let verdict = testkit::tool("jq").args(["-r", ".verdict"]).arg(&file).output().unwrap();
    assert_eq!(String::from_utf8(verdict.stdout).unwrap(), "different\n");
    for position in [0, signed.line.len() / 2, signed.line.len() - 1] {
        let mut flipped = signed.line.clone();
        flipped[position] ^= 1;
        assert!(!verify(&flipped), "byte {position}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whatever a store can be, a drill of it finds nothing different, be it into an empty store or under a prefix.
    #[test]
    fn nothing_comes_back_different_of_any_store(
        happenings in vec(any_happening(), 1..16), with_history in any::<bool>(), scratch in any::<bool>()
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let from = shop_with(true);
            happen(&from, &happenings).await;
            if from.store.describe(&Default::default()).await.unwrap().items.is_empty() {
                return;
            }
            let taken = take(&from, with_history).await;
            let into = Shop::new(MemoryStoreOptions { annotated: true, ..MemoryStoreOptions::default() });
            let store: SharedStore = into.store.clone();
            let context = if scratch { in_scratch(&into, store, &taken.source) } else { context(&into, store, &taken.source) };
            let evidence = run(&context).await;
            assert_eq!(evidence.differences, [], "{evidence:#?}");
            assert_eq!(evidence.error, None);
            assert_eq!(evidence.counts.wanted, taken.records.len() as u64);
        });
    }
}
