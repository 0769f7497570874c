use crate::clock::ManualClock;
use crate::{Filter, FilterKey, FilterOption, Secret, StoreErrorKind, TierRequest};

use super::*;

fn store(options: MemoryStoreOptions) -> MemoryStore {
    MemoryStore::with_options(Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH)), options)
}

async fn put(store: &MemoryStore, name: &str, request: impl FnOnce(PutRequest) -> PutRequest) -> Result<PutOutcome> {
    let name = ParameterName::parse(name).unwrap();
    store.put(&request(PutRequest::new(name, Secret::new("v")))).await
}

#[tokio::test]
async fn a_filtered_page_may_be_empty_before_the_last_one() {
    let store = store(MemoryStoreOptions { examined_per_page: Some(2), ..MemoryStoreOptions::default() });
    for n in 0..5 {
        put(&store, &format!("/p{n}"), |request| request).await.unwrap();
    }
    let filter = Filter { key: FilterKey::Name, option: FilterOption::Equals, values: vec!["/p4".into()] };
    let mut request = DescribeRequest { filters: vec![filter], ..DescribeRequest::default() };
    let mut lengths = Vec::new();
    loop {
        let page = store.describe(&request).await.unwrap();
        lengths.push(page.items.len());
        request.next_token = page.next_token;
        if request.next_token.is_none() {
            break;
        }
    }
    assert_eq!(lengths, [0, 0, 1]);
}

#[tokio::test]
async fn a_tier_s_limit_counts_what_is_there() {
    let limits = MemoryStoreOptions { standard_limit: Some(1), advanced_limit: Some(1), ..Default::default() };
    let store = store(limits);
    put(&store, "/a", |request| request).await.unwrap();
    let full = put(&store, "/b", |request| request).await.unwrap_err();
    assert_eq!(full.kind, StoreErrorKind::ParameterLimitExceeded);
    let intelligent = |request| PutRequest { tier: Some(TierRequest::IntelligentTiering), ..request };
    assert_eq!(put(&store, "/b", intelligent).await.unwrap().tier, crate::Tier::Advanced);
    assert_eq!(put(&store, "/c", intelligent).await.unwrap_err().kind, StoreErrorKind::ParameterLimitExceeded);
    store.delete(&ParameterName::parse("/b").unwrap()).await.unwrap();
    let outcome = put(&store, "/c", intelligent).await.unwrap();
    assert_eq!(outcome.tier, crate::Tier::Advanced, "what was deleted made room in its own tier");
}

#[tokio::test]
async fn a_hundred_thousand_parameters_are_listed_page_by_page() {
    let store = store(MemoryStoreOptions::default());
    for n in 0..100_000 {
        put(&store, &format!("/app/{n:06}"), |request| request).await.unwrap();
    }
    let (mut request, mut listed) = (DescribeRequest::default(), 0);
    loop {
        let page = store.describe(&request).await.unwrap();
        listed += page.items.len();
        request.next_token = page.next_token;
        if request.next_token.is_none() {
            break;
        }
    }
    assert_eq!(listed, 100_000);
}

#[test]
fn debug_shows_no_parameter() {
    let shown = format!("{:?}", store(MemoryStoreOptions::default()));
    assert!(shown.starts_with("MemoryStore") && !shown.contains("state"), "{shown}");
}
