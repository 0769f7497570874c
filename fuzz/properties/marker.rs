//! What holds for the reader of `parados.json`, whatever the bytes.

use std::sync::Arc;

use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt as _};
use parados_backup::repository::{Completion, Objects, Repository};

/// Opening never panics; what opens has an id that can be a part of a key.
pub(crate) fn check(bytes: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime of one thread");
    let opened = runtime.block_on(async {
        let store = InMemory::new();
        store.put(&"parados.json".into(), bytes.to_vec().into()).await.expect("memory takes all bytes");
        let store: Arc<dyn ObjectStore> = Arc::new(store);
        Repository::open(Objects::new(store, "memory", Completion::Checked)).await
    });
    match opened {
        Ok(repository) => {
            let id = repository.id();
            assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id:?}");
        }
        Err(error) => assert!(!error.hints().is_empty(), "{error}"),
    }
}
