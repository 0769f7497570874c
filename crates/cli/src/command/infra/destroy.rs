//! `parados infra destroy`.

use parados_infra::plan::plan_destroy;
use parados_infra::stack::{Observation, Stack};

use super::opened::StackArgs;
use super::up::{self, ApprovalArgs};
use crate::cli::GlobalArgs;
use crate::error::Result;
use crate::runtime;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    stack: StackArgs,
    #[command(flatten)]
    approval: ApprovalArgs,
    /// Delete what holds something too: buckets with every version of every snapshot in them
    #[arg(long)]
    with_snapshots: bool,
}

/// Deletes a stack, and says with what code the process ends.
pub(crate) fn run(args: &Args, global: &GlobalArgs) -> Result<u8> {
    let make = async |stack: &Stack, observation: &Observation| {
        let contents = stack.contents(observation).await?;
        Ok(plan_destroy(stack, observation, &contents, args.with_snapshots))
    };
    runtime::run_to_end(async |mut stop| {
        let stack = args.stack.open(global).await?;
        up::carry_out(&stack, make, &args.approval, global, &mut stop).await
    })
}
