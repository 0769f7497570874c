//! `parados doctor`: tries everything that a backup needs, and changes nothing.

mod check;
mod examine;

use crate::cli::GlobalArgs;
use crate::config::{EnvironmentFlags, SelectorFlags, Settings, SnapshotFlags, StoreFlags};
use crate::directories::Directories;
use crate::error::{Failure, Result};
use crate::{exit_code, runtime};

pub(crate) use check::DoctorView;

/// The environment that is examined where there is no configuration and none is named.
const ANY_ENVIRONMENT: &str = "default";

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    environment: EnvironmentFlags,
    #[command(flatten)]
    store: StoreFlags,
    #[command(flatten)]
    snapshot: SnapshotFlags,
}

/// Examines, and says with what code the process ends: failed where something is in the way of a backup.
pub(crate) fn run(args: &Args, global: &GlobalArgs) -> Result<u8> {
    let config = global.configuration()?;
    let mut environment = args.environment.clone();
    if config.is_none() && environment.environment.is_none() {
        environment.environment = ANY_ENVIRONMENT.parse().ok();
    }
    let settings = Settings::resolve(
        config.as_ref(),
        &Directories::of_user(),
        &args.store,
        &environment,
        &SelectorFlags::default(),
        &args.snapshot,
    )?;
    let view = runtime::run(async { Ok(examine::examine(&settings, config.as_ref()).await) })?;
    let output = global.stdout();
    output.result(&view, || view.text(output))?;
    match view.failed_count() {
        0 => Ok(exit_code::COMPLETE),
        _ if output.is_json() => Ok(exit_code::FAILED),
        1 => Err(Failure::failed("one thing is in the way of a backup")),
        failed => Err(Failure::failed(format!("{failed} things are in the way of a backup"))),
    }
}
