//! The listings of the memory store: by name, a page at a time.

use std::ops::Bound;

use super::MemoryStoreOptions;
use super::state::{State, Stored, StoredVersion};
use crate::error::Result;
use crate::rules::{self, LabelFilter};
use crate::{
    ByPathRequest, DescribeRequest, HistoryEntry, HistoryRequest, Operation, Page, Parameter, ParameterMetadata,
};

impl State {
    pub(super) fn describe(
        &self,
        options: &MemoryStoreOptions,
        request: &DescribeRequest,
    ) -> Result<Page<ParameterMetadata>> {
        rules::check_describe(request)?;
        let listing = Listing {
            operation: Operation::DescribeParameters,
            subject: "",
            prefix: "",
            token: request.next_token.as_deref(),
            max_results: request.max_results,
            max_examined: options.examined_per_page,
        };
        self.list(&listing, |stored| {
            let metadata = &stored.newest().metadata;
            rules::matches(&request.filters, metadata, &stored.tags).then(|| ParameterMetadata {
                annotations: options.annotated.then(|| stored.annotations()),
                ..metadata.clone()
            })
        })
    }

    pub(super) fn by_path(&self, options: &MemoryStoreOptions, request: &ByPathRequest) -> Result<Page<Parameter>> {
        rules::check_by_path(request)?;
        let listing = Listing {
            operation: Operation::GetParametersByPath,
            subject: &request.path,
            prefix: request.path.trim_matches('/'),
            token: request.next_token.as_deref(),
            max_results: request.max_results,
            max_examined: options.examined_per_page,
        };
        self.list(&listing, |stored| {
            let version = asked_version(stored, request)?;
            let is_meant = version.metadata.name.is_under(&request.path, request.recursive)
                && rules::matches(&request.filters, &version.metadata, &stored.tags);
            is_meant.then(|| version.parameter())
        })
    }

    pub(super) fn history(&self, request: &HistoryRequest) -> Result<Page<HistoryEntry>> {
        let operation = Operation::GetParameterHistory;
        rules::check_history(request)?;
        let stored = self.find(&request.name).ok_or_else(|| rules::not_found(operation, &request.name))?;
        let token = request.next_token.as_deref();
        let after = rules::decode_token(operation, request.name.as_str(), token, |last| last.parse().ok())?;
        let after: i64 = after.unwrap_or(0);
        let mut versions = stored.versions.iter().filter(|version| version.metadata.version.get() > after).peekable();
        let items: Vec<_> = versions.by_ref().take(request.max_results).map(history_entry).collect();
        let last = items.last().map(|entry| entry.metadata.version.to_string()).unwrap_or_default();
        let next_token = versions.peek().map(|_| rules::encode_token(operation, &last));
        Ok(Page::new(items, next_token))
    }

    /// The page of `listing` with what `pick` makes of the parameters behind its token.
    fn list<T>(&self, listing: &Listing<'_>, pick: impl Fn(&Stored) -> Option<T>) -> Result<Page<T>> {
        let after =
            rules::decode_token(listing.operation, listing.subject, listing.token, |last| Some(last.to_owned()))?;
        let from = match &after {
            Some(last) => Bound::Excluded(last.as_str()),
            None => Bound::Included(listing.prefix),
        };
        let mut items = Vec::new();
        let mut last: Option<&str> = None;
        let under = self.parameters.range::<str, _>((from, Bound::Unbounded));
        for (examined, (name, stored)) in under.take_while(|(name, _)| name.starts_with(listing.prefix)).enumerate() {
            let is_exhausted = listing.max_examined.is_some_and(|max| examined >= max.max(1));
            let picked = pick(stored);
            if is_exhausted || (items.len() == listing.max_results && picked.is_some()) {
                let next_token = last.map(|last| rules::encode_token(listing.operation, last));
                return Ok(Page::new(items, next_token));
            }
            items.extend(picked);
            last = Some(name);
        }
        Ok(Page::new(items, None))
    }
}

/// A request for a page, whatever it is a page of.
struct Listing<'a> {
    operation: Operation,
    subject: &'a str,
    /// What the names without their leading `/` begin with.
    prefix: &'a str,
    token: Option<&'a str>,
    max_results: usize,
    max_examined: Option<usize>,
}

/// The version of a parameter that a GetParametersByPath asks for.
fn asked_version<'a>(stored: &'a Stored, request: &ByPathRequest) -> Option<&'a StoredVersion> {
    match LabelFilter::of(&request.filters) {
        None => Some(stored.newest()),
        Some(filter) => stored.versions.iter().rev().find(|version| version.labels.iter().any(|l| filter.wants(l))),
    }
}

fn history_entry(version: &StoredVersion) -> HistoryEntry {
    HistoryEntry {
        metadata: ParameterMetadata { arn: None, ..version.metadata.clone() },
        value: version.value.clone(),
        labels: version.labels.iter().cloned().collect(),
    }
}
