//! Webhooks as an operator has them: made, listed, tried, and their dead letters sent again.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use parados_store::ParameterDatabase;
use zeroize::Zeroizing;

use super::deliver::{Attempt, Sender};
use super::event::Event;
use super::table::WebhookTable;
use super::{
    Delivery, DeliveryState, Destination, DestinationOptions, Webhook, WebhookError, WebhookFilter, WebhookId,
};
use crate::state::ServerState;

/// A webhook that is to be made.
#[derive(Clone, Debug)]
pub struct NewWebhook {
    /// Where changes are told.
    pub url: String,
    /// Which.
    pub filter: WebhookFilter,
}

/// What deliveries are signed with. It is shown once, when it is made.
pub struct WebhookSecret(Zeroizing<String>);

impl WebhookSecret {
    /// `whsec_` and 43 characters, 256 random bits.
    fn random() -> Self {
        use base64::Engine as _;
        let bytes = Zeroizing::new(rand::random::<[u8; 32]>());
        let text = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(*bytes);
        Self(Zeroizing::new(format!("whsec_{text}")))
    }

    /// It in the clear.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(…)")
    }
}

/// The webhooks of a database.
#[derive(Clone, Debug)]
pub struct Webhooks {
    pub(super) table: WebhookTable,
    pub(super) database: Arc<dyn ParameterDatabase>,
    pub(super) destinations: DestinationOptions,
}

impl Webhooks {
    /// Opens them; makes their tables where they are missing. `database` seals their secrets.
    ///
    /// # Errors
    /// The database's.
    pub async fn open(
        state: &ServerState,
        database: Arc<dyn ParameterDatabase>,
        destinations: DestinationOptions,
    ) -> Result<Self, WebhookError> {
        Ok(Self { table: WebhookTable::open(state).await?, database, destinations })
    }

    /// Makes one. It is told what happens from now on.
    ///
    /// # Errors
    /// Its address cannot be delivered to, or the database's.
    pub async fn add(&self, new: NewWebhook, now: Timestamp) -> Result<(Webhook, WebhookSecret), WebhookError> {
        Destination::parse(&new.url, &self.destinations)?;
        let (id, secret) = (WebhookId::random(), WebhookSecret::random());
        let webhook = Webhook {
            secret: self.database.seal_secret(&context(&id), secret.expose().as_bytes()).await?,
            id,
            url: new.url,
            filter: new.filter,
            created_at: now,
            rotating_until: None,
            cursor: self.database.newest_change().await?,
            previous_secret: None,
        };
        self.table.add(&webhook).await?;
        Ok((webhook, secret))
    }

    /// Them, oldest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn list(&self) -> Result<Vec<Webhook>, WebhookError> {
        self.table.webhooks().await
    }

    /// Takes one away, with everything that waits for it.
    ///
    /// # Errors
    /// There is none, or the database's.
    pub async fn remove(&self, id: &WebhookId) -> Result<(), WebhookError> {
        match self.table.remove(id).await? {
            true => Ok(()),
            false => Err(WebhookError::NotFound(id.clone())),
        }
    }

    /// Gives one a new secret. Deliveries are signed with both for `overlap`, so that the receiver can change over.
    ///
    /// # Errors
    /// There is none, or the database's.
    pub async fn rotate(
        &self,
        id: &WebhookId,
        overlap: Duration,
        now: Timestamp,
    ) -> Result<WebhookSecret, WebhookError> {
        let secret = WebhookSecret::random();
        let sealed = self.database.seal_secret(&context(id), secret.expose().as_bytes()).await?;
        let until = SignedDuration::try_from(overlap).ok().and_then(|overlap| now.checked_add(overlap).ok());
        match self.table.rotate(id, &sealed, until.unwrap_or(Timestamp::MAX)).await? {
            true => Ok(secret),
            false => Err(WebhookError::NotFound(id.clone())),
        }
    }

    /// Sends one a test, once.
    ///
    /// # Errors
    /// There is none, its address may not be delivered to, or the database's. That it was not taken is in the attempt.
    pub async fn test(&self, id: &WebhookId, now: Timestamp) -> Result<Attempt, WebhookError> {
        let webhooks = self.list().await?;
        let webhook = webhooks.iter().find(|webhook| webhook.id == *id);
        let webhook = webhook.ok_or_else(|| WebhookError::NotFound(id.clone()))?;
        let event = Event::of_test(now);
        Ok(self.sender(webhook, now).await?.send(&event.id, event.body, 1, now).await)
    }

    /// The newest `limit` deliveries, newest first: of one webhook or of all, in one state or in any.
    ///
    /// # Errors
    /// The database's.
    pub async fn deliveries(
        &self,
        webhook: Option<&WebhookId>,
        state: Option<DeliveryState>,
        limit: u32,
    ) -> Result<Vec<Delivery>, WebhookError> {
        Ok(self.table.deliveries(webhook, state, limit).await?)
    }

    /// Sends dead letters again: that of one event, or all of the webhook's. They come after what was delivered meanwhile. Gives how many.
    ///
    /// # Errors
    /// The database's.
    pub async fn resend(&self, id: &WebhookId, event: Option<&str>, now: Timestamp) -> Result<u64, WebhookError> {
        Ok(self.table.resend(id, event, now).await?)
    }

    /// What sends to a webhook.
    pub(super) async fn sender(&self, webhook: &Webhook, now: Timestamp) -> Result<Sender, WebhookError> {
        let destination = Destination::parse(&webhook.url, &self.destinations)?;
        let context = context(&webhook.id);
        let mut secrets = vec![self.database.open_secret(&context, &webhook.secret).await?];
        if let Some(previous) = &webhook.previous_secret
            && webhook.rotating_until.is_some_and(|until| now < until)
        {
            secrets.push(self.database.open_secret(&context, previous).await?);
        }
        Ok(Sender { client: self.destinations.client()?, url: destination.url().clone(), secrets })
    }
}

/// What a webhook's secret is bound to.
fn context(id: &WebhookId) -> String {
    format!("webhook/{id}")
}
