//! `parados store webhook`: who is told of what changes.

mod deliveries;

use std::path::PathBuf;
use std::time::Duration;

use clap::Subcommand;
use parados_parameter::{Clock as _, SystemClock};
use parados_server::webhook::{
    DestinationOptions, NewWebhook, Webhook, WebhookFilter, WebhookId, WebhookSecret, Webhooks,
};
use parados_store::ChangeKind;
use serde::Serialize;

use super::place::{Opened, PlaceArgs};
use crate::cli::GlobalArgs;
use crate::config::Period;
use crate::error::{Failure, Result};
use crate::output::note;
use crate::runtime;

/// How long a test may take.
const TEST_TIMEOUT: Duration = Duration::from_secs(10);

/// What is done with webhooks.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Tell an address of changes from now on; the secret that deliveries are signed with is shown once
    Add(AddArgs),
    /// List them
    List(ListArgs),
    /// Take one away, with what waits for it
    Remove(IdArgs),
    /// Give one a new secret; for a while deliveries are signed with both
    Rotate(RotateArgs),
    /// Send one a test now, and say what it answers
    Test(TestArgs),
    /// List deliveries: those that wait, were taken, or are dead letters
    Deliveries(deliveries::Args),
    /// Send dead letters again
    Resend(deliveries::ResendArgs),
}

/// What may be delivered to.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct DestinationFlags {
    /// Deliver webhooks also to this machine and to private networks, and over plain HTTP
    #[arg(long, env = "PARADOS_WEBHOOK_ALLOW_PRIVATE")]
    webhook_allow_private: bool,
    /// Authorities in PEM that webhooks' certificates may be signed by, beside those that the machine trusts
    #[arg(long, value_name = "FILE", env = "PARADOS_WEBHOOK_CA")]
    webhook_ca: Option<PathBuf>,
}

impl DestinationFlags {
    /// What may be.
    pub(crate) fn options(&self, timeout: Duration) -> Result<DestinationOptions> {
        let authorities = match &self.webhook_ca {
            Some(path) => std::fs::read(path)
                .map_err(|error| Failure::configuration(format!("--webhook-ca {}: {error}", path.display())))?,
            None => Vec::new(),
        };
        Ok(DestinationOptions { allow_private: self.webhook_allow_private, authorities, timeout })
    }
}

/// The arguments of `webhook add`.
#[derive(Debug, clap::Args)]
pub(crate) struct AddArgs {
    /// Where changes are told: https://…
    #[arg(value_name = "URL")]
    url: String,
    /// Only of parameters below this path, or of this name; may be given more than once
    #[arg(long, value_name = "PATH")]
    path: Vec<String>,
    /// Only changes of this kind, as Create, Update, Delete, LabelParameterVersion, Expiration; may be given more than once
    #[arg(long, value_name = "KIND", value_parser = kind)]
    kind: Vec<ChangeKind>,
    /// Only in this account and Region: 123456789012/eu-west-1
    #[arg(long = "of", value_name = "ACCOUNT/REGION", value_parser = account_region)]
    account_region: Option<String>,
    #[command(flatten)]
    destinations: DestinationFlags,
    #[command(flatten)]
    place: PlaceArgs,
}

/// The arguments of `webhook list`.
#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    place: PlaceArgs,
}

/// The arguments of what is done to one.
#[derive(Debug, clap::Args)]
pub(crate) struct IdArgs {
    /// Its id
    #[arg(value_name = "ID")]
    id: WebhookId,
    #[command(flatten)]
    place: PlaceArgs,
}

/// The arguments of `webhook rotate`.
#[derive(Debug, clap::Args)]
pub(crate) struct RotateArgs {
    /// How long deliveries are signed with the secret before, too
    #[arg(long, value_name = "TIME", default_value = "24h")]
    overlap: Period,
    #[command(flatten)]
    one: IdArgs,
}

/// The arguments of `webhook test`.
#[derive(Debug, clap::Args)]
pub(crate) struct TestArgs {
    #[command(flatten)]
    one: IdArgs,
    #[command(flatten)]
    destinations: DestinationFlags,
}

/// A webhook as it is shown.
#[derive(Debug, Serialize)]
struct WebhookView {
    id: WebhookId,
    url: String,
    #[serde(flatten)]
    filter: WebhookFilter,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rotating_until: Option<String>,
    /// Shown once.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl WebhookView {
    fn of(webhook: Webhook, secret: Option<&WebhookSecret>) -> Self {
        Self {
            id: webhook.id,
            url: webhook.url,
            filter: webhook.filter,
            created_at: webhook.created_at.to_string(),
            rotating_until: webhook.rotating_until.map(|until| until.to_string()),
            secret: secret.map(|secret| secret.expose().to_owned()),
        }
    }

    fn what(&self) -> String {
        let paths = if self.filter.paths.is_empty() { "/".to_owned() } else { self.filter.paths.join(" ") };
        let kinds: Vec<_> = self.filter.kinds.iter().map(|kind| format!("{kind:?}")).collect();
        let kinds = if kinds.is_empty() { "all".to_owned() } else { kinds.join(" ") };
        format!("{paths} {kinds}")
    }
}

/// Does it.
pub(crate) fn run(verb: &Verb, global: &GlobalArgs) -> Result<()> {
    match verb {
        Verb::Add(args) => add(args, global),
        Verb::List(args) => list(args, global),
        Verb::Remove(args) => {
            runtime::run(async { Ok(open(&args.place, &DestinationFlags::default()).await?.remove(&args.id).await?) })
        }
        Verb::Rotate(args) => rotate(args, global),
        Verb::Test(args) => test(args, global),
        Verb::Deliveries(args) => deliveries::run(args, global),
        Verb::Resend(args) => deliveries::resend(args),
    }
}

async fn open(place: &PlaceArgs, destinations: &DestinationFlags) -> Result<Webhooks> {
    let options = destinations.options(TEST_TIMEOUT)?;
    let Opened { database, state, .. } = place.place()?.open().await?;
    Ok(Webhooks::open(&state, database, options).await?)
}

fn add(args: &AddArgs, global: &GlobalArgs) -> Result<()> {
    let filter =
        WebhookFilter { paths: args.path.clone(), kinds: args.kind.clone(), place: args.account_region.clone() };
    let (webhook, secret) = runtime::run(async {
        let webhooks = open(&args.place, &args.destinations).await?;
        Ok(webhooks.add(NewWebhook { url: args.url.clone(), filter }, SystemClock.now()).await?)
    })?;
    let view = WebhookView::of(webhook, Some(&secret));
    let output = global.stdout();
    output.result(&view, || {
        output.facts([("id", view.id.to_string()), ("url", view.url.clone()), ("secret", secret.expose().to_owned())])
    })?;
    note("the secret is not shown again; deliveries bear an HMAC-SHA256 by it in the header Parados-Signature");
    Ok(())
}

fn list(args: &ListArgs, global: &GlobalArgs) -> Result<()> {
    let found = runtime::run(async { Ok(open(&args.place, &DestinationFlags::default()).await?.list().await?) })?;
    let views: Vec<_> = found.into_iter().map(|webhook| WebhookView::of(webhook, None)).collect();
    let output = global.stdout();
    output.result(&views, || {
        let rows =
            views.iter().map(|view| vec![view.id.to_string(), view.url.clone(), view.what(), view.created_at.clone()]);
        output.table(&["ID", "URL", "WHAT", "SINCE"], rows)
    })
}

fn rotate(args: &RotateArgs, global: &GlobalArgs) -> Result<()> {
    let overlap =
        Duration::try_from(args.overlap.duration()).map_err(|error| Failure::usage(format!("--overlap: {error}")))?;
    let secret = runtime::run(async {
        let webhooks = open(&args.one.place, &DestinationFlags::default()).await?;
        Ok(webhooks.rotate(&args.one.id, overlap, SystemClock.now()).await?)
    })?;
    let output = global.stdout();
    let view = serde_json::json!({"id": args.one.id, "secret": secret.expose()});
    output.result(&view, || output.facts([("id", args.one.id.to_string()), ("secret", secret.expose().to_owned())]))
}

fn test(args: &TestArgs, global: &GlobalArgs) -> Result<()> {
    let attempt = runtime::run(async {
        let webhooks = open(&args.one.place, &args.destinations).await?;
        Ok(webhooks.test(&args.one.id, SystemClock.now()).await?)
    })?;
    if let Some(error) = attempt.error {
        return Err(Failure::failed(format!("the webhook {} did not take the test: {error}", args.one.id)));
    }
    let milliseconds = attempt.took.as_millis();
    let output = global.stdout();
    let view =
        serde_json::json!({"status": attempt.status, "took_ms": u64::try_from(milliseconds).unwrap_or(u64::MAX)});
    output.result(&view, || {
        let status = attempt.status.map_or("-".to_owned(), |status| status.to_string());
        output.facts([("status", status), ("took_ms", milliseconds.to_string())])
    })
}

fn kind(text: &str) -> std::result::Result<ChangeKind, String> {
    serde_json::from_value(text.into()).map_err(|_| {
        "it is Create, Update, Delete, LabelParameterVersion, UnlabelParameterVersion, AddTags, RemoveTags, Expiration, \
         ExpirationNotification or NoChangeNotification"
            .to_owned()
    })
}

fn account_region(text: &str) -> std::result::Result<String, String> {
    let place: parados_parameter::AccountRegion =
        text.parse().map_err(|invalid: parados_parameter::Invalid| invalid.to_string())?;
    Ok(place.to_string())
}
