//! The command line as a whole: its arguments, and the way from them to an exit code.

use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
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
        Err(error) => return refuse(without_value(error)),
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

/// What clap has to say, without the value that it would repeat: that may be a private key, or a URL with a password.
fn without_value(mut error: clap::Error) -> clap::Error {
    if error.kind() == ErrorKind::ValueValidation {
        error.insert(ContextKind::InvalidValue, ContextValue::String("…".to_owned()));
    }
    error
}

/// Prints what clap has to say: help and version, or why the command line cannot be.
fn refuse(error: clap::Error) -> u8 {
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

    /// What README says to type: the `parados` command lines of its blocks for a shell.
    fn readme_s_commands() -> Vec<String> {
        let readme = include_str!("../../../README.md").replace("\\\n", " ");
        let blocks = readme.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
        blocks
            .flat_map(str::lines)
            .filter_map(|line| line.split(" #").next())
            .filter_map(|line| line.split(" <<").next())
            .filter_map(|line| line.rsplit('|').next())
            .map(|line| line.trim().to_owned())
            .filter(|line| line.starts_with("parados "))
            .collect()
    }

    #[test]
    fn readme_s_command_lines_are_ones() {
        let commands = readme_s_commands();
        assert!(commands.len() >= 8, "{commands:?}");
        for command in commands {
            if let Err(error) = Cli::try_parse_from(command.split_whitespace()) {
                panic!("{command}: {error}");
            }
        }
    }

    #[test]
    fn a_value_that_is_refused_is_not_repeated() {
        const CANARY: &str = "HUNTER2CANARY";
        for (flag, value) in [
            ("--recipient", "AGE-SECRET-KEY-1HUNTER2CANARY"),
            ("--recipient", "HUNTER2CANARY"),
            ("--store", "postgres://me:HUNTER2CANARY@host/db"),
            ("--store", "mysql://me:HUNTER2CANARY@host/db"),
            ("--repository", "s3://KEY:HUNTER2CANARY@b"),
            ("--repository", "https://KEY:HUNTER2CANARY@b/x"),
        ] {
            let error = Cli::try_parse_from(["parados", "backup", flag, value]).unwrap_err();
            let text = without_value(error).to_string();
            assert!(text.contains(flag) && !text.contains(CANARY), "{text}");
        }
    }
}
