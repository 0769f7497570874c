//! `parados infra export`.

use clap::ValueEnum;
use parados_infra::export::{ExportFormat, export};

use super::opened::StackArgs;
use crate::cli::GlobalArgs;
use crate::error::Result;
use crate::{exit_code, output, runtime};

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    stack: StackArgs,
    /// For which engine
    #[arg(long, value_enum)]
    format: Format,
}

/// Engines.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// Terraform: its JSON syntax, for a file NAME.tf.json; what is there already is imported
    Terraform,
    /// CloudFormation: a template, JSON
    Cloudformation,
    /// Pulumi: a program in its YAML language, for a file Pulumi.yaml
    Pulumi,
}

/// Prints the same resources for another engine, and says with what code the process ends.
pub(crate) fn run(args: &Args, global: &GlobalArgs) -> Result<u8> {
    let format = match args.format {
        Format::Terraform => ExportFormat::Terraform,
        Format::Cloudformation => ExportFormat::CloudFormation,
        Format::Pulumi => ExportFormat::Pulumi,
    };
    let exported = runtime::run(async {
        let stack = args.stack.open(global).await?;
        let observation = stack.observe().await?;
        Ok(export(&stack, &observation, format)?)
    })?;
    global.stdout().text(&exported.text)?;
    if exported.left_out.is_empty() {
        return Ok(exit_code::COMPLETE);
    }
    output::note(&format!("left out of the export: {}", exported.left_out.join(", ")));
    Ok(exit_code::PARTIAL)
}
