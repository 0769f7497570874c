//! What seals the secrets of access keys.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use parados_store::{DatabaseError, ParameterDatabase};
use zeroize::Zeroizing;

/// Seals a secret, bound to a context. The parameters' database does it, under its master key.
#[async_trait]
pub trait SecretSeal: Debug + Send + Sync {
    /// See [`ParameterDatabase::seal_secret`].
    async fn seal(&self, context: &str, secret: &[u8]) -> Result<Vec<u8>, DatabaseError>;

    /// See [`ParameterDatabase::open_secret`].
    async fn open(&self, context: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, DatabaseError>;
}

/// The parameters' database, as what seals.
#[derive(Clone, Debug)]
pub struct DatabaseSeal(pub Arc<dyn ParameterDatabase>);

#[async_trait]
impl SecretSeal for DatabaseSeal {
    async fn seal(&self, context: &str, secret: &[u8]) -> Result<Vec<u8>, DatabaseError> {
        self.0.seal_secret(context, secret).await
    }

    async fn open(&self, context: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, DatabaseError> {
        self.0.open_secret(context, sealed).await
    }
}
