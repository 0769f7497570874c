//! `parados`: the command line.
//!
//! This crate owns arguments, configuration, the wiring of stores and repositories, what is printed, and exit codes. What it does
//! not own is any use case: those are functions of the libraries.

mod cli;
mod command;
mod config;
mod confirm;
mod directories;
mod error;
mod exit_code;
mod logging;
mod output;
mod progress;
mod runtime;
mod wiring;

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(cli::main())
}
