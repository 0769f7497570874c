//! Keys that are made from a secret for one day, Region and service, and a few of them remembered.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use aws_lc_rs::hmac::{HMAC_SHA256, Key, Tag, sign, verify};
use quick_cache::Equivalent;
use quick_cache::sync::Cache;
use zeroize::Zeroizing;

use super::Claim;

/// What signs the requests of one access key on one day, in one Region, to one service. `Debug` is redacted.
#[derive(Clone)]
pub struct SigningKey(Key);

impl SigningKey {
    /// Makes it from the secret, as "Deriving a signing key" says.
    pub fn derive(secret: &str, date: &str, region: &str, service: &str) -> Self {
        let first = Zeroizing::new(["AWS4", secret].concat());
        let mut tag = step(first.as_bytes(), date);
        for next in [region, service, "aws4_request"] {
            tag = step(tag.as_ref(), next);
        }
        Self(Key::new(HMAC_SHA256, tag.as_ref()))
    }

    /// Whether `signature` is what this key makes of `message`, in a time that does not tell where they differ.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        verify(&self.0, message, signature).is_ok()
    }

    #[cfg(test)]
    pub(super) fn sign_for_test(&self, message: &[u8]) -> Tag {
        sign(&self.0, message)
    }
}

fn step(key: &[u8], message: &str) -> Tag {
    sign(&Key::new(HMAC_SHA256, key), message.as_bytes())
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(redacted)")
    }
}

/// The signing keys that were used last. It does not know whether an access key is active: ask that first.
#[derive(Debug)]
pub struct SigningKeys(Cache<Scope, Arc<SigningKey>>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Scope {
    access_key_id: String,
    date: String,
    region: String,
    service: String,
}

/// A [`Scope`] that is only looked for.
struct ScopeOf<'a>([&'a str; 4]);

impl Hash for ScopeOf<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for part in self.0 {
            part.hash(state);
        }
    }
}

impl Equivalent<Scope> for ScopeOf<'_> {
    fn equivalent(&self, scope: &Scope) -> bool {
        self.0 == [&scope.access_key_id, &scope.date, &scope.region, &scope.service].map(String::as_str)
    }
}

impl SigningKeys {
    /// Remembers at most about `capacity` of them.
    pub fn new(capacity: usize) -> Self {
        Self(Cache::new(capacity))
    }

    /// The key that a request claims to be signed with, if it was used lately.
    pub fn get(&self, claim: &Claim<'_>) -> Option<Arc<SigningKey>> {
        self.0.get(&ScopeOf([claim.access_key_id(), claim.date(), claim.region(), claim.service()]))
    }

    /// Remembers a key that a request was verified with. One that verified nothing is not to be remembered: anybody can ask for it with the id
    /// of a key and a made-up scope, and push out what is used.
    pub fn remember(&self, claim: &Claim<'_>, key: Arc<SigningKey>) {
        let scope = Scope {
            access_key_id: claim.access_key_id().to_owned(),
            date: claim.date().to_owned(),
            region: claim.region().to_owned(),
            service: claim.service().to_owned(),
        };
        self.0.insert(scope, key);
    }
}
