//! Runs a command that waits for something, and stops it cleanly on Ctrl-C and SIGTERM.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use crate::error::{Failure, Result};

/// How long what was begun may take to clean up after a stop: an upload takes its parts away.
const CLEAN_UP: Duration = Duration::from_secs(5);

/// Runs `command` to its end, or to a signal. On a signal the command is dropped where it waits; what it has not committed by
/// then never is.
///
/// The runtime is made here, so that commands that need none start without it. It has one thread: what computes or blocks has threads
/// of its own, and what waits for a network costs an eighth more when two threads wake one another.
pub(crate) fn run<T>(command: impl Future<Output = Result<T>>) -> Result<T> {
    start(Builder::new_current_thread(), 1, async |_| command.await)
}

/// As [`run`], but a first signal only ends what `command` is given, so that it can take back what it did; a second one drops it.
pub(crate) fn run_to_end<T>(command: impl AsyncFnOnce(Stop) -> Result<T>) -> Result<T> {
    start(Builder::new_current_thread(), 2, command)
}

/// As [`run_to_end`], with a thread for each processor: for what serves many at once.
pub(crate) fn run_server<T>(command: impl AsyncFnOnce(Stop) -> Result<T>) -> Result<T> {
    start(Builder::new_multi_thread(), 2, command)
}

/// Ends at the first signal, and not before.
pub(crate) type Stop = Pin<Box<dyn Future<Output = ()>>>;

/// Runs `command` until it ends, or `signals` have come.
fn start<T>(mut threads: Builder, signals: u32, command: impl AsyncFnOnce(Stop) -> Result<T>) -> Result<T> {
    let runtime =
        threads.enable_all().build().map_err(|error| Failure::failed(format!("starting threads: {error}")))?;
    let outcome = runtime.block_on(async {
        let listen = |kind| signal(kind).map_err(|error| Failure::failed(format!("listening for signals: {error}")));
        let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
        let first = Rc::new(Notify::new());
        let stop = first.clone();
        let interrupted = async {
            for _ in 0..signals {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                first.notify_one();
            }
        };
        tokio::select! {
            biased;
            () = interrupted => Err(Failure::interrupted()),
            outcome = command(Box::pin(async move { stop.notified().await })) => outcome,
        }
    });
    runtime.shutdown_timeout(CLEAN_UP);
    outcome
}
