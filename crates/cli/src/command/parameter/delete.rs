//! `parados parameter delete`.

use std::io::{self, IsTerminal as _, Write as _};

use parados_parameter::{ParameterName, StoreErrorKind};

use super::view::DeleteView;
use super::with_store;
use crate::cli::GlobalArgs;
use crate::config::StoreFlags;
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
    store: StoreFlags,
}

/// Deletes them. Names that are not there make the command fail although the others are deleted.
pub(crate) fn run(args: &Args, global: &GlobalArgs) -> Result<()> {
    if !args.yes {
        confirm(&args.names)?;
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

fn confirm(names: &[ParameterName]) -> Result<()> {
    if !io::stdin().is_terminal() {
        return Err(Failure::usage("there is no terminal to ask on whether to delete").hint("add --yes"));
    }
    let failed = |error: io::Error| Failure::failed(format!("asking: {error}"));
    let mut stderr = io::stderr();
    write!(stderr, "Delete {} with all versions? [y/N] ", join(names)).and_then(|()| stderr.flush()).map_err(failed)?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(failed)?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::failed("nothing was deleted")),
    }
}

fn join(names: &[ParameterName]) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
