//! What was done, by whom: the contract, and the chain that keeps it.
//!
//! [`Audit`] is what the way of a call knows. [`AuditLog`] keeps entries in a hash-chained log in the server's database ([`AuditChain`]; every byte of it is in
//! FORMAT.md, "The audit"). An entry never holds a value.

mod batch;
mod chain;
mod line;
mod log;
mod query;
mod table;
#[cfg(test)]
mod tests;
mod verify;

use std::fmt::Debug;
use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use thiserror::Error;

use crate::{Action, Caller};

pub use batch::InvalidHead;
pub use chain::{AuditChain, AuditReadError, ExportReport, audit_head_of};
pub use line::{AuditHead, AuditKind, AuditLine, AuditRecord, TouchedRecord};
pub use log::{AuditLog, AuditOptions, AuditStatus, MAX_WAIT_FOR_ROOM};
pub(crate) use query::is_denial;
pub use query::{AuditOutcome, AuditQuery};
pub use table::AuditTableError;
pub use verify::{AuditDamage, AuditFinding, VerifyReport};

/// Is told of every call, whatever its outcome.
#[async_trait]
pub trait Audit: Debug + Send + Sync + 'static {
    /// Whether a call could be recorded now. It is asked before anything is done, and a call that could not be is refused.
    ///
    /// # Errors
    /// Why not.
    fn admit(&self) -> Result<(), AuditError>;

    /// As [`admit`](Self::admit), for a call that was not admitted because entries come too fast: it returns as soon as there is room again, so that callers
    /// are slowed down before they are refused.
    ///
    /// # Errors
    /// There is none, or not soon.
    async fn wait_for_room(&self) -> Result<(), AuditError> {
        self.admit()
    }

    /// Takes the record of one call, also of a refused one. The answer is given when this returns; that of a call that changed something only when the record is
    /// on the disk.
    ///
    /// # Errors
    /// It is not recorded, or not known to be: then the caller must not be told that the call was done.
    async fn record(&self, entry: AuditEntry) -> Result<(), AuditError>;
}

/// An audit that cannot take an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AuditError {
    /// The database does not take it.
    #[error("the audit cannot be written")]
    Unwritable,
    /// Entries come faster than they can be written.
    #[error("the buffer of the audit is full")]
    Full,
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
    /// The access key that a signature names which was not taken for its own; none where there is a caller.
    pub claimed_key: Option<String>,
    /// What was called; none where it is no operation.
    pub action: Option<Action>,
    /// What it was done to.
    pub touched: Vec<Touched>,
    /// What about it whoever reads the audit should know: `unchecked-image`.
    pub flags: Vec<&'static str>,
    /// From where.
    pub source: Option<SocketAddr>,
    /// By what program, as it says of itself.
    pub user_agent: Option<String>,
    /// The HTTP status of the answer.
    pub status: u16,
    /// The error's code; none where it was done.
    pub error: Option<String>,
}

impl AuditEntry {
    /// Whether the call changed something, or may have: an error of the server's own leaves that open.
    pub fn changed_something(&self) -> bool {
        self.action.is_some_and(Action::is_write) && (self.error.is_none() || self.status >= 500)
    }
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
    fn admit(&self) -> Result<(), AuditError> {
        Ok(())
    }

    async fn record(&self, _: AuditEntry) -> Result<(), AuditError> {
        Ok(())
    }
}
