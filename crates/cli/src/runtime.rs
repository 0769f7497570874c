//! Runs a command that waits for something, and stops it cleanly on Ctrl-C and SIGTERM.

use std::future::Future;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::error::{Failure, Result};

/// How long what was begun may take to clean up after a stop: an upload takes its parts away.
const CLEAN_UP: Duration = Duration::from_secs(5);

/// Runs `command` to its end, or to a signal. On a signal the command is dropped where it waits; what it has not committed by
/// then never is.
///
/// The runtime is made here, so that commands that need none start without it. It has one thread: what computes or blocks has threads
/// of its own, and what waits for a network costs an eighth more when two threads wake one another.
pub(crate) fn run<T>(command: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("starting threads: {error}")))?;
    let outcome = runtime.block_on(async {
        let listen = |kind| signal(kind).map_err(|error| Failure::failed(format!("listening for signals: {error}")));
        let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
        tokio::select! {
            biased;
            _ = interrupt.recv() => Err(Failure::interrupted()),
            _ = terminate.recv() => Err(Failure::interrupted()),
            outcome = command => outcome,
        }
    });
    runtime.shutdown_timeout(CLEAN_UP);
    outcome
}
