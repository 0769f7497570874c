//! The contract, and the reference model.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parados_parameter::SharedStore;
use parados_parameter::conformance::{self, Capabilities, model};
use parados_store::{EmbeddedStore, InitOptions};
use proptest::test_runner::Config;

use crate::open;

/// Makes empty stores, each in a directory of its own under `parent`.
fn stores(parent: &Path) -> impl AsyncFn() -> SharedStore {
    let made = AtomicUsize::new(0);
    async move || {
        let directory = parent.join(made.fetch_add(1, Ordering::Relaxed).to_string());
        EmbeddedStore::init(&InitOptions::new(&directory)).await.unwrap();
        let store: SharedStore = Arc::new(open(&directory).await);
        store
    }
}

#[tokio::test]
async fn the_contract_is_kept() {
    let parent = tempfile::tempdir().unwrap();
    conformance::run(stores(parent.path()), Capabilities::all()).await;
}

#[test]
fn it_does_what_the_model_does() {
    let parent = tempfile::tempdir().unwrap();
    model::check(Config { cases: 48, ..Config::with_source_file(file!()) }, 60, stores(parent.path()));
}
