//! Which of the reads of a store the caller may do, asked one by one without reading anything that matters.

use parados_parameter::{
    ByPathRequest, DescribeRequest, HistoryRequest, Operation, ParameterName, ParameterReference, ParameterStore,
    StoreError, StoreErrorKind,
};

/// The answer to one harmless request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermissionCheck {
    /// What was asked.
    pub operation: Operation,
    /// Whether it may be done.
    pub permission: Permission,
}

/// Whether an operation may be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permission {
    /// It may.
    Granted,
    /// It may not: grant the caller [`Operation::iam_action`].
    Denied(StoreError),
    /// The answer does not tell, because something else failed.
    Unknown(StoreError),
}

/// Asks each reading operation of `store` once, about `name`, which need not exist: the answer that it is not there is as
/// good as any. A policy that permits only some names decides about that one, so choose one that is to be read.
pub async fn check_read_permissions(store: &dyn ParameterStore, name: &ParameterName) -> Vec<PermissionCheck> {
    let one = std::slice::from_ref(name);
    let path = ByPathRequest { recursive: false, max_results: 1, ..ByPathRequest::recursive(name.absolute()) };
    let describe = DescribeRequest { max_results: 1, ..DescribeRequest::default() };
    let history = HistoryRequest { max_results: 1, ..HistoryRequest::of(name.clone()) };
    let answers = [
        (Operation::DescribeParameters, store.describe(&describe).await.err()),
        (Operation::GetParameter, store.get(&ParameterReference::newest(name.clone())).await.err()),
        (Operation::GetParameters, store.get_many(one).await.err()),
        (Operation::GetParametersByPath, store.by_path(&path).await.err()),
        (Operation::GetParameterHistory, store.history(&history).await.err()),
        (Operation::GetResources, store.tags(one).await.err()),
        (Operation::ListTagsForResource, store.list_tags(name).await.err()),
    ];
    let check = |(operation, error)| PermissionCheck { operation, permission: judge(error) };
    answers.into_iter().map(check).collect()
}

fn judge(error: Option<StoreError>) -> Permission {
    use StoreErrorKind as Kind;
    match error {
        None => Permission::Granted,
        Some(error) => match error.kind {
            Kind::ParameterNotFound | Kind::ParameterVersionNotFound | Kind::InvalidResourceId => Permission::Granted,
            Kind::AccessDenied => Permission::Denied(error),
            _ => Permission::Unknown(error),
        },
    }
}
