//! `parados drill --clean-up`.

use parados_backup::drill::scratch::ScratchPrefix;

use super::Args;
use crate::cli::GlobalArgs;
use crate::command::restore::RestoreFlags;
use crate::config::StoreChoice;
use crate::confirm::confirm_or_signal;
use crate::directories::Directories;
use crate::error::{Failure, Result};
use crate::{exit_code, output, runtime};

/// Removes what drills left that were killed, and says with what code the process ends.
pub(super) fn run(args: &Args, flags: RestoreFlags<'_>, directories: &Directories, _: &GlobalArgs) -> Result<u8> {
    let removed =
        parados_store::remove_abandoned(&directories.scratch()?).map_err(|error| Failure::failed(error.to_string()))?;
    for folder in &removed {
        output::note(&format!("removed {}", folder.display()));
    }
    let mut left = 0;
    if args.into != StoreChoice::Embedded(None) {
        left = runtime::run(async {
            let into = flags.into(None).await?;
            let store = into.opened.store;
            let found = ScratchPrefix::find(&store).await?;
            for (prefix, parameters) in &found {
                output::note(&format!("{} has {parameters} parameters", prefix.path()));
            }
            if found.is_empty() {
                output::note("no drill left anything there");
                return Ok(0);
            }
            if !args.yes {
                confirm_or_signal("Delete all of them? A drill that is running now would fail.", "nothing was deleted")
                    .await?;
            }
            let mut left = 0;
            for prefix in found.keys() {
                let outcome = prefix.clean_up(&store, []).await?;
                output::note(&format!("deleted {} under {}", outcome.removed, prefix.path()));
                for (name, reason) in &outcome.left {
                    output::note(&format!("warning: {name} is left: {reason}"));
                }
                left += outcome.left.len();
            }
            Ok(left)
        })?;
    }
    Ok(if left == 0 { exit_code::COMPLETE } else { exit_code::PARTIAL })
}
