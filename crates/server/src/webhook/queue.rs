//! From the record of changes to deliveries.

use std::sync::Arc;

use jiff::Timestamp;
use parados_parameter::{DescribeRequest, Filter, FilterKey, FilterOption};
use parados_store::{Change, ChangeKind, ParameterDatabase};

use super::event::Event;
use super::table::WebhookTable;
use super::{Webhook, WebhookError};

/// Changes that are read at once.
const PAGE: usize = 500;

/// Makes deliveries.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    pub(super) database: Arc<dyn ParameterDatabase>,
    pub(super) table: WebhookTable,
}

/// What a look at the record of changes did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Filled {
    /// Whether there may be more to read.
    pub(super) is_more: bool,
    /// Deliveries that were made.
    pub(super) deliveries: usize,
    /// Whether changes were forgotten before they were read.
    pub(super) is_behind_a_gap: bool,
}

impl Queue {
    /// Takes the next changes behind the webhook that is furthest behind. Stopped anywhere, it begins there again.
    pub(super) async fn fill(&self, webhooks: &[Webhook], now: Timestamp) -> Result<Filled, WebhookError> {
        let Some(from) = webhooks.iter().map(|webhook| &webhook.cursor).min() else { return Ok(Filled::default()) };
        let page = self.database.changes(from, PAGE).await?;
        let Some(last) = page.changes.last() else { return Ok(Filled::default()) };
        let mut filled = Filled { is_more: true, deliveries: 0, is_behind_a_gap: page.is_behind_a_gap };
        for webhook in webhooks.iter().filter(|webhook| webhook.cursor < last.cursor) {
            let mut events = Vec::new();
            if page.is_behind_a_gap && webhook.cursor == *from {
                events.push(Event::of_gap(&format!("{} {:?}", webhook.id, page.changes.first()), now));
            }
            for change in &page.changes {
                if change.cursor > webhook.cursor && webhook.filter.means(change) {
                    events.push(Event::of(change, &self.description(change).await));
                }
            }
            if self.table.enqueue(&webhook.id, (&webhook.cursor, &last.cursor), &events, now).await? {
                filled.deliveries += events.len();
            }
        }
        Ok(filled)
    }

    /// The parameter's description now, for what was put; an event is not kept back for one that cannot be read.
    async fn description(&self, change: &Change) -> String {
        if !matches!(change.kind, ChangeKind::Create | ChangeKind::Update) {
            return String::new();
        }
        let request = DescribeRequest {
            filters: vec![Filter {
                key: FilterKey::Name,
                option: FilterOption::Equals,
                values: vec![change.name.as_str().to_owned()],
            }],
            ..DescribeRequest::default()
        };
        let described = self.database.store(&change.place, "").describe(&request).await;
        let found = described.ok().and_then(|page| page.items.into_iter().next());
        found.and_then(|metadata| metadata.description).map(|text| text.as_str().to_owned()).unwrap_or_default()
    }
}
