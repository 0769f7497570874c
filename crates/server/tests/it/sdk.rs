//! The contract and the reference model, through AWS's SDK for Rust.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use parados_aws::{SdkConfig, Session, SessionOptions, SharedCredentialsProvider};
use parados_parameter::conformance::model::{self, Action};
use parados_parameter::conformance::{self, Capabilities};
use parados_parameter::memory::MemoryStore;
use parados_parameter::{SharedStore, SystemClock};
use proptest::strategy::Strategy as _;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use crate::listening::Listening;

/// Makes empty stores: each is an account of its own.
fn stores(url: &str) -> impl AsyncFn() -> SharedStore {
    let made = AtomicUsize::new(1);
    async move || {
        let account = format!("{:012}", made.fetch_add(1, Ordering::Relaxed));
        let keys = Credentials::new(account, "anything", None, None, "test");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(url)
            .region(Region::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(keys))
            .build();
        let session = Session::from_config(config, SessionOptions::default(), Arc::new(SystemClock)).await.unwrap();
        let store: SharedStore = Arc::new(session.store());
        store
    }
}

#[tokio::test]
async fn a_server_keeps_the_contract_through_the_sdk() {
    let server = Listening::start();
    conformance::run(stores(&server.url), Capabilities::all()).await;
}

/// Whether AWS's model of the request lets it through to the service: a list of labels or tags has its bounds there, which the
/// contract does not have, and they come before everything else.
fn is_within_the_model(action: &Action) -> bool {
    match action {
        Action::Label { labels, .. } => (1..=10).contains(&labels.len()),
        Action::Unlabel { labels, .. } => (1..=10).contains(&labels.len()),
        Action::Tag { tags, .. } => !tags.is_empty(),
        _ => true,
    }
}

#[test]
fn a_server_does_what_the_model_does() {
    let server = Listening::start();
    let make = stores(&server.url);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let lists = model::actions(1..=40).prop_map(|mut list| {
        list.retain(is_within_the_model);
        list
    });
    let config = Config { cases: 24, ..Config::with_source_file(file!()) };
    let outcome = TestRunner::new(config).run(&lists, |actions| {
        runtime.block_on(async {
            let (store, model) = (make().await, MemoryStore::new(Arc::new(SystemClock)));
            let difference = model::compare(&*store, &model, &actions).await;
            difference.map_err(|difference| TestCaseError::fail(difference.to_string()))
        })
    });
    outcome.unwrap();
}
