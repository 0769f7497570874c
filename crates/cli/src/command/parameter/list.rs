//! `parados parameter list`.

use parados_parameter::{DescribeRequest, Selector};

use super::view::{DescribeView, MetadataView, UnreadableView};
use super::with_store;
use crate::cli::GlobalArgs;
use crate::config::{OneStoreFlags, SelectorFlags};
use crate::error::Result;
use crate::exit_code;
use crate::output::{note, printable};
use crate::wiring::OpenedStore;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    selector: SelectorFlags,
    #[command(flatten)]
    store: OneStoreFlags,
}

/// Lists them, and says with what code the process ends: partial where not all of them could be understood.
pub(crate) fn run(args: &Args, global: &GlobalArgs) -> Result<u8> {
    let selector = args.selector.selector().unwrap_or_default();
    let view = with_store(&args.store, global, async |opened| list(&opened, &selector).await)?;
    let output = global.stdout();
    output.result(&view, || {
        let rows = view.parameters.iter().map(|parameter| {
            vec![
                parameter.name.clone(),
                parameter.parameter_type.clone(),
                parameter.version.to_string(),
                parameter.tier.clone(),
                parameter.last_modified_date.clone(),
                parameter.description.clone().unwrap_or_default(),
            ]
        });
        output.table(&["NAME", "TYPE", "VERSION", "TIER", "MODIFIED", "DESCRIPTION"], rows)
    })?;
    for unreadable in &view.unreadable {
        note(&format!("not listed: {}: {}", printable(&unreadable.name), printable(&unreadable.reason)));
    }
    Ok(if view.unreadable.is_empty() { exit_code::COMPLETE } else { exit_code::PARTIAL })
}

async fn list(opened: &OpenedStore, selector: &Selector) -> Result<DescribeView> {
    let mut request = DescribeRequest { filters: selector.to_filters(), ..DescribeRequest::default() };
    let mut parameters = Vec::new();
    let mut unreadable = Vec::new();
    loop {
        let page = opened.store.describe(&request).await?;
        parameters.extend(page.items.iter().filter(|metadata| selector.matches(metadata)).map(MetadataView::of));
        let left_out = page.unreadable.iter().filter(|one| selector.matches_name(&one.name));
        unreadable
            .extend(left_out.map(|one| UnreadableView { name: one.name.to_string(), reason: one.error.to_string() }));
        request.next_token = page.next_token;
        if request.next_token.is_none() {
            parameters.sort_by(|a, b| a.name.cmp(&b.name));
            unreadable.sort_by(|a, b| a.name.cmp(&b.name));
            return Ok(DescribeView { parameters, unreadable });
        }
    }
}
