//! `parados infra up`.

use std::sync::Arc;

use parados_infra::apply::{ApplyContext, ApplyReport, ApplyVerdict, InfraEvent, apply};
use parados_infra::plan::InfraPlan;
use parados_infra::stack::{Observation, Stack, StackError};
use parados_parameter::SystemClock;

use super::opened::{StackArgs, holder, is_gone};
use super::preview::{self, PlanArgs};
use super::view;
use crate::cli::GlobalArgs;
use crate::confirm::confirm_or_signal;
use crate::error::{Failure, Result};
use crate::{exit_code, output, runtime};

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    stack: StackArgs,
    #[command(flatten)]
    plan: PlanArgs,
    #[command(flatten)]
    approval: ApprovalArgs,
}

/// Who says that a plan may be done.
#[derive(Debug, clap::Args)]
pub(super) struct ApprovalArgs {
    /// Do it without asking
    #[arg(long)]
    pub(super) yes: bool,
    /// Do it only if it is the plan of this hash: the one that was approved
    #[arg(long, value_name = "HASH")]
    pub(super) hash: Option<String>,
}

/// Does a plan, and says with what code the process ends.
pub(crate) fn run(args: &Args, global: &GlobalArgs) -> Result<u8> {
    let make = async |stack: &Stack, observation: &Observation| args.plan.make(stack, observation).await;
    runtime::run_to_end(async |mut stop| {
        let stack = args.stack.open(global).await?;
        carry_out(&stack, make, &args.approval, global, &mut stop).await
    })
}

/// Makes a plan, asks, and does it.
pub(super) async fn carry_out(
    stack: &Stack,
    make: impl AsyncFn(&Stack, &Observation) -> Result<InfraPlan, StackError>,
    approval: &ApprovalArgs,
    global: &GlobalArgs,
    stop: &mut runtime::Stop,
) -> Result<u8> {
    let observation = stack.observe().await?;
    let plan = make(stack, &observation).await?;
    if plan.is_empty() || preview::code(&plan, false) != exit_code::COMPLETE {
        global.stdout().result(&plan, || view::plan(&plan))?;
        return Ok(preview::code(&plan, false));
    }
    approve(&plan, approval, global).await?;
    let human = !global.stdout().is_json();
    let observer = |event: InfraEvent<'_>| {
        if human {
            output::note(&view::event(event));
        }
    };
    let context =
        ApplyContext { stack, holder: holder(), is_gone: &is_gone, clock: Arc::new(SystemClock), observer: &observer };
    let report =
        apply(&context, &plan.hash, &observation, async |now: &Observation| make(stack, now).await, stop).await?;
    say(&report, global)
}

async fn approve(plan: &InfraPlan, approval: &ApprovalArgs, global: &GlobalArgs) -> Result<()> {
    let hash = plan.hash.to_string();
    if let Some(approved) = approval.hash.as_ref().filter(|approved| **approved != hash) {
        return Err(Failure::failed(format!("the plan has the hash {hash}, and not {approved}"))
            .hint("`parados infra preview` shows it as it is now; have that one approved"));
    }
    if !global.stdout().is_json() {
        output::note(view::plan(plan).trim_end());
    }
    match approval.yes || approval.hash.is_some() {
        true => Ok(()),
        false => {
            confirm_or_signal(&format!("Apply this plan of {} changes?", plan.changes.len()), "nothing was changed")
                .await
        }
    }
}

fn say(report: &ApplyReport, global: &GlobalArgs) -> Result<u8> {
    let output = global.stdout();
    output.result(report, || view::report(report))?;
    if !output.is_json() {
        for change in report.changes.iter().filter(|change| change.error.is_some()) {
            let message = format!("{}: {}", change.resource, change.error.as_deref().unwrap_or_default());
            Failure::failed(message).hints(change.hints.iter().cloned()).print(global.output);
        }
    }
    Ok(match report.verdict {
        _ if report.stopped => exit_code::INTERRUPTED,
        ApplyVerdict::Complete => exit_code::COMPLETE,
        ApplyVerdict::Partial => exit_code::PARTIAL,
        ApplyVerdict::Failed => exit_code::FAILED,
    })
}
