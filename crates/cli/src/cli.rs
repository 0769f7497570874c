//! The command line as a whole: its arguments, and the way from them to an exit code.

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, Parser};

use crate::command::Command;
use crate::config::Config;
use crate::error::{Failure, Result};
use crate::logging::{self, LogLevel};
use crate::output::{Output, OutputFormat};
use crate::progress::ProgressMode;
use crate::{command, exit_code};

/// Backs up AWS SSM Parameter Store.
#[derive(Debug, Parser)]
#[command(name = "parados", version, after_help = exit_code::HELP, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArgs {
    /// How results and errors are written
    #[arg(long, global = true, value_name = "FORMAT", value_enum, default_value_t)]
    pub(crate) output: OutputFormat,
    /// How progress is shown, on standard error
    #[arg(long, global = true, value_name = "MODE", value_enum, default_value_t)]
    pub(crate) progress: ProgressMode,
    /// How much is logged, on standard error
    #[arg(long, global = true, value_name = "LEVEL", value_enum, default_value_t)]
    pub(crate) log: LogLevel,
    /// The configuration file [default: parados.yaml, where there is one]
    #[arg(long, global = true, value_name = "FILE", env = "PARADOS_CONFIG")]
    pub(crate) config: Option<PathBuf>,
}

impl GlobalArgs {
    /// Where results go.
    pub(crate) fn stdout(&self) -> Output {
        Output::new(self.output)
    }

    /// The configuration, where there is one.
    pub(crate) fn configuration(&self) -> Result<Option<Config>> {
        Ok(Config::find(self.config.as_deref())?)
    }
}

/// Does what the command line asks, and says with what code the process ends.
pub(crate) fn main() -> u8 {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    logging::start(cli.global.log, cli.global.output);
    match run(cli.command, &cli.global) {
        Ok(code) => code,
        Err(failure) => {
            failure.print(cli.global.output);
            failure.exit_code()
        }
    }
}

/// The command line as clap knows it, for completions, man pages and the reference.
pub(crate) fn definition() -> clap::Command {
    Cli::command()
}

fn run(command: Command, global: &GlobalArgs) -> Result<u8> {
    command::run(command, global)
}

/// Prints what clap has to say: help and version, or why the command line cannot be.
fn refuse(error: &clap::Error) -> u8 {
    let wants_json = || {
        let arguments: Vec<_> = std::env::args_os().skip(1).collect();
        arguments.iter().any(|one| one == "--output=json")
            || arguments.windows(2).any(|pair| pair[0] == "--output" && pair[1] == "json")
    };
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // Where standard output is closed nobody reads the help.
            let _ = error.print();
            exit_code::COMPLETE
        }
        _ if wants_json() => {
            let text = error.to_string();
            let message = text.strip_prefix("error: ").unwrap_or(&text).trim_end();
            Failure::usage(message).print(OutputFormat::Json);
            exit_code::USAGE
        }
        _ => {
            let _ = error.print();
            exit_code::USAGE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        definition().debug_assert();
    }
}
