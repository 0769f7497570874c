//! What is read of a file that was changed behind the store's back: an error, never another value.

use parados_parameter::{
    ByPathRequest, DescribeRequest, HistoryRequest, Operation, ParameterReference, ParameterStore as _, StoreErrorKind,
};
use parados_store::{EmbeddedStore, OpenError};
use rstest::rstest;

use crate::{name, new_directory, open, open_error, overwrite, request, tamper};

#[rstest]
#[case::another_byte(
    "UPDATE version SET sealed_value = CAST(substr(sealed_value, 1, 30) || CASE substr(sealed_value, 31, 1) WHEN x'ff' THEN x'00' ELSE x'ff' END
     || substr(sealed_value, 32) AS BLOB) WHERE parameter = 1"
)]
#[case::cut("UPDATE version SET sealed_value = substr(sealed_value, 1, 10) WHERE parameter = 1")]
#[case::empty("UPDATE version SET sealed_value = x'' WHERE parameter = 1")]
#[case::another_parameter_s(
    "UPDATE version SET sealed_value = (SELECT sealed_value FROM version WHERE parameter = 2) WHERE parameter = 1"
)]
#[case::another_version_s(
    "UPDATE version SET sealed_value = (SELECT sealed_value FROM version WHERE parameter = 1 AND version = 1) WHERE parameter = 1 AND version = 2"
)]
#[case::another_data_key("UPDATE parameter SET data_key = (SELECT data_key FROM parameter WHERE id = 2) WHERE id = 1")]
#[case::no_data_key("UPDATE parameter SET data_key = x'' WHERE id = 1")]
#[case::the_database_s_data_key("UPDATE parameter SET data_key = (SELECT data_key FROM store) WHERE id = 1")]
#[tokio::test]
async fn a_damaged_value_is_unreadable_and_the_others_are_not(#[case] sql: &'static str) {
    let directory = new_directory().await;
    let store = open(directory.path()).await;
    let requests = [request("/a", "first"), request("/b", "other"), overwrite("/a", "second")];
    store.put_all(&requests).await.unwrap();
    tamper(directory.path(), sql).await;

    let error = store.get(&ParameterReference::newest(name("/a"))).await.unwrap_err();
    assert_eq!((error.kind, error.operation), (StoreErrorKind::Unreadable, Operation::GetParameter));
    let error = store.get_many(&[name("/b"), name("/a")]).await.unwrap_err();
    assert_eq!((error.kind, error.subject.as_str()), (StoreErrorKind::Unreadable, "/a"), "it says which one");
    assert_eq!(store.by_path(&ByPathRequest::recursive("/")).await.unwrap_err().kind, StoreErrorKind::Unreadable);
    assert_eq!(store.history(&HistoryRequest::of(name("/a"))).await.unwrap_err().kind, StoreErrorKind::Unreadable);

    assert_eq!(store.get(&ParameterReference::newest(name("/b"))).await.unwrap().value.reveal(), "other");
    assert_eq!(store.describe(&DescribeRequest::default()).await.unwrap().items.len(), 2);
}

#[rstest]
#[case::kind("UPDATE version SET type = 'Number'")]
#[case::tier("UPDATE version SET tier = ''")]
#[case::date("UPDATE version SET modified_at = 9223372036854775807")]
#[case::policies("UPDATE version SET policies = '[{'")]
#[tokio::test]
async fn a_damaged_row_is_an_error_of_the_storage(#[case] sql: &'static str) {
    let directory = new_directory().await;
    let store = open(directory.path()).await;
    store.put(&request("/a", "v")).await.unwrap();
    tamper(directory.path(), sql).await;
    assert_eq!(store.describe(&DescribeRequest::default()).await.unwrap_err().kind, StoreErrorKind::Storage);
    assert_eq!(store.get(&ParameterReference::newest(name("/a"))).await.unwrap_err().kind, StoreErrorKind::Storage);
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let directory = new_directory().await;
    tamper(directory.path(), "PRAGMA user_version = 3").await;
    let error = open_error(directory.path()).await;
    assert!(matches!(error, OpenError::NewerSchema { found: 3, known: 2, .. }), "{error:?}");
    let message = error.to_string();
    assert!(message.contains("schema version 3") && message.contains("newer release"), "{message}");
}

#[rstest]
#[case::no_database(Some(b"password=hunter2, and more than a header's length of it: 0123456789012345678901234567890123456789012345678901234567890123456789".as_slice()))]
#[case::empty(Some(b"".as_slice()))]
#[case::another_database(None)]
#[tokio::test]
async fn what_is_no_store_is_refused(#[case] contents: Option<&[u8]>) {
    let directory = new_directory().await;
    match contents {
        Some(contents) => std::fs::write(directory.path().join("parameters.sqlite3"), contents).unwrap(),
        None => tamper(directory.path(), "PRAGMA application_id = 7").await,
    }
    let error = open_error(directory.path()).await;
    assert!(matches!(error, OpenError::NotAStore { .. }), "{error:?}");
}

#[tokio::test]
async fn where_there_is_none_is_said() {
    let directory = tempfile::tempdir().unwrap();
    assert!(!EmbeddedStore::exists(directory.path()));
    let error = open_error(directory.path()).await;
    assert!(matches!(error, OpenError::NotInitialised { .. }) && error.to_string().contains("parados init"), "{error}");
}
