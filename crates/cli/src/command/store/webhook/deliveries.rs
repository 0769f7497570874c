//! `parados store webhook deliveries|resend`.

use clap::ValueEnum;
use parados_parameter::{Clock as _, SystemClock};
use parados_server::webhook::{Delivery, DeliveryState, WebhookId};
use serde::Serialize;

use super::{DestinationFlags, IdArgs, PlaceArgs, open};
use crate::cli::GlobalArgs;
use crate::error::{Failure, Result};
use crate::output::note;
use crate::runtime;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only to this webhook
    #[arg(long, value_name = "ID")]
    webhook: Option<WebhookId>,
    /// Only those in this state
    #[arg(long, value_enum)]
    state: Option<StateFlag>,
    /// Most deliveries, the newest ones
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    limit: u32,
    #[command(flatten)]
    place: PlaceArgs,
}

/// The arguments of `webhook resend`.
#[derive(Debug, clap::Args)]
pub(crate) struct ResendArgs {
    /// Only this event's [default: every dead letter of the webhook]
    #[arg(long, value_name = "EVENT")]
    event: Option<String>,
    #[command(flatten)]
    one: IdArgs,
}

/// See [`DeliveryState`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum StateFlag {
    /// They wait, for the first time or for another attempt
    Waiting,
    /// They were taken, within the last day
    Delivered,
    /// They are dead letters: nobody tries any more
    Dead,
}

/// A delivery as it is shown.
#[derive(Debug, Serialize)]
struct DeliveryView {
    webhook: WebhookId,
    event: String,
    subject: String,
    state: DeliveryState,
    attempts: i64,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        let is_waiting = delivery.state == DeliveryState::Waiting;
        Self {
            webhook: delivery.webhook,
            event: delivery.event,
            subject: delivery.subject,
            state: delivery.state,
            attempts: delivery.attempts,
            created_at: delivery.created_at.to_string(),
            next_at: is_waiting.then(|| delivery.next_at.to_string()),
            status: delivery.status,
            error: delivery.error,
        }
    }
}

/// Lists them.
pub(crate) fn run(args: &Args, global: &GlobalArgs) -> Result<()> {
    let state = args.state.map(|state| match state {
        StateFlag::Waiting => DeliveryState::Waiting,
        StateFlag::Delivered => DeliveryState::Delivered,
        StateFlag::Dead => DeliveryState::Dead,
    });
    let found = runtime::run(async {
        let webhooks = open(&args.place, &DestinationFlags::default()).await?;
        Ok(webhooks.deliveries(args.webhook.as_ref(), state, args.limit).await?)
    })?;
    let views: Vec<_> = found.into_iter().map(DeliveryView::from).collect();
    let output = global.stdout();
    output.result(&views, || {
        let rows = views.iter().map(|view| {
            vec![
                view.created_at.clone(),
                view.webhook.to_string(),
                view.event.clone(),
                view.subject.clone(),
                view.state.as_str().to_owned(),
                view.attempts.to_string(),
                view.error.clone().unwrap_or_else(|| "-".to_owned()),
            ]
        });
        output.table(&["SINCE", "WEBHOOK", "EVENT", "PARAMETER", "STATE", "ATTEMPTS", "ERROR"], rows)
    })
}

/// Lets dead letters wait again.
pub(crate) fn resend(args: &ResendArgs) -> Result<()> {
    let count = runtime::run(async {
        let webhooks = open(&args.one.place, &DestinationFlags::default()).await?;
        Ok(webhooks.resend(&args.one.id, args.event.as_deref(), SystemClock.now()).await?)
    })?;
    match count {
        0 => {
            Err(Failure::failed("there is no such dead letter")
                .hint("see 'parados store webhook deliveries --state dead'"))
        }
        count => {
            note(&format!("{count} deliveries wait to be sent again"));
            Ok(())
        }
    }
}
