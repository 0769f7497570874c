//! The audit in PostgreSQL.

use async_trait::async_trait;
use sqlx::postgres::{PgArguments, PgPool, PgRow, Postgres};
use sqlx::{Row as _, Transaction};

use super::engine::audit_table;
use super::{AuditTable, AuditTableError, Chain, Checkpoint, Result, Row, head, stored};
use crate::audit::batch::{Batch, Head};

audit_table! {
    /// The audit in PostgreSQL. Any number of servers append to one chain: the row of its head is locked meanwhile.
    PostgresAuditTable: PgPool, Postgres, PgArguments, PgRow;
    begin "BEGIN";
    locked_head "SELECT sequence, digest FROM server_audit_head FOR UPDATE";
}
