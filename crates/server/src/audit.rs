//! What was done, by whom: the contract.

use std::fmt::Debug;
use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{Action, Caller};

/// Is told of every call, whatever its outcome.
#[async_trait]
pub trait Audit: Debug + Send + Sync + 'static {
    /// Takes the record of one call. The answer is given when this returns.
    async fn record(&self, entry: AuditEntry);
}

/// One call. It holds no value of a parameter.
#[derive(Clone, Debug)]
pub struct AuditEntry {
    /// The id that the answer bears.
    pub request_id: String,
    /// When it came.
    pub at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// Who called; none where that could not be found out.
    pub caller: Option<Caller>,
    /// What was called; none where it is no operation.
    pub action: Option<Action>,
    /// What it was done to.
    pub touched: Vec<Touched>,
    /// From where.
    pub source: Option<SocketAddr>,
    /// By what program, as it says of itself.
    pub user_agent: Option<String>,
    /// The HTTP status of the answer.
    pub status: u16,
    /// The error's code; none where it was done.
    pub error: Option<String>,
}

/// Something that a call touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touched {
    /// The parameter's name, or the path, or what else was asked for.
    pub name: String,
    /// The version that was read, put or labelled, where there is one.
    pub version: Option<i64>,
}

/// Keeps nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoAudit;

#[async_trait]
impl Audit for NoAudit {
    async fn record(&self, _: AuditEntry) {}
}
