//! The audit in SQLite.

use async_trait::async_trait;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqlitePool, SqliteRow};
use sqlx::{Row as _, Transaction};

use super::engine::audit_table;
use super::{AuditTable, AuditTableError, Chain, Checkpoint, Result, Row, head, stored};
use crate::audit::batch::{Batch, Head};

audit_table! {
    /// The audit in SQLite. Any number of processes of one machine may append to it.
    SqliteAuditTable: SqlitePool, Sqlite, SqliteArguments, SqliteRow;
    begin "BEGIN IMMEDIATE";
    locked_head "SELECT sequence, digest FROM server_audit_head";
    insert "INSERT INTO server_audit_batch (first, last, head, earliest, latest, lines) VALUES ($1, $2, $3, $4, $5, $6);
            UPDATE server_audit_head SET sequence = $2, digest = $3";
}
