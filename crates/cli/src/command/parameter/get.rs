//! `parados parameter get`.

use parados_parameter::ParameterReference;

use super::view::{GetView, ParameterView};
use super::{shown, with_store};
use crate::cli::GlobalArgs;
use crate::config::OneStoreFlags;
use crate::error::Result;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The name; NAME:3 or NAME:LABEL for one of its versions
    name: ParameterReference,
    /// Show the value
    #[arg(long)]
    reveal: bool,
    #[command(flatten)]
    store: OneStoreFlags,
}

/// Shows it.
pub(crate) fn run(args: &Args, global: &GlobalArgs) -> Result<()> {
    let parameter = with_store(&args.store, global, async |opened| Ok(opened.store.get(&args.name).await?))?;
    let view = GetView { parameter: ParameterView::of(&parameter, args.reveal) };
    let output = global.stdout();
    output.result(&view, || {
        let parameter = &view.parameter;
        output.facts([
            ("Name", parameter.name.clone()),
            ("Type", parameter.parameter_type.clone()),
            ("Value", shown(parameter.value.as_ref())),
            ("Version", parameter.version.to_string()),
            ("Modified", parameter.last_modified_date.clone()),
            ("ARN", parameter.arn.clone().unwrap_or_default()),
            ("Data type", parameter.data_type.clone()),
        ])
    })
}
