//! What an action comes to, without what stores may differ in.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Action;
use crate::{
    ByPathRequest, DescribeRequest, GetManyOutcome, HistoryEntry, HistoryRequest, LabelOutcome, Operation, Parameter,
    ParameterMetadata, ParameterName, ParameterStore, PutOutcome, PutRequest, Secret, StoreError, StoreErrorKind, Tag,
    UnlabelOutcome,
};

/// A failure: where and how.
type Failure = (Operation, StoreErrorKind);

/// What a store answered, comparable.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Done,
    Put(PutOutcome),
    Filled(Vec<Result<PutOutcome, Failure>>),
    Labelled(LabelOutcome),
    Unlabelled(UnlabelOutcome),
    Described(Vec<ParameterMetadata>),
    Got(Parameter),
    GotMany(GetManyOutcome),
    Read(Vec<Parameter>),
    History(Vec<HistoryEntry>),
    Tags(BTreeMap<ParameterName, Vec<Tag>>),
    Listed(Vec<Tag>),
    /// A page was longer than was asked for.
    TooLong(usize),
    /// A page's token led back to the same page.
    Circular,
    Failed(Failure),
}

impl Answer {
    /// The kind of failure of each call, or none where it succeeded.
    #[cfg(test)]
    pub(super) fn outcomes(&self) -> Vec<Option<StoreErrorKind>> {
        match self {
            Self::Failed((_, kind)) => vec![Some(*kind)],
            Self::Filled(outcomes) => outcomes.iter().map(|outcome| outcome.err().map(|(_, kind)| kind)).collect(),
            _ => vec![None],
        }
    }
}

/// Does `action` to `store`.
pub(super) async fn perform(store: &dyn ParameterStore, action: &Action) -> Answer {
    attempt(store, action).await.unwrap_or_else(|error| Answer::Failed(failure(&error)))
}

fn failure(error: &StoreError) -> Failure {
    (error.operation, error.kind)
}

async fn attempt(store: &dyn ParameterStore, action: &Action) -> Result<Answer, StoreError> {
    Ok(match action {
        Action::Put(request) => Answer::Put(store.put(request).await?),
        Action::Fill { name, versions } => {
            let mut outcomes = Vec::new();
            for number in 0..*versions {
                let value = Secret::new(format!("filled{number}"));
                let request = PutRequest { overwrite: true, ..PutRequest::new(name.clone(), value) };
                outcomes.push(store.put(&request).await.map_err(|error| failure(&error)));
            }
            Answer::Filled(outcomes)
        }
        Action::Delete(name) => {
            store.delete(name).await?;
            Answer::Done
        }
        Action::Label { name, version, labels } => Answer::Labelled(store.label(name, *version, labels).await?),
        Action::Unlabel { name, version, labels } => Answer::Unlabelled(store.unlabel(name, *version, labels).await?),
        Action::Tag { name, tags } => {
            store.tag(name, tags).await?;
            Answer::Done
        }
        Action::Untag { name, keys } => {
            store.untag(name, keys).await?;
            Answer::Done
        }
        Action::Describe { filters, max_results } => {
            let request = DescribeRequest { filters: filters.clone(), max_results: *max_results, next_token: None };
            describe(store, request).await?
        }
        Action::Get(reference) => Answer::Got(parameter(store.get(reference).await?)),
        Action::GetMany(names) => {
            let mut found = store.get_many(names).await?;
            found.parameters = found.parameters.into_iter().map(parameter).collect();
            found.parameters.sort_by(|a, b| a.name.cmp(&b.name));
            found.invalid.sort();
            Answer::GotMany(found)
        }
        Action::ByPath { path, recursive, filters, max_results } => {
            let request = ByPathRequest {
                path: path.clone(),
                recursive: *recursive,
                filters: filters.clone(),
                max_results: *max_results,
                next_token: None,
            };
            by_path(store, request).await?
        }
        Action::History { name, max_results } => {
            let request = HistoryRequest { name: name.clone(), max_results: *max_results, next_token: None };
            history(store, request).await?
        }
        Action::Tags(names) => Answer::Tags(store.tags(names).await?),
        Action::ListTags(name) => Answer::Listed(store.list_tags(name).await?),
    })
}

async fn describe(store: &dyn ParameterStore, mut request: DescribeRequest) -> Result<Answer, StoreError> {
    let mut all = Vec::new();
    loop {
        let page = store.describe(&request).await?;
        if page.items.len() > request.max_results {
            return Ok(Answer::TooLong(page.items.len()));
        }
        all.extend(page.items.into_iter().map(metadata));
        let token = std::mem::replace(&mut request.next_token, page.next_token);
        if request.next_token.is_none() {
            all.sort_by(|a, b| a.name.cmp(&b.name));
            return Ok(Answer::Described(all));
        }
        if request.next_token == token {
            return Ok(Answer::Circular);
        }
    }
}

async fn by_path(store: &dyn ParameterStore, mut request: ByPathRequest) -> Result<Answer, StoreError> {
    let mut all = Vec::new();
    loop {
        let page = store.by_path(&request).await?;
        if page.items.len() > request.max_results {
            return Ok(Answer::TooLong(page.items.len()));
        }
        all.extend(page.items.into_iter().map(|one| Parameter { name: spelled_out(&one.name), ..parameter(one) }));
        let token = std::mem::replace(&mut request.next_token, page.next_token);
        if request.next_token.is_none() {
            all.sort_by(|a, b| a.name.cmp(&b.name));
            return Ok(Answer::Read(all));
        }
        if request.next_token == token {
            return Ok(Answer::Circular);
        }
    }
}

async fn history(store: &dyn ParameterStore, mut request: HistoryRequest) -> Result<Answer, StoreError> {
    let mut all = Vec::new();
    loop {
        let page = store.history(&request).await?;
        if page.items.len() > request.max_results {
            return Ok(Answer::TooLong(page.items.len()));
        }
        all.extend(page.items.into_iter().map(|entry| HistoryEntry { metadata: metadata(entry.metadata), ..entry }));
        let token = std::mem::replace(&mut request.next_token, page.next_token);
        if request.next_token.is_none() {
            return Ok(Answer::History(all));
        }
        if request.next_token == token {
            return Ok(Answer::Circular);
        }
    }
}

/// Without what stores may differ in. Annotations are left out too: the suite compares them with what tags and history say.
fn metadata(metadata: ParameterMetadata) -> ParameterMetadata {
    ParameterMetadata {
        name: spelled_out(&metadata.name),
        arn: None,
        last_modified_date: Timestamp::UNIX_EPOCH,
        last_modified_user: None,
        annotations: None,
        ..metadata
    }
}

fn parameter(parameter: Parameter) -> Parameter {
    Parameter { arn: None, last_modified_date: Timestamp::UNIX_EPOCH, ..parameter }
}

/// The spelling of a name in a listing is compared, although names are equal without it.
fn spelled_out(name: &ParameterName) -> ParameterName {
    match name.as_str().starts_with('/') {
        true => name.clone(),
        false => ParameterName::observed(format!("(no slash) {name}")),
    }
}
