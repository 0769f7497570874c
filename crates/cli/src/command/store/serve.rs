//! `parados store serve`: a parameter store for AWS clients.

mod backing;

use std::net::{SocketAddr, TcpListener, ToSocketAddrs as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use jiff::SignedDuration;
use parados_parameter::SystemClock;
use parados_parameter::rules::TierLimits;
use parados_server::limit::RateLimits;
use parados_server::principal::Directory;
use parados_server::state::ServerState;
use parados_server::tls::{Tls, TlsFiles};
use parados_server::{
    Access, Audit, CacheOptions, CachedDatabase, DevAccess, NoAudit, ReplayedWrites, Server, ServerOptions,
    SignedAccess, SignedAccessOptions,
};
use parados_store::ParameterDatabase;
use serde::Serialize;

use self::backing::Backing;
use super::operate::{self, OperateFlags, Operations};
use super::place::{self, PlaceArgs};
use crate::cli::GlobalArgs;
use crate::error::{Failure, FailureKind, Result};
use crate::output::note;
use crate::runtime;

/// The quotas of AWS itself.
const AWS_QUOTAS: &str = "aws";

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where to listen; port 0 takes any that is free
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4773")]
    listen: String,
    #[command(flatten)]
    place: PlaceArgs,
    /// Serve the parameters of AWS instead: reads are kept for --max-staleness, writes go through. Who asks AWS is who the
    /// environment's credentials say; half of its quota is used at most
    #[arg(long, value_name = "STORE", conflicts_with_all = ["data", "database"])]
    upstream: Option<Upstream>,
    /// Most bytes of values and names that are kept in memory to be read again; 0 keeps none
    #[arg(long, value_name = "BYTES", default_value_t = CacheOptions::default().bytes)]
    cache_bytes: u64,
    /// How long a write by another process, or in AWS, may go unseen (`500ms`, `1s`, `5m`); 0s reads everything anew
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = staleness)]
    max_staleness: Duration,
    #[command(flatten)]
    operate: OperateFlags,
    /// For development, on this machine alone: take any credentials, check no signature, allow everything
    #[arg(long)]
    dev: bool,
    #[command(flatten)]
    tls: TlsFlags,
    /// Listen without TLS where others can see what goes by, as behind a proxy that does TLS
    #[arg(long)]
    insecure_http: bool,
    /// How often may be called: none, aws for AWS's own quotas, or a file with rates of each account and each principal. With aws an account
    /// has at most 10,000 standard and 100,000 advanced parameters in a Region
    #[arg(long, value_name = "QUOTAS", default_value = "none")]
    quotas: String,
    /// What becomes of a write that was signed once and is sent again
    #[arg(long, value_enum, default_value_t)]
    replayed_writes: ReplayedWritesFlag,
}

/// TLS.
#[derive(Debug, clap::Args)]
struct TlsFlags {
    /// A certificate in PEM, and behind it those that lead to one that clients trust; taken anew when it changes
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Its private key in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Authorities in PEM of which every client has to show a certificate
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_client_ca: Option<PathBuf>,
}

impl TlsFlags {
    fn files(&self) -> Option<TlsFiles> {
        let (certificate, key) = (self.tls_cert.clone()?, self.tls_key.clone()?);
        Some(TlsFiles { certificate, key, client_authorities: self.tls_client_ca.clone() })
    }
}

/// See [`ReplayedWrites`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum ReplayedWritesFlag {
    /// It is refused, and a client that meant it signs it anew
    #[default]
    Refuse,
    /// It is done again, as AWS does
    Allow,
}

impl From<ReplayedWritesFlag> for ReplayedWrites {
    fn from(flag: ReplayedWritesFlag) -> Self {
        match flag {
            ReplayedWritesFlag::Refuse => Self::Refuse,
            ReplayedWritesFlag::Allow => Self::Allow,
        }
    }
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
    if args.upstream.is_some() && !args.dev {
        return Err(Failure::usage("--upstream aws keeps no access keys of its own, so nobody could use this server")
            .hint("add --dev, which takes any credentials, on this machine alone"));
    }
    let place = match args.upstream {
        Some(Upstream::Aws) => None,
        None => Some(args.place.place()?),
    };
    let tls = args.tls.files().map(Tls::load).transpose()?;
    let (listener, admin) = (listen(args)?, args.operate.admin_listener(args.dev)?);
    runtime::run_server(async |stop| {
        let Backing { database, state, access, mut readings, service, place } = match &place {
            Some(place) => backing::open(place, (args.quotas == AWS_QUOTAS).then_some(TierLimits::AWS)).await?,
            None => backing::upstream().await?,
        };
        let signed = match access {
            Some(access) if !args.dev => Some(signed_access(args, access, database.clone()).await?),
            _ => None,
        };
        let access: Arc<dyn Access> = match &signed {
            Some(signed) => signed.clone(),
            None => Arc::new(DevAccess { place }),
        };
        let cached = args.cache_bytes > 0 && !args.max_staleness.is_zero();
        let database: Arc<dyn ParameterDatabase> = match cached {
            true => {
                let options = CacheOptions { bytes: args.cache_bytes, max_staleness: args.max_staleness };
                let cached = CachedDatabase::new(database, options);
                readings.extend(cached.readings());
                Arc::new(cached)
            }
            false => database,
        };
        // Of AWS's parameters, AWS keeps the audit (CloudTrail) and tells of changes (EventBridge).
        let operations = match &state {
            Some(state) => Some(args.operate.start(state, database.clone()).await?),
            None => None,
        };
        let audit = operations.as_ref().map_or_else(|| Arc::new(NoAudit) as Arc<dyn Audit>, Operations::audit);
        let mut options = ServerOptions { drain: args.operate.drain()?, ..ServerOptions::default() };
        if args.dev {
            options.wait_after_delete = Duration::ZERO;
        }
        let mut server = Server::new(database, access, audit, Arc::new(SystemClock), options);
        if let Some(tables) = service {
            server = server.with_service(tables);
        }
        let traces = args.operate.traces()?;
        if let Some(traces) = &traces {
            server = server.with_traces(traces.clone());
        }
        let scheme = if tls.is_some() { "https" } else { "http" };
        if let Some(tls) = tls {
            server = server.with_tls(tls);
        }
        let address = listener.local_addr().map_err(|error| Failure::failed(format!("listening: {error}")))?;
        if args.dev {
            note(DEV_WARNING);
        }
        if let Some(address) = admin.as_ref().and_then(|admin| admin.local_addr().ok()) {
            note(&format!("health and metrics on http://{address}"));
        }
        let view = ListenView { endpoint_url: format!("{scheme}://{address}") };
        global.stdout().result(&view, || format!("listening on {}\n", view.endpoint_url))?;
        let server = Arc::new(server);
        readings.into_iter().for_each(|reading| server.metrics().register(reading));
        let keep_fresh = async {
            match &signed {
                Some(signed) => signed.keep_fresh().await,
                None => std::future::pending().await,
            }
        };
        let serving = async {
            let served = tokio::select! {
                served = parados_server::serve(listener, server.clone(), stop) => served,
                () = keep_fresh => Ok(()),
            };
            if let Some(signed) = &signed {
                signed.note_used().await;
            }
            served.map_err(|error| Failure::caused(FailureKind::Failed, &error))
        };
        let ended = operate::beside(operations, &server, admin, serving).await;
        if let Some(traces) = &traces {
            traces.close().await;
        }
        ended
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
    check_in_the_clear(args, &addresses)?;
    TcpListener::bind(addresses.as_slice())
        .map_err(|error| Failure::failed(format!("listening on {}: {error}", args.listen)))
}

/// Refuses to send values in the clear where others can see them go by.
fn check_in_the_clear(args: &Args, addresses: &[SocketAddr]) -> Result<()> {
    let open = addresses.iter().find(|address| !address.ip().is_loopback());
    match open {
        Some(open) if args.tls.files().is_none() && !args.insecure_http => Err(Failure::usage(format!(
            "--listen {}: {open} is reached from elsewhere, and without TLS every value goes by in the clear",
            args.listen
        ))
        .hint("give --tls-cert and --tls-key")
        .hint("where a proxy in front of it does TLS, say --insecure-http")),
        _ => Ok(()),
    }
}

/// Who may call: in earnest, whoever has a key, by what policies permit.
async fn signed_access(
    args: &Args,
    state: ServerState,
    database: Arc<dyn ParameterDatabase>,
) -> Result<Arc<SignedAccess>> {
    let tables = place::tables(state, database).await?;
    let directory = Arc::new(Directory::open(tables).await?);
    if directory.is_empty() {
        note(
            "nobody has an access key yet; make the first one with: parados store key create NAME --account ACCOUNT --data DIR",
        );
    }
    let options = SignedAccessOptions { limits: limits(&args.quotas)?, replayed_writes: args.replayed_writes.into() };
    Ok(Arc::new(SignedAccess::new(directory, options)))
}

fn limits(quotas: &str) -> Result<RateLimits> {
    match quotas {
        "none" => Ok(RateLimits::default()),
        AWS_QUOTAS => Ok(RateLimits::aws()),
        file => {
            let failed = |why: String| {
                Failure::configuration(format!("--quotas {file}: {why}")).hint("it is none, aws, or a file in YAML")
            };
            let text = std::fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
            let read = serde_saphyr::from_str(&text).map_err(|error| failed(error.to_string()))?;
            RateLimits::of_file(read).map_err(|error| failed(error.to_string()))
        }
    }
}
