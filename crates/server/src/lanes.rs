//! Threads that answer. Each connection stays with one of them, so that no request wakes another thread.
//!
//! A lane polls its connections and the calls that come on them. What a call waits for (a database, a timer) is not a lane's but that of the runtime which
//! [`serve`](crate::serve) runs in: see `http::unbroken`.

use std::convert::Infallible;
use std::future::{Future, ready};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use axum_server::{AddrListener, Address, Control, Handle};
use tokio::net;
use tokio::runtime::Builder;
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::http::Calls;

/// Connections that may wait for a lane to take them.
const WAITING: usize = 128;
/// The wait after a connection could not be taken, as where the process has no file descriptor left.
const AFTER_FAILURE: Duration = Duration::from_millis(50);

/// The lanes of one server.
#[derive(Debug)]
pub(crate) struct Lanes {
    lanes: Vec<Lane>,
    next: AtomicUsize,
}

/// One of them. Where it is dropped its connections end, and its thread.
#[derive(Debug)]
struct Lane {
    arrivals: mpsc::Sender<(TcpStream, SocketAddr)>,
    control: Control,
}

impl Lanes {
    /// Starts `count` lanes, which answer `calls`, over TLS where there is `tls`. The future returns when they all ended, or one failed.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub(crate) fn start(
        count: usize,
        calls: Calls,
        tls: Option<RustlsConfig>,
    ) -> io::Result<(Self, impl Future<Output = io::Result<()>>)> {
        let started = (0..count).map(|number| Lane::start(number, calls.clone(), tls.clone()));
        let (lanes, ended): (Vec<_>, Vec<_>) = started.collect::<io::Result<Vec<_>>>()?.into_iter().unzip();
        let ended = async {
            futures::future::try_join_all(ended).await?;
            Ok(())
        };
        Ok((Self { lanes, next: AtomicUsize::new(0) }, ended))
    }

    /// Takes the connections that come, for ever; where it is dropped, those that come are refused.
    pub(crate) async fn accept(&self, listener: net::TcpListener) {
        let mut is_failing = false;
        loop {
            let taken = match listener.accept().await {
                Ok((stream, peer)) => stream.into_std().map(|stream| (stream, peer)),
                Err(error) => Err(error),
            };
            let was_failing = std::mem::replace(&mut is_failing, taken.is_err());
            match taken {
                Ok(arrival) => {
                    // A lane that takes none has ended, which ends the server.
                    let _ = self.least_busy().arrivals.send(arrival).await;
                }
                Err(error) => {
                    if !was_failing {
                        tracing::warn!(%error, "a connection could not be taken; it is tried again");
                    }
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            }
        }
    }

    /// Lets the calls under way end for up to `patience`; connections that wait for the next one are closed.
    pub(crate) fn drain(&self, patience: Duration) {
        self.lanes.iter().for_each(|lane| lane.control.graceful_shutdown(Some(patience)));
    }

    /// The lane with the fewest connections; of those with as many, each in turn.
    fn least_busy(&self) -> &Lane {
        let first = self.next.fetch_add(1, Ordering::Relaxed) % self.lanes.len();
        let (before, behind) = self.lanes.split_at(first);
        behind.iter().chain(before).min_by_key(|lane| lane.connections()).expect("there is a lane")
    }
}

impl Lane {
    fn start(
        number: usize,
        calls: Calls,
        tls: Option<RustlsConfig>,
    ) -> io::Result<(Self, impl Future<Output = io::Result<()>>)> {
        let (arrivals, arriving) = mpsc::channel(WAITING);
        let (control, (end, ended)) = (Control::new(), oneshot::channel());
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = Handle::with_control(control.clone());
        thread::Builder::new().name(format!("lane-{number}")).spawn(move || {
            let server = axum_server::Server::<Peer>::from_listener(Arrivals(Mutex::new(arriving))).handle(handle);
            let calls = tower::service_fn(move |peer: Peer| ready(Ok::<_, Infallible>(calls.clone().from(peer.0))));
            let served = runtime.block_on(async {
                match tls {
                    None => server.serve(calls).await,
                    Some(tls) => server.acceptor(RustlsAcceptor::new(tls)).serve(calls).await,
                }
            });
            // Whoever waits for it may be gone.
            let _ = end.send(served);
        })?;
        let ended =
            async { ended.await.unwrap_or_else(|_| Err(io::Error::other("a thread that answers calls panicked"))) };
        Ok((Self { arrivals, control }, ended))
    }

    /// Those that it has, and those that it is about to take.
    fn connections(&self) -> usize {
        let waiting = self.arrivals.max_capacity() - self.arrivals.capacity();
        self.control.connection_count() + waiting
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.control.shutdown();
    }
}

/// Who called: what a lane knows its connections by.
#[derive(Clone, Debug)]
struct Peer(SocketAddr);

impl Address for Peer {
    type Stream = net::TcpStream;
    type Listener = Arrivals;
}

/// The connections that are given to a lane.
#[derive(Debug)]
struct Arrivals(Mutex<mpsc::Receiver<(TcpStream, SocketAddr)>>);

impl AddrListener<net::TcpStream, Peer> for Arrivals {
    async fn bind_to(_: Peer) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn accept_stream(&self) -> io::Result<(net::TcpStream, Peer)> {
        match self.0.lock().await.recv().await {
            Some((stream, peer)) => Ok((net::TcpStream::from_std(stream)?, Peer(peer))),
            // None will come any more.
            None => std::future::pending().await,
        }
    }

    fn get_local_addr(&self) -> io::Result<Peer> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(test)]
mod tests;
