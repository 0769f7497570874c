//! `parados parameter list`.

use parados_parameter::{DescribeRequest, Selector};

use super::view::{DescribeView, MetadataView};
use super::with_store;
use crate::cli::GlobalArgs;
use crate::config::{SelectorFlags, StoreFlags};
use crate::error::Result;
use crate::wiring::OpenedStore;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    selector: SelectorFlags,
    #[command(flatten)]
    store: StoreFlags,
}

/// Lists them.
pub(crate) fn run(args: &Args, global: &GlobalArgs) -> Result<()> {
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
    })
}

async fn list(opened: &OpenedStore, selector: &Selector) -> Result<DescribeView> {
    let mut request = DescribeRequest { filters: selector.to_filters(), ..DescribeRequest::default() };
    let mut parameters = Vec::new();
    loop {
        let page = opened.store.describe(&request).await?;
        parameters.extend(page.items.iter().filter(|metadata| selector.matches(metadata)).map(MetadataView::of));
        request.next_token = page.next_token;
        if request.next_token.is_none() {
            parameters.sort_by(|a, b| a.name.cmp(&b.name));
            return Ok(DescribeView { parameters });
        }
    }
}
