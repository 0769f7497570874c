//! The reads that go through names page by page: describe and by path.

use parados_parameter::rules::{check_by_path, check_describe, decode_token, encode_token, matches};
use parados_parameter::{
    AccountRegion, ByPathRequest, DescribeRequest, FilterKey, Operation, Page, Parameter, ParameterMetadata,
    ParameterName,
};
use sqlx::postgres::{PgConnection, PgRow};

use super::reading::storable;
use super::row::{self, EXTRA, labels_column, metadata_columns, sealed_columns, tags_column};
use crate::failure::Failure;
use crate::seal::Keyring;
use crate::span::Span;

/// The rows that are looked at together once it has shown that not all of them match.
const FILTERED_ROWS: usize = 200;

/// `$1` and `$2` are account and Region, `$3` and `$4` the span, `$5` what names contain, `$6` how many.
const DESCRIBE: &str = concat!(
    "SELECT ",
    metadata_columns!(),
    ", ",
    tags_column!(),
    ", ",
    labels_column!(),
    " FROM parameter p JOIN version v ON v.parameter = p.id AND v.version = p.newest \
     WHERE p.account = $1 AND p.region = $2 AND p.canonical >= $3 AND p.canonical < $4 \
     AND strpos('/' || p.canonical, $5) > 0 ORDER BY p.canonical LIMIT $6"
);

const BY_PATH: &str = concat!(
    "SELECT ",
    metadata_columns!(),
    ", ",
    sealed_columns!(),
    " FROM parameter p JOIN version v ON v.parameter = p.id AND v.version = p.newest \
     WHERE p.account = $1 AND p.region = $2 AND p.canonical >= $3 AND p.canonical < $4 \
     AND strpos('/' || p.canonical, $5) > 0 ORDER BY p.canonical LIMIT $6"
);

/// `$7` is a list of labels; of the versions that bear one of them the newest counts.
const BY_PATH_AND_LABEL: &str = concat!(
    "SELECT ",
    metadata_columns!(),
    ", ",
    sealed_columns!(),
    " FROM parameter p JOIN version v ON v.parameter = p.id AND v.version = \
     (SELECT max(version) FROM label WHERE parameter = p.id AND label = ANY($7)) \
     WHERE p.account = $1 AND p.region = $2 AND p.canonical >= $3 AND p.canonical < $4 \
     AND strpos('/' || p.canonical, $5) > 0 ORDER BY p.canonical LIMIT $6"
);

#[cfg(test)]
pub(super) const QUERIES: &[(&str, &str)] = &[
    (DESCRIBE, "text, text, text, text, text, bigint"),
    (BY_PATH, "text, text, text, text, text, bigint"),
    (BY_PATH_AND_LABEL, "text, text, text, text, text, bigint, text[]"),
];

/// DescribeParameters.
pub(super) async fn describe(
    connection: &mut PgConnection,
    at: &AccountRegion,
    request: &DescribeRequest,
) -> Result<Page<ParameterMetadata>, Failure> {
    const OPERATION: Operation = Operation::DescribeParameters;
    check_describe(request)?;
    let last = decode_token(OPERATION, "", request.next_token.as_deref(), name_of)?;
    let listing = Listing { sql: DESCRIBE, at, labels: None, span: Span::of(&request.filters).behind(last.as_ref()) };
    let accept = |row: &PgRow| {
        let mut metadata = row::metadata(row, at)?;
        let annotations = row::annotations(row, EXTRA)?;
        let accepted = matches(&request.filters, &metadata, &annotations.tags);
        metadata.annotations = Some(annotations);
        Ok(accepted.then_some(metadata))
    };
    let found = listing.read(connection, request.max_results, accept).await?;
    let next_token = found.next_token(OPERATION);
    Ok(Page::new(found.rows.into_iter().map(|(metadata, _)| metadata).collect(), next_token))
}

/// GetParametersByPath.
pub(super) async fn by_path(
    connection: &mut PgConnection,
    at: &AccountRegion,
    keys: &Keyring,
    request: &ByPathRequest,
) -> Result<Page<Parameter>, Failure> {
    const OPERATION: Operation = Operation::GetParametersByPath;
    check_by_path(request)?;
    let labels = request.filters.iter().find(|filter| filter.key == FilterKey::Label).map(|filter| &filter.values);
    let last = decode_token(OPERATION, &request.path, request.next_token.as_deref(), name_of)?;
    let listing = Listing {
        sql: if labels.is_some() { BY_PATH_AND_LABEL } else { BY_PATH },
        at,
        labels: labels.map(|labels| labels.iter().map(|label| storable(label)).collect()),
        span: Span::under(&request.path).behind(last.as_ref()),
    };
    let accept = |row: &PgRow| {
        let metadata = row::metadata(row, at)?;
        let accepted =
            metadata.name.is_under(&request.path, request.recursive) && matches(&request.filters, &metadata, &[]);
        Ok(accepted.then_some(metadata))
    };
    let found = listing.read(connection, request.max_results, accept).await?;
    let next_token = found.next_token(OPERATION);
    let open = |(metadata, row)| row::parameter(&row, at, metadata, keys);
    Ok(Page::new(found.rows.into_iter().map(open).collect::<Result<_, _>>()?, next_token))
}

/// The name that a page ended with, out of its token.
fn name_of(token: &str) -> Option<ParameterName> {
    Some(ParameterName::observed(token))
}

/// A listing in the order of the canonical names, from where its page begins.
struct Listing<'a> {
    sql: &'static str,
    at: &'a AccountRegion,
    labels: Option<Vec<String>>,
    span: Span,
}

/// What is on a page.
struct Found {
    rows: Vec<(ParameterMetadata, PgRow)>,
    is_last: bool,
}

impl Listing<'_> {
    /// Reads on until `want` rows are accepted and one more is known of, or there are no more.
    async fn read(
        mut self,
        connection: &mut PgConnection,
        want: usize,
        accept: impl Fn(&PgRow) -> Result<Option<ParameterMetadata>, Failure>,
    ) -> Result<Found, Failure> {
        let mut at_once = want + 1;
        let mut rows = Vec::with_capacity(want);
        loop {
            let batch = self.fetch(connection, at_once).await?;
            let is_end = batch.len() < at_once;
            let mut last = None;
            for row in batch {
                last = Some(row::name(&row)?);
                match accept(&row)? {
                    Some(_) if rows.len() == want => return Ok(Found { rows, is_last: false }),
                    Some(metadata) => rows.push((metadata, row)),
                    None => {}
                }
            }
            if is_end {
                return Ok(Found { rows, is_last: true });
            }
            self.span = self.span.behind(last.as_ref());
            at_once = FILTERED_ROWS;
        }
    }

    async fn fetch(&self, connection: &mut PgConnection, limit: usize) -> Result<Vec<PgRow>, sqlx::Error> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let query = sqlx::query(self.sql).bind(self.at.account()).bind(self.at.region());
        let query = query.bind(storable(&self.span.from)).bind(storable(&self.span.before));
        let query = query.bind(storable(&self.span.contains)).bind(limit);
        match &self.labels {
            Some(labels) => query.bind(labels).fetch_all(connection).await,
            None => query.fetch_all(connection).await,
        }
    }
}

impl Found {
    fn next_token(&self, operation: Operation) -> Option<String> {
        let (last, _) = self.rows.last().filter(|_| !self.is_last)?;
        Some(encode_token(operation, last.name.canonical()))
    }
}
