//! `parados parameter history`.

use parados_parameter::{HistoryRequest, ParameterName};

use super::view::{HistoryView, VersionView};
use super::{shown, with_store};
use crate::cli::GlobalArgs;
use crate::config::OneStoreFlags;
use crate::error::Result;
use crate::wiring::OpenedStore;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The name
    name: ParameterName,
    /// Show the values
    #[arg(long)]
    reveal: bool,
    #[command(flatten)]
    store: OneStoreFlags,
}

/// Shows them.
pub(crate) fn run(args: &Args, global: &GlobalArgs) -> Result<()> {
    let view = with_store(&args.store, global, async |opened| read(&opened, args).await)?;
    let output = global.stdout();
    output.result(&view, || {
        let rows = view.parameters.iter().map(|version| {
            vec![
                version.metadata.version.to_string(),
                version.metadata.last_modified_date.clone(),
                version.metadata.last_modified_user.clone().unwrap_or_default(),
                version.labels.join(", "),
                shown(version.value.as_ref()),
            ]
        });
        output.table(&["VERSION", "MODIFIED", "BY", "LABELS", "VALUE"], rows)
    })
}

async fn read(opened: &OpenedStore, args: &Args) -> Result<HistoryView> {
    let mut request = HistoryRequest::of(args.name.clone());
    let mut parameters = Vec::new();
    loop {
        let page = opened.store.history(&request).await?;
        parameters.extend(page.items.iter().map(|entry| VersionView::of(entry, args.reveal)));
        request.next_token = page.next_token;
        if request.next_token.is_none() {
            return Ok(HistoryView { parameters });
        }
    }
}
