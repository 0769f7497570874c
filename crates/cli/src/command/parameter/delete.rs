//! `parados parameter delete`.

use parados_parameter::{ParameterName, StoreErrorKind};

use super::view::DeleteView;
use super::with_store;
use crate::cli::GlobalArgs;
use crate::config::OneStoreFlags;
use crate::confirm::confirm;
use crate::error::{Failure, Result};

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The names
    #[arg(required = true, value_name = "NAME")]
    names: Vec<ParameterName>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    store: OneStoreFlags,
}

/// Deletes them. Names that are not there make the command fail although the others are deleted.
pub(crate) fn run(args: &Args, global: &GlobalArgs) -> Result<()> {
    if !args.yes {
        confirm(&format!("Delete {} with all versions?", join(&args.names)), "nothing was deleted")?;
    }
    let view = with_store(&args.store, global, async |opened| {
        let mut view = DeleteView::default();
        for name in &args.names {
            match opened.store.delete(name).await {
                Ok(()) => view.deleted_parameters.push(name.clone()),
                Err(error) if error.kind == StoreErrorKind::ParameterNotFound => {
                    view.invalid_parameters.push(name.clone());
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(view)
    })?;
    global
        .stdout()
        .result(&view, || view.deleted_parameters.iter().map(|name| format!("{name} is deleted\n")).collect())?;
    match view.invalid_parameters.as_slice() {
        [] => Ok(()),
        names => {
            Err(Failure::failed(format!("not there: {}", join(names))).hint("`parados parameter list` shows what is"))
        }
    }
}

fn join(names: &[ParameterName]) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
