//! Refuses writes.

use futures::future::BoxFuture;

use super::Intercept;
use super::call::{Answer, Call};
use crate::error::Result;
use crate::{SharedStore, StoreErrorKind};

/// A store that can only be read: every write fails with [`StoreErrorKind::ReadOnly`] and does not reach the store within.
#[derive(Debug)]
pub struct ReadOnly {
    inner: SharedStore,
}

impl ReadOnly {
    /// Makes `inner` read-only to whoever holds this.
    pub fn new(inner: SharedStore) -> Self {
        Self { inner }
    }
}

impl Intercept for ReadOnly {
    fn inner(&self) -> &SharedStore {
        &self.inner
    }

    async fn around<'a, T: Answer>(
        &'a self,
        call: Call<'a>,
        go: impl Fn() -> BoxFuture<'a, Result<T>> + Send + Sync + 'a,
    ) -> Result<T> {
        if call.operation.is_write() {
            return Err(call.error(StoreErrorKind::ReadOnly, "the store was opened to be read only"));
        }
        go().await
    }
}
