//! What the checks do to a store, said shortly. Whatever is not expected to fail panics when it does.

use crate::error::Result;
use crate::{
    Filter, FilterKey, FilterOption, HistoryEntry, Label, LabelOutcome, Operation, Parameter, ParameterMetadata,
    ParameterName, ParameterReference, ParameterStore, PutOutcome, PutRequest, Secret, StoreError, StoreErrorKind, Tag,
    Version, reading,
};

pub(super) fn name(text: &str) -> ParameterName {
    ParameterName::observed(text)
}

pub(super) fn version(number: i64) -> Version {
    Version::new(number).expect("checks number versions from 1")
}

pub(super) fn tag(key: &str, value: &str) -> Tag {
    Tag::observed(key, value)
}

pub(super) fn labels(texts: &[&str]) -> Vec<Label> {
    texts.iter().map(|text| Label::observed(*text)).collect()
}

pub(super) fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

pub(super) fn filter(key: FilterKey, option: FilterOption, values: &[&str]) -> Filter {
    Filter { key, option, values: texts(values) }
}

pub(super) fn request(text: &str, value: &str) -> PutRequest {
    PutRequest::new(name(text), Secret::new(value))
}

pub(super) fn overwriting(text: &str, value: &str) -> PutRequest {
    PutRequest { overwrite: true, ..request(text, value) }
}

/// Puts a request that must succeed.
pub(super) async fn put(store: &dyn ParameterStore, request: PutRequest) -> PutOutcome {
    let outcome = store.put(&request).await;
    outcome.unwrap_or_else(|error| panic!("a put that is allowed failed: {error}"))
}

/// Creates each with the value `v`.
pub(super) async fn create(store: &dyn ParameterStore, names: &[&str]) {
    for name in names {
        put(store, request(name, "v")).await;
    }
}

/// Makes `count` versions with the values `v1`, `v2`, …
pub(super) async fn make_versions(store: &dyn ParameterStore, text: &str, count: i64) {
    put(store, request(text, "v1")).await;
    for number in 2..=count {
        put(store, overwriting(text, &format!("v{number}"))).await;
    }
}

pub(super) async fn label(store: &dyn ParameterStore, text: &str, number: i64, labels: &[&str]) -> LabelOutcome {
    let outcome = store.label(&name(text), Some(version(number)), &texts(labels)).await;
    outcome.unwrap_or_else(|error| panic!("a label that is allowed failed: {error}"))
}

pub(super) async fn get(store: &dyn ParameterStore, text: &str) -> Parameter {
    let reference = ParameterReference { name: name(text), at: None };
    store.get(&reference).await.unwrap_or_else(|error| panic!("{error}"))
}

/// What describe says of one parameter, or nothing.
pub(super) async fn describe(store: &dyn ParameterStore, text: &str) -> Option<ParameterMetadata> {
    describe_all(store, &[]).await.into_iter().find(|metadata| metadata.name == name(text))
}

pub(super) async fn describe_all(store: &dyn ParameterStore, filters: &[Filter]) -> Vec<ParameterMetadata> {
    reading::describe_all(store, filters).await.unwrap_or_else(|error| panic!("{error}"))
}

pub(super) async fn history(store: &dyn ParameterStore, text: &str) -> Vec<HistoryEntry> {
    reading::history_all(store, &name(text)).await.unwrap_or_else(|error| panic!("{error}"))
}

/// The labels of each version that has any.
pub(super) async fn labels_of(store: &dyn ParameterStore, text: &str) -> Vec<(i64, Vec<String>)> {
    let entries = history(store, text).await.into_iter();
    let said = entries.map(|entry| {
        (entry.metadata.version.get(), entry.labels.iter().map(|label| label.to_string()).collect::<Vec<_>>())
    });
    said.filter(|(_, labels)| !labels.is_empty()).collect()
}

pub(super) async fn tags_of(store: &dyn ParameterStore, text: &str) -> Vec<Tag> {
    store.list_tags(&name(text)).await.unwrap_or_else(|error| panic!("{error}"))
}

/// The names as they are spelled, sorted.
pub(super) fn spelled<'a>(names: impl IntoIterator<Item = &'a ParameterName>) -> Vec<String> {
    let mut names: Vec<_> = names.into_iter().map(|name| name.to_string()).collect();
    names.sort();
    names
}

/// That a call failed with `kind`, under its own operation.
#[track_caller]
pub(super) fn assert_fails<T: std::fmt::Debug>(outcome: Result<T>, operation: Operation, kind: StoreErrorKind) {
    match outcome {
        Ok(answer) => panic!("{operation} answered {answer:?}, where {kind} was due"),
        Err(StoreError { operation: of, kind: failed, message, .. }) => {
            assert_eq!((of, failed), (operation, kind), "{message}");
        }
    }
}
