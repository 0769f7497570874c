//! `parados store serve`: a parameter store for AWS clients.

use std::net::{TcpListener, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parados_parameter::{KeyManagement, SystemClock};
use parados_server::{Access, DevAccess, NoAudit, Server, ServerOptions};
use parados_store::{EmbeddedStore, InitOptions, OpenError, ParameterDatabase, SqliteDatabase, SqliteDatabaseOptions};
use serde::Serialize;

use crate::cli::GlobalArgs;
use crate::config::TargetSettings;
use crate::error::{Failure, FailureKind, Result};
use crate::output::note;
use crate::runtime;
use crate::wiring::connect;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where to listen; port 0 takes any that is free
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4773")]
    listen: String,
    /// The folder that parameters are kept in; made where it is missing
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// For development, on this machine alone: take any credentials, check no signature, allow everything
    #[arg(long)]
    dev: bool,
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
        let server = Arc::new(Server::new(
            open(&args.data).await?,
            access(),
            Arc::new(NoAudit),
            Arc::new(SystemClock),
            ServerOptions::default(),
        ));
        let address = listener.local_addr().map_err(|error| Failure::failed(format!("listening: {error}")))?;
        note(DEV_WARNING);
        let view = ListenView { endpoint_url: format!("http://{address}") };
        global.stdout().result(&view, || format!("listening on {}\n", view.endpoint_url))?;
        parados_server::serve(listener, server, stop)
            .await
            .map_err(|error| Failure::caused(FailureKind::Failed, &error))
    })
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

fn access() -> Arc<dyn Access> {
    Arc::new(DevAccess::default())
}

/// Opens the database in `folder`, and makes it where there is none. Where its master key is wrapped under a KMS key, AWS is asked to
/// unwrap it.
async fn open(folder: &Path) -> Result<Arc<dyn ParameterDatabase>> {
    if !EmbeddedStore::exists(folder) {
        EmbeddedStore::init(&InitOptions::new(folder)).await?;
    }
    let options = |key_management: Option<Arc<dyn KeyManagement>>| SqliteDatabaseOptions {
        directory: folder.to_owned(),
        key_management,
        clock: Arc::new(SystemClock),
    };
    let database = match SqliteDatabase::open(options(None)).await {
        Err(OpenError::KeyManagementMissing { .. }) => {
            let session = connect(&TargetSettings::default()).await?;
            SqliteDatabase::open(options(Some(Arc::new(session.key_management())))).await?
        }
        other => other?,
    };
    match database.master_key_fits() {
        true => Ok(Arc::new(database)),
        false => {
            Err(Failure::failed(format!("{}: the master key is not the one of this store's values", folder.display()))
                .hint("put the right master key back"))
        }
    }
}
