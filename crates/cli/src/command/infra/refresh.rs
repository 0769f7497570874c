//! `parados infra refresh`.

use std::time::Duration;

use parados_infra::plan::{InfraPlan, PlanOptions, plan};
use parados_infra::policy;
use parados_infra::stack::{Observation, Stack};

use super::opened::StackArgs;
use super::up::{self, ApprovalArgs};
use super::{preview, view};
use crate::cli::GlobalArgs;
use crate::error::Result;
use crate::{exit_code, runtime};

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    stack: StackArgs,
    /// Mend what has drifted
    #[arg(long)]
    repair: bool,
    #[command(flatten)]
    approval: ApprovalArgs,
    /// Look again after this many seconds, and so on until it is stopped
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    watch: Option<u64>,
}

/// What has drifted: of what this stack made, nothing else.
fn drift(stack: &Stack, observation: &Observation) -> InfraPlan {
    let options = PlanOptions { only_made: true, ..PlanOptions::default() };
    plan(stack, observation, policy::check(stack, observation, preview::today()), &options)
}

/// Shows drift or mends it, and says with what code the process ends.
pub(crate) fn run(args: &Args, global: &GlobalArgs) -> Result<u8> {
    runtime::run_to_end(async |mut stop| {
        let stack = args.stack.open(global).await?;
        let mut seen = None;
        loop {
            let plan = drift(&stack, &stack.observe().await?);
            // Of a watch only what is new is said.
            let is_new = seen.as_ref() != Some(&plan.hash);
            let code = match args.repair && !plan.is_empty() {
                true => {
                    let make = async |stack: &Stack, observation: &Observation| Ok(drift(stack, observation));
                    up::carry_out(&stack, make, &args.approval, global, &mut stop).await?
                }
                false if is_new => {
                    global.stdout().result(&plan, || view::plan(&plan))?;
                    preview::code(&plan, true)
                }
                false => preview::code(&plan, true),
            };
            seen = Some(plan.hash);
            let Some(seconds) = args.watch.filter(|_| code != exit_code::INTERRUPTED) else { return Ok(code) };
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(seconds)) => {}
                () = &mut stop => return Ok(code),
            }
        }
    })
}
