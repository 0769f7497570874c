//! Lanes over real connections: how they are spread, and what becomes of calls when something ends.

use std::sync::Arc;

use async_trait::async_trait;
use parados_parameter::SystemClock;
use parados_parameter::memory::MemoryStore;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::*;
use crate::{Audit, AuditEntry, AuditError, DevAccess, ForeignDatabase, NoAudit, Server, ServerOptions};

/// An audit that records a call only when it is let.
#[derive(Debug)]
struct Gate {
    let_in: Semaphore,
    came: Semaphore,
    recorded: Semaphore,
}

impl Gate {
    fn closed() -> Arc<Self> {
        let none = || Semaphore::new(0);
        Arc::new(Self { let_in: none(), came: none(), recorded: none() })
    }
}

#[async_trait]
impl Audit for Gate {
    fn admit(&self) -> Result<(), AuditError> {
        Ok(())
    }

    async fn record(&self, _: AuditEntry) -> Result<(), AuditError> {
        self.came.add_permits(1);
        self.let_in.acquire().await.unwrap().forget();
        self.recorded.add_permits(1);
        Ok(())
    }
}

struct Scene {
    lanes: Arc<Lanes>,
    address: SocketAddr,
    ended: JoinHandle<io::Result<()>>,
    accepting: JoinHandle<()>,
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Scene {
    async fn new(count: usize, audit: Arc<dyn Audit>) -> Self {
        let store = Arc::new(MemoryStore::new(Arc::new(SystemClock)));
        let database = Arc::new(ForeignDatabase::new(store, "123456789012/eu-west-1".parse().unwrap()));
        let access = Arc::new(DevAccess::default());
        let server = Server::new(database, access, audit, Arc::new(SystemClock), ServerOptions::default());
        let listener = net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (lanes, ended) = Lanes::start(count, Calls::new(Arc::new(server)), None).unwrap();
        let lanes = Arc::new(lanes);
        let accepting = tokio::spawn({
            let lanes = lanes.clone();
            async move { lanes.accept(listener).await }
        });
        Self { lanes, address, ended: tokio::spawn(ended), accepting }
    }

    async fn connect(&self) -> net::TcpStream {
        net::TcpStream::connect(self.address).await.unwrap()
    }

    fn connections(&self) -> Vec<usize> {
        self.lanes.lanes.iter().map(Lane::connections).collect()
    }

    /// Returns when that many are open on each.
    async fn has_connections(&self, expected: &[usize]) {
        while self.connections() != expected {
            tokio::task::yield_now().await;
        }
    }
}

async fn send(connection: &mut net::TcpStream) {
    let request = "POST / HTTP/1.1\r\nhost: here\r\ncontent-length: 2\r\ncontent-type: application/x-amz-json-1.1\r\n\
                   x-amz-target: AmazonSSM.DescribeParameters\r\nauthorization: AWS4-HMAC-SHA256 \
                   Credential=123456789012/20261124/eu-west-1/ssm/aws4_request, SignedHeaders=host, Signature=0\r\n\r\n{}";
    connection.write_all(request.as_bytes()).await.unwrap();
}

/// What comes, up to the end of an empty answer.
async fn answer(connection: &mut net::TcpStream) -> String {
    let mut came = Vec::new();
    while !came.ends_with(b"}") {
        assert_ne!(connection.read_buf(&mut came).await.unwrap(), 0, "{}", String::from_utf8_lossy(&came));
    }
    String::from_utf8(came).unwrap()
}

#[tokio::test]
async fn connections_go_to_the_lane_with_the_fewest() {
    let scene = Scene::new(3, Arc::new(NoAudit)).await;
    let mut open = Vec::new();
    for _ in 0..6 {
        let mut connection = scene.connect().await;
        send(&mut connection).await;
        assert!(answer(&mut connection).await.starts_with("HTTP/1.1 200 OK\r\n"));
        open.push(connection);
    }
    assert_eq!(scene.connections(), [2, 2, 2]);
    // The first, and the one that came after each lane had one, are of one lane.
    drop((open.remove(3), open.remove(0)));
    while scene.connections().iter().sum::<usize>() != 4 {
        tokio::task::yield_now().await;
    }
    let emptied = scene.connections().iter().position(|&connections| connections == 0).expect("both were of one lane");
    for _ in 0..2 {
        let mut connection = scene.connect().await;
        send(&mut connection).await;
        answer(&mut connection).await;
        open.push(connection);
    }
    assert_eq!(scene.connections()[emptied], 2);
}

#[tokio::test]
async fn a_call_whose_caller_goes_away_is_done_and_recorded() {
    let gate = Gate::closed();
    let scene = Scene::new(1, gate.clone()).await;
    let mut connection = scene.connect().await;
    send(&mut connection).await;
    gate.came.acquire().await.unwrap().forget();
    drop(connection);
    scene.has_connections(&[0]).await;
    assert_eq!(gate.recorded.available_permits(), 0);
    gate.let_in.add_permits(1);
    gate.recorded.acquire().await.unwrap().forget();
}

#[tokio::test]
async fn a_call_under_way_is_answered_when_lanes_end() {
    let gate = Gate::closed();
    let mut scene = Scene::new(2, gate.clone()).await;
    let (mut idle, mut busy) = (scene.connect().await, scene.connect().await);
    scene.has_connections(&[1, 1]).await;
    send(&mut busy).await;
    gate.came.acquire().await.unwrap().forget();
    scene.lanes.drain(Duration::from_secs(3600));
    assert_eq!(idle.read_u8().await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    gate.let_in.add_permits(1);
    assert!(answer(&mut busy).await.starts_with("HTTP/1.1 200 OK\r\n"));
    (&mut scene.ended).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_call_under_way_is_done_where_lanes_are_dropped() {
    let gate = Gate::closed();
    let mut scene = Scene::new(1, gate.clone()).await;
    let mut connection = scene.connect().await;
    send(&mut connection).await;
    gate.came.acquire().await.unwrap().forget();
    scene.accepting.abort();
    assert!((&mut scene.accepting).await.unwrap_err().is_cancelled());
    let Scene { lanes, .. } = &mut scene;
    *lanes = Arc::new(Lanes { lanes: Vec::new(), next: AtomicUsize::new(0) });
    (&mut scene.ended).await.unwrap().unwrap();
    assert_eq!(connection.read_u8().await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    gate.let_in.add_permits(1);
    gate.recorded.acquire().await.unwrap().forget();
}
