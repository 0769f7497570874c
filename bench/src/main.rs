//! What of the benchmark only the libraries can do. `cargo xtask bench backup` calls it and prints what it says:
//!
//! * `fill DIRECTORY N` makes an embedded store of N parameters of 500 bytes;
//! * `stages DIRECTORY RECIPIENT` says what each stage of a backup of it costs, a line each;
//! * `quota` reads 10,000 parameters under AWS's quotas, in virtual time.

mod fill;
mod quota;
mod stages;

use std::env;
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

/// What stops a benchmark: it is only ever printed.
type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Outcome<()> {
    // Virtual time needs everything on one thread; the others gain nothing from more.
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all();
    match arguments {
        ["fill", directory, count] => runtime.build()?.block_on(fill::fill(Path::new(directory), count.parse()?)),
        ["stages", directory, recipient] => runtime.build()?.block_on(stages::print(Path::new(directory), recipient)),
        ["quota"] => runtime.start_paused(true).build()?.block_on(quota::print(10_000)),
        _ => Err("usage: bench fill DIRECTORY N | stages DIRECTORY RECIPIENT | quota".into()),
    }
}
