//! `parados store serve`: a parameter store for AWS clients.

mod backing;

use std::net::{TcpListener, ToSocketAddrs as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use jiff::SignedDuration;
use parados_parameter::SystemClock;
use parados_server::{CacheOptions, CachedDatabase, DevAccess, NoAudit, Server, ServerOptions};
use parados_store::ParameterDatabase;
use serde::Serialize;

use self::backing::Backing;
use crate::cli::GlobalArgs;
use crate::error::{Failure, FailureKind, Result};
use crate::output::note;
use crate::runtime;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where to listen; port 0 takes any that is free
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4773")]
    listen: String,
    /// The folder that parameters are kept in; made where it is missing
    #[arg(long, value_name = "DIR", required_unless_present = "upstream")]
    data: Option<PathBuf>,
    /// Serve the parameters of AWS instead: reads are kept for --max-staleness, writes go through. Who asks AWS is who the
    /// environment's credentials say; half of its quota is used at most
    #[arg(long, value_name = "STORE", conflicts_with = "data")]
    upstream: Option<Upstream>,
    /// Most bytes of values and names that are kept in memory to be read again; 0 keeps none
    #[arg(long, value_name = "BYTES", default_value_t = CacheOptions::default().bytes)]
    cache_bytes: u64,
    /// How long a write by another process, or in AWS, may go unseen (`500ms`, `1s`, `5m`); 0s reads everything anew
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = staleness)]
    max_staleness: Duration,
    /// For development, on this machine alone: take any credentials, check no signature, allow everything
    #[arg(long)]
    dev: bool,
}

/// Whose parameters are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Upstream {
    /// AWS Parameter Store
    Aws,
}

/// What is printed once it listens.
#[derive(Debug, Serialize)]
struct ListenView {
    /// The address for `--endpoint-url`.
    endpoint_url: String,
}

/// Runs it until it is stopped.
pub(crate) fn run(args: &Args, global: &GlobalArgs) -> Result<()> {
    if !args.dev {
        return Err(Failure::usage("nobody could use this server: it has no principals yet")
            .hint("try it with --dev, which takes any credentials, on this machine alone"));
    }
    let listener = listen(args)?;
    runtime::run_server(async |stop| {
        let Backing { database, service, place } = match &args.data {
            Some(folder) => backing::open(folder).await?,
            None => backing::upstream().await?,
        };
        let cached = args.cache_bytes > 0 && !args.max_staleness.is_zero();
        let database: Arc<dyn ParameterDatabase> = match cached {
            true => {
                let options = CacheOptions { bytes: args.cache_bytes, max_staleness: args.max_staleness };
                Arc::new(CachedDatabase::new(database, options))
            }
            false => database,
        };
        let options = ServerOptions { wait_after_delete: Duration::ZERO, ..ServerOptions::default() };
        let access = Arc::new(DevAccess { place });
        let mut server = Server::new(database, access, Arc::new(NoAudit), Arc::new(SystemClock), options);
        if let Some(tables) = service {
            server = server.with_service(tables);
        }
        let address = listener.local_addr().map_err(|error| Failure::failed(format!("listening: {error}")))?;
        note(DEV_WARNING);
        let view = ListenView { endpoint_url: format!("http://{address}") };
        global.stdout().result(&view, || format!("listening on {}\n", view.endpoint_url))?;
        parados_server::serve(listener, Arc::new(server), stop)
            .await
            .map_err(|error| Failure::caused(FailureKind::Failed, &error))
    })
}

/// Reads a time such as `500ms`.
fn staleness(text: &str) -> Result<Duration, String> {
    let wrong = || "write a time such as 500ms, 1s or 5m".to_owned();
    text.parse::<SignedDuration>().ok().and_then(|time| Duration::try_from(time).ok()).ok_or_else(wrong)
}

const DEV_WARNING: &str = "WARNING: --dev: whoever reaches this port reads and writes everything. Any credentials are taken and no \
    signature is checked; a name can be put again at once after it was deleted. Never use it for what matters.";

/// Takes the port, before anything else is done.
fn listen(args: &Args) -> Result<TcpListener> {
    let refused = |why: String| Failure::usage(format!("--listen {}: {why}", args.listen));
    let addresses: Vec<_> = args.listen.to_socket_addrs().map_err(|error| refused(error.to_string()))?.collect();
    if args.dev
        && let Some(open) = addresses.iter().find(|address| !address.ip().is_loopback())
    {
        return Err(refused(format!("with --dev everybody may do everything, and {open} is reached from elsewhere"))
            .hint("listen on a loopback address: 127.0.0.1:PORT or [::1]:PORT"));
    }
    TcpListener::bind(addresses.as_slice())
        .map_err(|error| Failure::failed(format!("listening on {}: {error}", args.listen)))
}
