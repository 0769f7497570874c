//! What both engines do alike.

/// The audit in one engine of sqlx: `begin` opens a transaction that writes, `locked_head` reads the head so that nobody
/// else appends until the transaction ends, and `insert` appends a batch and moves the head to `$2` and `$3`, in one go. Its `$appender` has
/// `append_behind`, which does the same in one statement where the head is still the one that it is given.
macro_rules! audit_table {
    (
        $(#[$documentation:meta])*
        $name:ident: $pool:ty, $database:ty, $arguments:ty, $row:ty, $appender:ty;
        begin $begin:expr; locked_head $locked_head:expr; insert $insert:expr;
    ) => {
        $(#[$documentation])*
        #[derive(Debug)]
        pub(crate) struct $name {
            pool: $pool,
            /// The head, as this process left it.
            known: Mutex<Option<Head>>,
            appender: $appender,
        }

        impl $name {
            /// The audit of a database that has its tables.
            pub(crate) fn new(pool: $pool) -> Self {
                let appender = <$appender>::new(&pool);
                Self { pool, known: Mutex::default(), appender }
            }

            fn known(&self) -> MutexGuard<'_, Option<Head>> {
                self.known.lock().unwrap_or_else(PoisonError::into_inner)
            }

            /// The batches of a query that names all columns.
            async fn rows(&self, query: sqlx::query::Query<'_, $database, $arguments>) -> Result<Vec<Batch>> {
                let failed = AuditTableError::of("reading the audit");
                let rows = query.fetch_all(&self.pool).await.map_err(&failed)?;
                rows.iter().map(batch).collect::<std::result::Result<_, _>>().map_err(&failed)
            }
        }

        #[async_trait]
        impl AuditTable for $name {
            async fn append(&self, attempted: Option<Head>, chain: Chain<'_>) -> Result<Head> {
                let failed = AuditTableError::of("appending to the audit");
                let known = self.known().take();
                if let (Some(head), None) = (known, attempted) {
                    let batch = chain(head);
                    if self.appender.append_behind(head, &batch).await.map_err(&failed)? {
                        *self.known() = Some(batch.head());
                        return Ok(batch.head());
                    }
                }
                // Somebody else appends too, and waits for this.
                let mut transaction = self.pool.begin_with($begin).await.map_err(&failed)?;
                let head = locked_head(&mut transaction).await.map_err(&failed)?;
                if let Some(attempted) = attempted
                    && holds(&mut transaction, attempted).await.map_err(&failed)?
                {
                    return Ok(attempted);
                }
                let batch = chain(head);
                insert(&mut transaction, &batch).await.map_err(&failed)?;
                transaction.commit().await.map_err(&failed)?;
                *self.known() = Some(batch.head());
                Ok(batch.head())
            }

            async fn close(&self) {
                self.appender.close().await;
            }

            async fn head(&self) -> Result<Head> {
                let failed = AuditTableError::of("reading the head of the audit");
                let row = sqlx::query("SELECT sequence, digest FROM server_audit_head").fetch_one(&self.pool).await;
                let row = row.map_err(&failed)?;
                Ok(head(row.try_get(0).map_err(&failed)?, row.try_get(1).map_err(&failed)?))
            }

            async fn batches(&self, after: u64, limit: u32) -> Result<Vec<Batch>> {
                let query = sqlx::query(
                    "SELECT first, last, head, earliest, latest, lines FROM server_audit_batch WHERE last > $1 ORDER BY first LIMIT $2",
                );
                self.rows(query.bind(stored(after)).bind(i64::from(limit))).await
            }

            async fn batches_between(&self, after: u64, since: i64, until: i64, limit: u32) -> Result<Vec<Batch>> {
                let query = sqlx::query(
                    "SELECT first, last, head, earliest, latest, lines FROM server_audit_batch
                     WHERE last > $1 AND latest >= $2 AND earliest <= $3 ORDER BY first LIMIT $4",
                );
                self.rows(query.bind(stored(after)).bind(since).bind(until).bind(i64::from(limit))).await
            }

            async fn remove_before(&self, until: i64, checkpoint: Checkpoint<'_>) -> Result<Option<Head>> {
                let failed = AuditTableError::of("removing old entries of the audit");
                let mut transaction = self.pool.begin_with($begin).await.map_err(&failed)?;
                let end = locked_head(&mut transaction).await.map_err(&failed)?;
                let found = sqlx::query(
                    "SELECT last, head FROM server_audit_batch
                     WHERE last < COALESCE((SELECT min(first) FROM server_audit_batch WHERE latest >= $1), 9223372036854775807)
                     ORDER BY last DESC LIMIT 1",
                );
                let Some(row) = found.bind(until).fetch_optional(&mut *transaction).await.map_err(&failed)? else {
                    return Ok(None);
                };
                let removed = head(row.try_get(0).map_err(&failed)?, row.try_get(1).map_err(&failed)?);
                let batch = checkpoint(removed, end);
                insert(&mut transaction, &batch).await.map_err(&failed)?;
                sqlx::query("DELETE FROM server_audit_batch WHERE last <= $1")
                    .bind(stored(removed.sequence))
                    .execute(&mut *transaction)
                    .await
                    .map_err(&failed)?;
                transaction.commit().await.map_err(&failed)?;
                Ok(Some(removed))
            }
        }

        /// Where the chain ends; nobody else appends until the transaction ends.
        async fn locked_head(transaction: &mut Transaction<'_, $database>) -> sqlx::Result<Head> {
            let row = sqlx::query($locked_head).fetch_one(&mut **transaction).await?;
            Ok(head(row.try_get(0)?, row.try_get(1)?))
        }

        /// Whether a batch ends with that entry.
        async fn holds(transaction: &mut Transaction<'_, $database>, head: Head) -> sqlx::Result<bool> {
            let query = sqlx::query("SELECT 1 FROM server_audit_batch WHERE last = $1 AND head = $2");
            let query = query.bind(stored(head.sequence)).bind(hex::encode(head.digest));
            Ok(query.fetch_optional(&mut **transaction).await?.is_some())
        }

        /// Appends a batch, and moves the head.
        async fn insert(transaction: &mut Transaction<'_, $database>, batch: &Batch) -> sqlx::Result<()> {
            with_batch(sqlx::query($insert), batch).execute(&mut **transaction).await.map(drop)
        }

        /// Binds a batch's columns, `$1` to `$6`.
        fn with_batch<'q>(
            query: sqlx::query::Query<'q, $database, $arguments>,
            batch: &'q Batch,
        ) -> sqlx::query::Query<'q, $database, $arguments> {
            query
                .bind(stored(batch.first))
                .bind(stored(batch.last))
                .bind(hex::encode(batch.head))
                .bind(batch.earliest)
                .bind(batch.latest)
                .bind(batch.lines.as_slice())
        }

        fn batch(row: &$row) -> sqlx::Result<Batch> {
            let row = Row {
                first: row.try_get(0)?,
                last: row.try_get(1)?,
                head: row.try_get(2)?,
                earliest: row.try_get(3)?,
                latest: row.try_get(4)?,
                lines: row.try_get(5)?,
            };
            Ok(row.into())
        }
    };
}

pub(super) use audit_table;
