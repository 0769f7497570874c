//! `parados infra outputs`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::opened::StackArgs;
use crate::cli::GlobalArgs;
use crate::error::{Failure, Result};
use crate::{exit_code, runtime};

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    stack: StackArgs,
    /// Print the value of this one alone
    name: Option<String>,
}

/// What a stack says of itself.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct OutputsView(BTreeMap<String, String>);

/// Prints the outputs, and says with what code the process ends.
pub(crate) fn run(args: &Args, global: &GlobalArgs) -> Result<u8> {
    let mut outputs = runtime::run(async {
        let stack = args.stack.open(global).await?;
        Ok(stack.observe().await?.outputs)
    })?;
    let output = global.stdout();
    if let Some(name) = &args.name {
        let known: Vec<_> = outputs.keys().cloned().collect();
        let value = outputs.remove(name).ok_or_else(|| {
            Failure::usage(format!("the stack has no output `{name}`")).hint(format!("it has {}", known.join(", ")))
        })?;
        output.text(&format!("{value}\n"))?;
        return Ok(exit_code::COMPLETE);
    }
    let view = OutputsView(outputs);
    output.result(&view, || output.facts(view.0.iter().map(|(name, value)| (name.as_str(), value.clone()))))?;
    Ok(exit_code::COMPLETE)
}
