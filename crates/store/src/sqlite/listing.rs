//! The reads that go through names page by page: describe and by path.

use parados_parameter::rules::{check_by_path, check_describe, decode_token, encode_token, matches};
use parados_parameter::{
    ByPathRequest, DescribeRequest, FilterKey, Operation, Page, Parameter, ParameterMetadata, ParameterName,
};
use sqlx::sqlite::SqliteRow;

use super::reading::Reading;
use super::row::{self, EXTRA, labels_column, metadata_columns, place_id, sealed_columns, tags_column};
use crate::failure::Failure;
use crate::span::Span;

/// The rows that are looked at together once it has shown that not all of them match.
const FILTERED_ROWS: usize = 200;

/// `?1` is the place, `?2` and `?3` are the span, `?4` what names contain, `?5` how many.
const DESCRIBE: &str = concat!(
    "SELECT ",
    metadata_columns!(),
    ", ",
    tags_column!(),
    ", ",
    labels_column!(),
    " FROM parameter p JOIN version v ON v.parameter = p.id AND v.version = p.newest \
     WHERE p.place = ",
    place_id!(),
    " AND p.canonical >= ?2 AND p.canonical < ?3 AND instr('/' || p.canonical, ?4) > 0 ORDER BY p.canonical LIMIT ?5"
);

const BY_PATH: &str = concat!(
    "SELECT ",
    metadata_columns!(),
    ", ",
    sealed_columns!(),
    " FROM parameter p JOIN version v ON v.parameter = p.id AND v.version = p.newest \
     WHERE p.place = ",
    place_id!(),
    " AND p.canonical >= ?2 AND p.canonical < ?3 AND instr('/' || p.canonical, ?4) > 0 ORDER BY p.canonical LIMIT ?5"
);

/// `?6` is a JSON list of labels; of the versions that bear one of them the newest counts.
const BY_PATH_AND_LABEL: &str = concat!(
    "SELECT ",
    metadata_columns!(),
    ", ",
    sealed_columns!(),
    " FROM parameter p JOIN version v ON v.parameter = p.id AND v.version = \
     (SELECT max(version) FROM label WHERE parameter = p.id AND label IN (SELECT value FROM json_each(?6))) \
     WHERE p.place = ",
    place_id!(),
    " AND p.canonical >= ?2 AND p.canonical < ?3 AND instr('/' || p.canonical, ?4) > 0 ORDER BY p.canonical LIMIT ?5"
);

#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[DESCRIBE, BY_PATH, BY_PATH_AND_LABEL];

/// DescribeParameters.
pub(super) async fn describe(
    reading: &Reading<'_>,
    request: &DescribeRequest,
) -> Result<Page<ParameterMetadata>, Failure> {
    const OPERATION: Operation = Operation::DescribeParameters;
    check_describe(request)?;
    let last = decode_token(OPERATION, "", request.next_token.as_deref(), name_of)?;
    let listing = Listing { sql: DESCRIBE, labels: None, span: Span::of(&request.filters).behind(last.as_ref()) };
    let accept = |row: &SqliteRow| {
        let mut metadata = reading.metadata(row)?;
        let annotations = row::annotations(row, EXTRA)?;
        let accepted = matches(&request.filters, &metadata, &annotations.tags);
        metadata.annotations = Some(annotations);
        Ok(accepted.then_some(metadata))
    };
    let found = listing.read(reading, request.max_results, accept).await?;
    let next_token = found.next_token(OPERATION);
    Ok(Page::new(found.rows.into_iter().map(|(metadata, _)| metadata).collect(), next_token))
}

/// GetParametersByPath.
pub(super) async fn by_path(reading: &Reading<'_>, request: &ByPathRequest) -> Result<Page<Parameter>, Failure> {
    const OPERATION: Operation = Operation::GetParametersByPath;
    check_by_path(request)?;
    let labels = request.filters.iter().find(|filter| filter.key == FilterKey::Label).map(|filter| &filter.values);
    let last = decode_token(OPERATION, &request.path, request.next_token.as_deref(), name_of)?;
    let listing = Listing {
        sql: if labels.is_some() { BY_PATH_AND_LABEL } else { BY_PATH },
        labels: labels.map(|labels| serde_json::to_string(labels).expect("texts are JSON")),
        span: Span::under(&request.path).behind(last.as_ref()),
    };
    let accept = |row: &SqliteRow| {
        let metadata = reading.metadata(row)?;
        let accepted =
            metadata.name.is_under(&request.path, request.recursive) && matches(&request.filters, &metadata, &[]);
        Ok(accepted.then_some(metadata))
    };
    let found = listing.read(reading, request.max_results, accept).await?;
    let next_token = found.next_token(OPERATION);
    let open = |(metadata, row)| reading.parameter(&row, metadata);
    Ok(Page::new(found.rows.into_iter().map(open).collect::<Result<_, _>>()?, next_token))
}

/// The name that a page ended with, out of its token.
fn name_of(token: &str) -> Option<ParameterName> {
    Some(ParameterName::observed(token))
}

/// A listing in the order of the canonical names, from where its page begins.
struct Listing {
    sql: &'static str,
    labels: Option<String>,
    span: Span,
}

/// What is on a page.
struct Found {
    rows: Vec<(ParameterMetadata, SqliteRow)>,
    is_last: bool,
}

impl Listing {
    /// Reads on until `want` rows are accepted and one more is known of, or there are no more.
    async fn read(
        mut self,
        reading: &Reading<'_>,
        want: usize,
        accept: impl Fn(&SqliteRow) -> Result<Option<ParameterMetadata>, Failure>,
    ) -> Result<Found, Failure> {
        let mut at_once = want + 1;
        let mut rows = Vec::with_capacity(want);
        loop {
            let batch = self.fetch(reading, at_once).await?;
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

    async fn fetch(&self, reading: &Reading<'_>, limit: usize) -> Result<Vec<SqliteRow>, sqlx::Error> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let query = reading
            .query(self.sql)
            .bind(self.span.from.clone())
            .bind(self.span.before.clone())
            .bind(self.span.contains.clone());
        let query = query.bind(limit);
        match &self.labels {
            Some(labels) => query.bind(labels.clone()).fetch_all(reading.readers).await,
            None => query.fetch_all(reading.readers).await,
        }
    }
}

impl Found {
    fn next_token(&self, operation: Operation) -> Option<String> {
        let (last, _) = self.rows.last().filter(|_| !self.is_last)?;
        Some(encode_token(operation, last.name.canonical()))
    }
}
