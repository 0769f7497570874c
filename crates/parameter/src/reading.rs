//! Reads that take several calls: whole listings, and tags by whichever way is allowed.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::{
    ByPathRequest, DescribeRequest, Filter, HistoryEntry, HistoryRequest, MAX_TAG_NAMES, Operation, Page, Parameter,
    ParameterMetadata, ParameterName, ParameterStore, StoreError, StoreErrorKind, Tag, Unreadable,
};

/// Every parameter that matches all of `filters`, in the store's order.
///
/// # Errors
/// Those of [`ParameterStore::describe`]; that of the first one that could not be understood; InvalidResponse when a page's
/// token leads back to the same page.
pub async fn describe_all(store: &dyn ParameterStore, filters: &[Filter]) -> Result<Vec<ParameterMetadata>> {
    let (all, unreadable) = describe_readable(store, filters).await?;
    unreadable.into_iter().next().map_or(Ok(all), |first| Err(first.error))
}

/// Every parameter that matches all of `filters`, in the store's order, and those that could not be understood.
///
/// # Errors
/// Those of [`ParameterStore::describe`]; InvalidResponse when a page's token leads back to the same page.
pub async fn describe_readable(
    store: &dyn ParameterStore,
    filters: &[Filter],
) -> Result<(Vec<ParameterMetadata>, Vec<Unreadable>)> {
    let mut request = DescribeRequest { filters: filters.to_vec(), ..DescribeRequest::default() };
    let (mut all, mut unreadable) = (Vec::new(), Vec::new());
    loop {
        let mut page = store.describe(&request).await?;
        unreadable.append(&mut page.unreadable);
        request.next_token = advance(Operation::DescribeParameters, "", request.next_token, page, &mut all)?;
        if request.next_token.is_none() {
            return Ok((all, unreadable));
        }
    }
}

/// Every parameter that `request` asks for, with its value, from its page on.
///
/// # Errors
/// Those of [`ParameterStore::by_path`]; InvalidResponse when a page's token leads back to the same page.
pub async fn by_path_all(store: &dyn ParameterStore, mut request: ByPathRequest) -> Result<Vec<Parameter>> {
    let mut all = Vec::new();
    loop {
        let page = store.by_path(&request).await?;
        let (operation, token) = (Operation::GetParametersByPath, request.next_token.take());
        request.next_token = advance(operation, &request.path, token, page, &mut all)?;
        if request.next_token.is_none() {
            return Ok(all);
        }
    }
}

/// Every version that is kept of `name`, oldest first.
///
/// # Errors
/// Those of [`ParameterStore::history`]; InvalidResponse when a page's token leads back to the same page.
pub async fn history_all(store: &dyn ParameterStore, name: &ParameterName) -> Result<Vec<HistoryEntry>> {
    let mut request = HistoryRequest::of(name.clone());
    let mut all = Vec::new();
    loop {
        let page = store.history(&request).await?;
        let (operation, token) = (Operation::GetParameterHistory, request.next_token.take());
        request.next_token = advance(operation, name.as_str(), token, page, &mut all)?;
        if request.next_token.is_none() {
            return Ok(all);
        }
    }
}

/// The tags of `names`, as many as there are: a hundred names a call, and one a call where that is denied. A parameter
/// without tags, or that does not exist, is absent.
///
/// # Errors
/// Those of [`ParameterStore::tags`] but AccessDenied, and then those of [`ParameterStore::list_tags`] but
/// InvalidResourceId.
pub async fn read_tags(
    store: &dyn ParameterStore,
    names: &[ParameterName],
) -> Result<BTreeMap<ParameterName, Vec<Tag>>> {
    let mut all = BTreeMap::new();
    let mut chunks = names.chunks(MAX_TAG_NAMES);
    for chunk in chunks.by_ref() {
        match store.tags(chunk).await {
            Ok(tags) => all.extend(tags),
            Err(error) if error.kind == StoreErrorKind::AccessDenied => {
                let read = names.chunks(MAX_TAG_NAMES).len() - chunks.len() - 1;
                list_tags(store, &names[read * MAX_TAG_NAMES..], &mut all).await?;
                break;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

async fn list_tags(
    store: &dyn ParameterStore,
    names: &[ParameterName],
    all: &mut BTreeMap<ParameterName, Vec<Tag>>,
) -> Result<()> {
    for name in names {
        match store.list_tags(name).await {
            Ok(tags) if tags.is_empty() => {}
            Ok(tags) => {
                all.insert(name.clone(), tags);
            }
            Err(error) if error.kind == StoreErrorKind::InvalidResourceId => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Adds a page to what was read, and gives the token of the next one.
fn advance<T>(
    operation: Operation,
    subject: &str,
    token: Option<String>,
    page: Page<T>,
    all: &mut Vec<T>,
) -> Result<Option<String>> {
    let page = page.whole()?;
    all.extend(page.items);
    if page.next_token.is_some() && page.next_token == token {
        let message = "the token of the next page is that of the page itself";
        return Err(StoreError::new(operation, subject, StoreErrorKind::InvalidResponse, message));
    }
    Ok(page.next_token)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::ManualClock;
    use crate::decorator::faulty::{Fault, FaultEffect, Faulty};
    use crate::decorator::metered::{CallMeter, Metered};
    use crate::memory::{MemoryStore, MemoryStoreOptions};
    use crate::{PutRequest, Secret, SharedStore};

    /// A store of 250 parameters of which every second one is tagged, whose pages look at 7 at most.
    async fn filled() -> (SharedStore, Vec<ParameterName>) {
        let clock = Arc::new(ManualClock::at(jiff::Timestamp::UNIX_EPOCH));
        let options = MemoryStoreOptions { examined_per_page: Some(7), ..MemoryStoreOptions::default() };
        let store = MemoryStore::with_options(clock, options);
        let names: Vec<_> = (0..250).map(|n| ParameterName::observed(format!("/p/{n:03}"))).collect();
        for (n, name) in names.iter().enumerate() {
            let mut request = PutRequest::new(name.clone(), Secret::new("v"));
            request.tags = (n % 2 == 0).then(|| Tag::observed("n", n.to_string())).into_iter().collect();
            store.put(&request).await.unwrap();
        }
        (Arc::new(store), names)
    }

    #[tokio::test]
    async fn a_listing_is_read_to_its_end_past_short_pages() {
        let (store, names) = filled().await;
        let described = describe_all(&*store, &[]).await.unwrap();
        assert_eq!(described.into_iter().map(|metadata| metadata.name).collect::<Vec<_>>(), names);
        let read = by_path_all(&*store, ByPathRequest::recursive("/p")).await.unwrap();
        assert_eq!(read.len(), 250);
        assert_eq!(history_all(&*store, &names[0]).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn tags_are_read_by_the_hundred_or_one_by_one() {
        let (store, mut names) = filled().await;
        names.push(ParameterName::observed("/not there"));
        let meter = Arc::new(CallMeter::default());
        let metered: SharedStore = Arc::new(Metered::new(store, Arc::clone(&meter)));
        let expected = read_tags(&*metered, &names).await.unwrap();
        assert_eq!((expected.len(), meter.total()), (125, 3));
        let denied = Fault::every(FaultEffect::Before(StoreErrorKind::AccessDenied)).of(Operation::GetResources).nth(2);
        let denied = Faulty::new(metered, [denied]);
        assert_eq!(read_tags(&denied, &names).await.unwrap(), expected);
        assert_eq!(meter.calls(Operation::ListTagsForResource), 151, "all but the hundred that were read");
    }

    #[tokio::test]
    async fn a_read_of_tags_that_fails_is_no_empty_answer() {
        let (store, names) = filled().await;
        for operation in [Operation::GetResources, Operation::ListTagsForResource] {
            let denied = Fault::every(FaultEffect::Before(StoreErrorKind::AccessDenied)).of(Operation::GetResources);
            let fails = Fault::every(FaultEffect::Before(StoreErrorKind::Timeout)).of(operation);
            let store = Faulty::new(Arc::clone(&store), [fails, denied]);
            let error = read_tags(&store, &names).await.unwrap_err();
            assert_eq!((error.operation, error.kind), (operation, StoreErrorKind::Timeout));
        }
    }

    #[test]
    fn a_token_that_leads_back_is_an_error_and_not_a_loop() {
        let page = || Page::new(vec![1], Some("t".to_owned()));
        let mut all = Vec::new();
        let token = advance(Operation::DescribeParameters, "", None, page(), &mut all).unwrap();
        let error = advance(Operation::DescribeParameters, "", token, page(), &mut all).unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::InvalidResponse);
    }
}
