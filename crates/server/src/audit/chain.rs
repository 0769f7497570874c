//! A chain that is read: verified, asked, exported, and cut behind a checkpoint.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use jiff::Timestamp;
use parados_parameter::Clock;
use thiserror::Error;

use super::batch::{Batch, Chainer, Head};
use super::line::{AuditHead, AuditLine, digest_of};
use super::log::writer::remove_before;
use super::query::AuditQuery;
use super::table::{AuditTable, AuditTableError, COMPONENT, PostgresAuditTable, SqliteAuditTable};
use super::verify::{Verifier, VerifyReport};
use super::{AuditLog, AuditOptions};
use crate::state::{ServerState, StateError};

/// Batches that are read at once.
const BATCHES: u32 = 256;

/// The audit of a database.
#[derive(Clone, Debug)]
pub struct AuditChain {
    table: Arc<dyn AuditTable>,
}

/// An audit that cannot be read as far as was asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AuditReadError {
    /// The database does not answer.
    #[error(transparent)]
    Table(#[from] AuditTableError),
    /// The server's own database cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// A batch is damaged.
    #[error("the audit is damaged at entry {sequence}; see what 'parados store audit verify' says of it")]
    Damaged {
        /// The entry, or the first one of a batch.
        sequence: u64,
    },
    /// What was read cannot be written.
    #[error("writing entries of the audit")]
    Write(#[source] io::Error),
}

/// What an export wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportReport {
    /// Entries that were written.
    pub entries: u64,
    /// The last entry of the chain: to be kept elsewhere, for a later check or a later export.
    pub head: AuditHead,
}

impl AuditChain {
    /// That of a server's own database; its tables are made where they are missing.
    ///
    /// # Errors
    /// The database's, or its tables are of a newer release.
    pub async fn open(state: &ServerState) -> Result<Self, AuditReadError> {
        COMPONENT.migrate(state).await?;
        let table: Arc<dyn AuditTable> = match state {
            ServerState::Sqlite(pool) => Arc::new(SqliteAuditTable::new(pool.clone())),
            ServerState::Postgres(pool) => Arc::new(PostgresAuditTable::new(pool.clone())),
        };
        Ok(Self { table })
    }

    /// One over any table.
    #[cfg(test)]
    pub(crate) fn over(table: Arc<dyn AuditTable>) -> Self {
        Self { table }
    }

    /// Begins to append what a server does.
    pub fn start(&self, clock: Arc<dyn Clock>, options: AuditOptions) -> AuditLog {
        AuditLog::start(self.table.clone(), clock, options)
    }

    /// Where it ends.
    ///
    /// # Errors
    /// The database's.
    pub async fn head(&self) -> Result<AuditHead, AuditReadError> {
        Ok(self.table.head().await?.into())
    }

    /// Checks it from its beginning to where it ended when this began. `pin` is a head that was seen before: that has to be in it.
    ///
    /// # Errors
    /// The database's. What is wrong with the chain is in the report.
    pub async fn verify(&self, pin: Option<AuditHead>) -> Result<VerifyReport, AuditReadError> {
        let head = self.table.head().await?;
        let mut verifier = Verifier::new(pin);
        let mut after = 0;
        while !verifier.is_over() {
            let batches = self.table.batches(after, BATCHES).await?;
            let Some(last) = batches.last() else { break };
            after = last.last.max(after + 1);
            let is_end = last.last >= head.sequence;
            for batch in batches.iter().filter(|batch| batch.first <= head.sequence) {
                if !verifier.is_over() {
                    verifier.batch(batch);
                }
            }
            if is_end {
                break;
            }
        }
        Ok(verifier.end(head))
    }

    /// The newest entries that `query` means, oldest first.
    ///
    /// # Errors
    /// The database's, or a batch is damaged.
    pub async fn query(&self, query: &AuditQuery) -> Result<Vec<AuditLine>, AuditReadError> {
        let (since, until) = query.span();
        let (mut found, mut after) = (VecDeque::new(), 0);
        loop {
            let batches = self.table.batches_between(after, since, until, BATCHES).await?;
            let Some(last) = batches.last() else { return Ok(found.into()) };
            after = last.last.max(after + 1);
            for batch in &batches {
                for (sequence, line) in lines(batch)? {
                    let line = AuditLine::read(&line).ok_or(AuditReadError::Damaged { sequence })?;
                    if query.means(&line.record) {
                        found.push_back(line);
                    }
                    if found.len() > query.limit {
                        found.pop_front();
                    }
                }
            }
        }
    }

    /// Writes the lines behind the entry `after`, each with its line feed, up to where the chain ended when this began.
    ///
    /// # Errors
    /// The database's, a batch is damaged, or what `write` says. What was written until then stays, and another export can go on behind it.
    pub async fn export(
        &self,
        after: u64,
        write: &mut (dyn FnMut(&[u8]) -> io::Result<()> + Send),
    ) -> Result<ExportReport, AuditReadError> {
        let head = self.table.head().await?;
        let mut report = ExportReport { entries: 0, head: head.into() };
        let mut after = after;
        while after < head.sequence {
            let batches = self.table.batches(after, BATCHES).await?;
            if batches.is_empty() {
                return Err(AuditReadError::Damaged { sequence: after + 1 });
            }
            for batch in batches.iter().filter(|batch| batch.first <= head.sequence) {
                for (sequence, line) in lines(batch)? {
                    if sequence > after {
                        write(&line).map_err(AuditReadError::Write)?;
                        report.entries += 1;
                    }
                }
            }
            after = batches.last().map_or(head.sequence, |batch| batch.last.max(after + 1));
        }
        Ok(report)
    }

    /// Removes the beginning of the chain, as far as all of it is from before `until`. An entry that is appended says so, so that the rest can still be
    /// verified. Gives the last entry that was removed; nothing where there was nothing to remove.
    ///
    /// # Errors
    /// The database's.
    pub async fn remove_before(&self, until: Timestamp, now: Timestamp) -> Result<Option<AuditHead>, AuditReadError> {
        let removed = remove_before(self.table.as_ref(), &mut Chainer::new(), until, now).await?;
        Ok(removed.map(AuditHead::from))
    }
}

/// The digest of a line of an export, by which its place in the chain is known.
pub fn audit_head_of(line: &[u8]) -> Option<AuditHead> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let sequence = AuditLine::read(line)?.sequence;
    Some(Head { sequence, digest: digest_of(line) }.into())
}

/// The lines of a batch, each with its line feed, and their numbers.
fn lines(batch: &Batch) -> Result<Vec<(u64, Vec<u8>)>, AuditReadError> {
    let lines = batch.decompress().ok_or(AuditReadError::Damaged { sequence: batch.first })?;
    Ok((batch.first..).zip(lines.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec)).collect())
}
