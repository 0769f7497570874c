//! What of the benchmark only the libraries can do. `cargo xtask bench` calls it and prints what it says:
//!
//! * `fill DIRECTORY N` makes an embedded store of N parameters of 500 bytes;
//! * `stages DIRECTORY RECIPIENT` says what each stage of a backup of it costs, a line each;
//! * `quota` reads 10,000 parameters under AWS's quotas, in virtual time;
//! * `restore` restores as many under them;
//! * `change DIRECTORY N` puts every Nth parameter of a store anew, and deletes one and makes one;
//! * `store DIRECTORY N` says what puts and gets of such a store cost, from one caller and from several at once;
//! * `sockets ENDPOINT` reads a store in full over bare sockets, which is the least that it can cost;
//! * `load-fill` and `load CALL CONNECTIONS SECONDS PID` are a client of a parameter store that is served (`load::LoadOptions` says what
//!   of the environment they read);
//! * `throw-away N` puts so many into a store that is thrown away, reads them, and says how long both took.

mod database;
mod fill;
mod load;
mod quota;
mod restore;
mod stages;
mod throw_away;

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
        ["change", directory, every] => runtime.build()?.block_on(fill::change(Path::new(directory), every.parse()?)),
        ["throw-away", count] => runtime.build()?.block_on(throw_away::print(count.parse()?)),
        ["restore"] => runtime.start_paused(true).build()?.block_on(restore::print(10_000)),
        ["stages", directory, recipient] => runtime.build()?.block_on(stages::print(Path::new(directory), recipient)),
        ["store", directory, count] => {
            let all = database::print(Path::new(directory), count.parse()?);
            runtime.build()?.block_on(tokio::task::LocalSet::new().run_until(all))
        }
        ["quota"] => runtime.start_paused(true).build()?.block_on(quota::print(10_000)),
        ["sockets", endpoint] => load::read_all(endpoint),
        ["load-fill"] => load::fill(&load_options()?),
        ["load", call, connections, seconds, pid] => {
            load::load(&load_options()?, call, connections.parse()?, seconds.parse()?, pid.parse()?)
        }
        _ => Err(
            "usage: bench fill|change|store DIRECTORY N | stages DIRECTORY RECIPIENT | throw-away N | quota | restore \
                  | sockets ENDPOINT | load-fill | load CALL CONNECTIONS SECONDS PID"
                .into(),
        ),
    }
}

/// Which server is called, with which credentials; those are not for a command line.
fn load_options() -> Outcome<load::LoadOptions> {
    let variable = |name: &str| env::var(name).map_err(|_| format!("the environment lacks {name}"));
    Ok(load::LoadOptions {
        address: variable("BENCH_ADDRESS")?,
        region: variable("AWS_REGION")?,
        access_key: variable("AWS_ACCESS_KEY_ID")?,
        secret_key: variable("AWS_SECRET_ACCESS_KEY")?,
        parameters: variable("BENCH_PARAMETERS")?.parse()?,
    })
}
