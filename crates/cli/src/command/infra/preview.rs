//! `parados infra preview`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use parados_infra::picture::picture;
use parados_infra::plan::{InfraPlan, PlanOptions, plan};
use parados_infra::policy;
use parados_infra::stack::{Observation, Stack, StackError};

use super::opened::StackArgs;
use super::view;
use crate::cli::GlobalArgs;
use crate::error::{Failure, Result};
use crate::{exit_code, runtime};

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    stack: StackArgs,
    #[command(flatten)]
    plan: PlanArgs,
    /// End with code 4 when something would be done
    #[arg(long)]
    exit_code: bool,
    /// Write the plan as a picture too, an SVG; without FILE, print that alone
    #[arg(long, value_name = "FILE")]
    graph: Option<Option<PathBuf>>,
}

/// What is asked for beside the declaration.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub(super) struct PlanArgs {
    /// Take over what is there and was not made by this stack
    #[arg(long)]
    adopt: bool,
    /// Delete what this stack made and does not declare any more
    #[arg(long)]
    remove: bool,
    /// With --remove, delete what holds something too: buckets with every version of every snapshot in them
    #[arg(long, requires = "remove")]
    with_snapshots: bool,
}

impl PlanArgs {
    /// Makes the plan of what was observed.
    pub(super) async fn make(self, stack: &Stack, observation: &Observation) -> Result<InfraPlan, StackError> {
        let contents = match self.remove {
            true => stack.left_contents(observation).await?,
            false => BTreeMap::new(),
        };
        let options = PlanOptions {
            adopt: self.adopt,
            remove: self.remove,
            contents,
            with_contents: self.with_snapshots,
            only_made: false,
        };
        Ok(plan(stack, observation, policy::check(stack, observation, today()), &options))
    }
}

/// The day by which waivers are over.
pub(super) fn today() -> Date {
    Timestamp::now().to_zoned_datetime(TimeZone::UTC).date()
}

/// Shows a plan, and says with what code the process ends.
pub(crate) fn run(args: &Args, global: &GlobalArgs) -> Result<u8> {
    let (plan, observation) = runtime::run(async {
        let stack = args.stack.open(global).await?;
        let observation = stack.observe().await?;
        Ok((args.plan.make(&stack, &observation).await?, observation))
    })?;
    if let Some(Some(file)) = &args.graph {
        write(file, &picture(&plan, &observation))?;
    }
    match args.graph {
        Some(None) => global.stdout().text(&picture(&plan, &observation))?,
        _ => global.stdout().result(&plan, || view::plan(&plan))?,
    }
    Ok(code(&plan, args.exit_code))
}

fn write(file: &Path, svg: &str) -> Result<()> {
    std::fs::write(file, svg).map_err(|error| {
        Failure::failed(format!("writing the picture {}: {error}", file.display()))
            .hint("`--graph FILE` takes a file of a folder that is there")
    })
}

/// The code that a plan ends the process with.
pub(super) fn code(plan: &InfraPlan, tell_differences: bool) -> u8 {
    match () {
        () if plan.refusals().next().is_some() || plan.blocking().next().is_some() => exit_code::FAILED,
        () if tell_differences && !plan.is_empty() => exit_code::DIFFERENT,
        () => exit_code::COMPLETE,
    }
}
