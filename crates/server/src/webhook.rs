//! Webhooks: what changes is told to others over HTTPS, at least once, and in order for each parameter.
//!
//! The record of changes that a database keeps of its own writes is the outbox. [`WebhookService`] takes changes from it, makes a delivery of each for each
//! webhook that wants it (in one transaction with how far it has come), and delivers. One server does that at a time, by a lease in the database. What cannot be
//! delivered within [`WebhookOptions::max_age`] becomes a dead letter, which can be listed and sent again. No event holds a value.

mod administration;
mod deliver;
mod destination;
mod event;
mod lease;
mod queue;
mod service;
mod signature;
mod table;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use parados_parameter::{AccountRegion, Invalid};
use parados_store::{Change, ChangeCursor, ChangeKind, DatabaseError};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::state::StateError;

pub use administration::{NewWebhook, WebhookSecret, Webhooks};
pub use deliver::Attempt;
pub use destination::{Destination, DestinationError, DestinationOptions};
pub use service::{WebhookOptions, WebhookService, WebhookStatus};
pub use signature::{SIGNATURE_HEADER, signature_of};
pub use table::{Delivery, DeliveryState};

/// A webhook's id: `wh-` and 16 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WebhookId(String);

impl WebhookId {
    /// A new one.
    fn random() -> Self {
        Self(format!("wh-{}", hex::encode(rand::random::<[u8; 8]>())))
    }

    /// It in text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WebhookId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for WebhookId {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let digits = text.strip_prefix("wh-").unwrap_or_default();
        match digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            true => Ok(Self(text.to_owned())),
            false => Err(Invalid::new(
                "webhook",
                text,
                "its id is wh- and 16 hexadecimal digits; see 'parados store webhook list'",
            )),
        }
    }
}

/// Where changes are told, and which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// Where.
    pub url: String,
    /// Which changes.
    pub filter: WebhookFilter,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when deliveries bear a second signature, by the secret before; none where there is one secret.
    pub rotating_until: Option<Timestamp>,
    /// Up to where changes have become deliveries.
    pub(crate) cursor: ChangeCursor,
    /// Its secret, sealed.
    pub(crate) secret: Vec<u8>,
    /// The secret before, sealed.
    pub(crate) previous_secret: Option<Vec<u8>>,
}

/// Which changes are meant: those that everything fits that is said here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookFilter {
    /// Of parameters below one of these paths, or of that name; of all where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// Of one of these kinds; of all where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<ChangeKind>,
    /// In this account and Region, as `123456789012/eu-west-1`; in all where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

impl WebhookFilter {
    /// Whether a change is meant.
    pub fn means(&self, change: &Change) -> bool {
        let name = change.name.canonical().trim_matches('/');
        let is_below = |path: &String| {
            let path = path.trim_matches('/');
            path.is_empty() || name.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        (self.paths.is_empty() || self.paths.iter().any(is_below))
            && (self.kinds.is_empty() || self.kinds.contains(&change.kind))
            && self.means_place(&change.place)
    }

    fn means_place(&self, place: &AccountRegion) -> bool {
        self.place.as_ref().is_none_or(|wanted| *wanted == place.to_string())
    }
}

/// A webhook that could not be made, read or changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// There is none of that id.
    #[error("there is no webhook {0}")]
    NotFound(WebhookId),
    /// Its address cannot be delivered to.
    #[error(transparent)]
    Destination(#[from] DestinationError),
    /// The server's own tables.
    #[error(transparent)]
    State(#[from] StateError),
    /// The parameters' database, which seals secrets and keeps the record of changes.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// What is stored is not what this release writes.
    #[error("the webhook {id} is damaged: its {what} cannot be read")]
    Damaged {
        /// Which.
        id: String,
        /// What of it.
        what: &'static str,
    },
}
