//! Promises about describe, by_path and history: pages, filters, tokens.

use super::act::{
    assert_fails, create, describe_all, filter, label, make_versions, name, overwriting, put, request, spelled, tag,
};
use super::{Promise, promise};
use crate::{
    ByPathRequest, DescribeRequest, Filter, FilterKey, FilterOption, HistoryRequest, KeyId, Operation, ParameterName,
    ParameterStore, ParameterType, PutRequest, SharedStore, StoreErrorKind, TierRequest, reading,
};

pub(super) const PROMISES: &[Promise] = &[
    promise!(
        a_page_is_not_too_long,
        "A page holds from none to `max_results` items. It is the last one when `next_token` is absent"
    ),
    promise!(
        what_exists_throughout_is_listed_once,
        "A parameter that exists through the whole listing is listed exactly once; one that is put or deleted meanwhile \
         may or may not be."
    ),
    promise!(
        a_foreign_token_is_refused,
        "InvalidFilterKey, InvalidFilterOption, InvalidFilterValue; InvalidNextToken;"
    ),
    promise!(page_sizes_of_describe_are_checked, "Validation when `max_results` is not 1 to [`MAX_PAGE`]."),
    promise!(filters_choose, "Lists what is known of the parameters that match every one of `request.filters`"),
    promise!(filters_by_tag_choose, "The value of the tag of this key."),
    promise!(filters_by_path_choose, "The hierarchy and all below; paths only."),
    promise!(
        filters_that_are_none_are_refused,
        "InvalidFilterKey, InvalidFilterOption, InvalidFilterValue; InvalidNextToken;"
    ),
    promise!(by_path_reads_a_level_or_all, "Reads the parameters under a path, decrypted, a page at a time"),
    promise!(by_path_takes_three_filters, "the filter errors (only Type, KeyId and Label are known here)"),
    promise!(
        by_path_checks_its_path_and_page_size,
        "Validation when the path does not begin with `/` or `max_results` is not 1 to [`MAX_PATH_PAGE`]"
    ),
    promise!(
        history_checks_its_page_size,
        "ParameterNotFound; InvalidNextToken; InvalidKeyId; Validation when `max_results` is not 1 to [`MAX_PAGE`]."
    ),
];

const NAMES: [&str; 12] =
    ["/a/1", "/a/2", "/a/b/1", "/a/b/2", "/a/b/c/1", "/ab/1", "/b/1", "plain", "/z/9", "/z/8", "/z/7", "/z/6"];

/// The names of every page of a listing of pages of `max_results`.
async fn pages(store: &dyn ParameterStore, max_results: usize) -> Vec<Vec<ParameterName>> {
    let mut request = DescribeRequest { max_results, ..DescribeRequest::default() };
    let mut pages = Vec::new();
    loop {
        let page = store.describe(&request).await.unwrap_or_else(|error| panic!("{error}"));
        pages.push(page.items.into_iter().map(|metadata| metadata.name).collect());
        let token = std::mem::replace(&mut request.next_token, page.next_token);
        if request.next_token.is_none() {
            return pages;
        }
        assert_ne!(request.next_token, token, "the token of the next page leads back to the same page");
    }
}

async fn a_page_is_not_too_long(store: SharedStore) {
    create(&*store, &NAMES).await;
    for max_results in [1, 5, 12, 50] {
        let pages = pages(&*store, max_results).await;
        assert!(pages.iter().all(|page| page.len() <= max_results));
        assert_eq!(spelled(pages.iter().flatten()), spelled(&NAMES.map(name)));
    }
    make_versions(&*store, "/versions", 7).await;
    let mut request = HistoryRequest { max_results: 3, ..HistoryRequest::of(name("/versions")) };
    let mut versions = Vec::new();
    loop {
        let page = store.history(&request).await.unwrap_or_else(|error| panic!("{error}"));
        assert!(page.items.len() <= 3);
        versions.extend(page.items.iter().map(|entry| entry.metadata.version.get()));
        let token = std::mem::replace(&mut request.next_token, page.next_token);
        if request.next_token.is_none() {
            break;
        }
        assert_ne!(request.next_token, token, "the token of the next page leads back to the same page");
    }
    assert_eq!(versions, [1, 2, 3, 4, 5, 6, 7]);
}

async fn what_exists_throughout_is_listed_once(store: SharedStore) {
    let stay: Vec<_> = (0..30).map(|n| format!("/stay/{n:02}")).collect();
    let go: Vec<_> = (0..10).map(|n| format!("/stay/{n:02}-goes")).collect();
    for text in stay.iter().chain(&go) {
        put(&*store, request(text, "v")).await;
    }
    let mut request = DescribeRequest { max_results: 4, ..DescribeRequest::default() };
    let mut listed = Vec::new();
    for round in 0.. {
        let page = store.describe(&request).await.unwrap_or_else(|error| panic!("{error}"));
        listed.extend(
            page.items.into_iter().map(|metadata| metadata.name).filter(|n| stay.iter().any(|s| name(s) == *n)),
        );
        request.next_token = page.next_token;
        if request.next_token.is_none() {
            break;
        }
        if let Some(text) = go.get(round) {
            store.delete(&name(text)).await.unwrap_or_else(|error| panic!("{error}"));
        }
        put(&*store, super::act::request(&format!("/stay/{:02}-new", 29 - round.min(29)), "v")).await;
    }
    assert_eq!(spelled(&listed), stay);
}

async fn a_foreign_token_is_refused(store: SharedStore) {
    create(&*store, &NAMES).await;
    let kind = StoreErrorKind::InvalidNextToken;
    let next_token = Some("no token of this store".to_owned());
    let describe = DescribeRequest { next_token: next_token.clone(), ..DescribeRequest::default() };
    assert_fails(store.describe(&describe).await, Operation::DescribeParameters, kind);
    let by_path = ByPathRequest { next_token: next_token.clone(), ..ByPathRequest::recursive("/a") };
    assert_fails(store.by_path(&by_path).await, Operation::GetParametersByPath, kind);
    let history = HistoryRequest { next_token, ..HistoryRequest::of(name("/a/1")) };
    assert_fails(store.history(&history).await, Operation::GetParameterHistory, kind);
}

async fn page_sizes_of_describe_are_checked(store: SharedStore) {
    for max_results in [0, 51] {
        let request = DescribeRequest { max_results, ..DescribeRequest::default() };
        let outcome = store.describe(&request).await;
        assert_fails(outcome, Operation::DescribeParameters, StoreErrorKind::Validation);
    }
}

/// That a listing with `filters` holds exactly `names`.
async fn assert_lists(store: &dyn ParameterStore, filters: &[Filter], names: &[&str]) {
    let listed = describe_all(store, filters).await;
    let names: Vec<_> = names.iter().map(|text| name(text)).collect();
    assert_eq!(spelled(listed.iter().map(|metadata| &metadata.name)), spelled(&names), "{filters:?}");
}

async fn filters_choose(store: SharedStore) {
    create(&*store, &["/app/dev/a", "/app/prod/a", "/apple"]).await;
    let secure = PutRequest {
        parameter_type: Some(ParameterType::SecureString),
        key_id: Some(KeyId::observed("alias/app")),
        ..request("/app/dev/secure", "v")
    };
    put(&*store, secure).await;
    let list = PutRequest {
        parameter_type: Some(ParameterType::StringList),
        tier: Some(TierRequest::Advanced),
        ..request("/app/dev/list", "a,b")
    };
    put(&*store, list).await;
    let is = |key, values: &[&str]| filter(key, FilterOption::Equals, values);
    let dev = ["/app/dev/a", "/app/dev/list", "/app/dev/secure"];
    assert_lists(&*store, &[is(FilterKey::Name, &["/apple", "/none"])], &["/apple"]).await;
    assert_lists(&*store, &[filter(FilterKey::Name, FilterOption::BeginsWith, &["/app/dev"])], &dev).await;
    assert_lists(&*store, &[filter(FilterKey::Name, FilterOption::Contains, &["dev/"])], &dev).await;
    let types = is(FilterKey::Type, &["SecureString", "StringList"]);
    assert_lists(&*store, std::slice::from_ref(&types), &["/app/dev/secure", "/app/dev/list"]).await;
    assert_lists(&*store, &[is(FilterKey::KeyId, &["alias/app"])], &["/app/dev/secure"]).await;
    assert_lists(&*store, &[is(FilterKey::Tier, &["Advanced"])], &["/app/dev/list"]).await;
    assert_lists(&*store, &[types, is(FilterKey::Tier, &["Standard"])], &["/app/dev/secure"]).await;
    assert_lists(&*store, &[is(FilterKey::DataType, &["aws:ec2:image"])], &[]).await;
}

async fn filters_by_tag_choose(store: SharedStore) {
    for (text, tags) in
        [("/a", vec![tag("team", "red")]), ("/b", vec![tag("team", "blue"), tag("x", "1")]), ("/c", vec![])]
    {
        put(&*store, PutRequest { tags, ..request(text, "v") }).await;
    }
    let team = |values: &[&str]| filter(FilterKey::Tag("team".into()), FilterOption::Equals, values);
    assert_lists(&*store, &[team(&["blue"])], &["/b"]).await;
    assert_lists(&*store, &[team(&["blue", "red"])], &["/a", "/b"]).await;
    let x = filter(FilterKey::Tag("x".into()), FilterOption::Equals, &["1"]);
    assert_lists(&*store, &[team(&["blue", "red"]), x], &["/b"]).await;
    assert_lists(&*store, &[team(&["green"])], &[]).await;
}

async fn filters_by_path_choose(store: SharedStore) {
    create(&*store, &NAMES).await;
    let path = |option, path| [filter(FilterKey::Path, option, &[path])];
    assert_lists(&*store, &path(FilterOption::OneLevel, "/a"), &["/a/1", "/a/2"]).await;
    assert_lists(&*store, &path(FilterOption::OneLevel, "/a/b"), &["/a/b/1", "/a/b/2"]).await;
    let all = ["/a/1", "/a/2", "/a/b/1", "/a/b/2", "/a/b/c/1"];
    assert_lists(&*store, &path(FilterOption::Recursive, "/a"), &all).await;
}

async fn filters_that_are_none_are_refused(store: SharedStore) {
    create(&*store, &NAMES).await;
    for (refused, kind) in [
        (filter(FilterKey::Label, FilterOption::Equals, &["x"]), StoreErrorKind::InvalidFilterKey),
        (filter(FilterKey::Path, FilterOption::Equals, &["/a"]), StoreErrorKind::InvalidFilterOption),
        (filter(FilterKey::Type, FilterOption::Contains, &["String"]), StoreErrorKind::InvalidFilterOption),
        (filter(FilterKey::Name, FilterOption::Equals, &[]), StoreErrorKind::InvalidFilterValue),
    ] {
        let request = DescribeRequest { filters: vec![refused], ..DescribeRequest::default() };
        assert_fails(store.describe(&request).await, Operation::DescribeParameters, kind);
    }
}

async fn by_path_reads_a_level_or_all(store: SharedStore) {
    create(&*store, &NAMES).await;
    for (path, recursive, expected) in [
        ("/a", false, vec!["/a/1", "/a/2"]),
        ("/a", true, vec!["/a/1", "/a/2", "/a/b/1", "/a/b/2", "/a/b/c/1"]),
        ("/a/", false, vec!["/a/1", "/a/2"]),
        ("/z", true, vec!["/z/6", "/z/7", "/z/8", "/z/9"]),
        ("/none", true, vec![]),
        ("/", true, NAMES.to_vec()),
    ] {
        for max_results in [1, 3, 10] {
            let request = ByPathRequest { recursive, max_results, ..ByPathRequest::recursive(path) };
            let read = reading::by_path_all(&*store, request).await.unwrap_or_else(|error| panic!("{error}"));
            let expected: Vec<_> = expected.iter().map(|text| name(text)).collect();
            assert_eq!(spelled(read.iter().map(|one| &one.name)), spelled(&expected), "{path} {recursive}");
            assert!(read.iter().all(|one| one.value.reveal() == "v"));
        }
    }
}

async fn by_path_takes_three_filters(store: SharedStore) {
    make_versions(&*store, "/a/labelled", 3).await;
    label(&*store, "/a/labelled", 2, &["blue"]).await;
    create(&*store, &["/a/plain"]).await;
    let secure = PutRequest { parameter_type: Some(ParameterType::SecureString), ..request("/a/secure", "v") };
    put(&*store, secure).await;
    put(&*store, overwriting("/a/secure", "v")).await;
    for (key, value, expected) in [
        (FilterKey::Type, "SecureString", ("/a/secure", 2)),
        (FilterKey::KeyId, "alias/aws/ssm", ("/a/secure", 2)),
        (FilterKey::Label, "blue", ("/a/labelled", 2)),
    ] {
        let filters = vec![filter(key, FilterOption::Equals, &[value])];
        let request = ByPathRequest { filters, ..ByPathRequest::recursive("/a") };
        let read = reading::by_path_all(&*store, request).await.unwrap_or_else(|error| panic!("{error}"));
        let read: Vec<_> = read.iter().map(|one| (one.name.as_str(), one.version.get())).collect();
        assert_eq!(read, [expected]);
    }
    for key in [FilterKey::Name, FilterKey::Tier, FilterKey::Path] {
        let filters = vec![filter(key, FilterOption::Equals, &["/a"])];
        let outcome = store.by_path(&ByPathRequest { filters, ..ByPathRequest::recursive("/a") }).await;
        assert_fails(outcome, Operation::GetParametersByPath, StoreErrorKind::InvalidFilterKey);
    }
}

async fn by_path_checks_its_path_and_page_size(store: SharedStore) {
    for request in [
        ByPathRequest::recursive("a"),
        ByPathRequest { max_results: 0, ..ByPathRequest::recursive("/a") },
        ByPathRequest { max_results: 11, ..ByPathRequest::recursive("/a") },
    ] {
        let outcome = store.by_path(&request).await;
        assert_fails(outcome, Operation::GetParametersByPath, StoreErrorKind::Validation);
    }
}

async fn history_checks_its_page_size(store: SharedStore) {
    create(&*store, &["/a"]).await;
    for max_results in [0, 51] {
        let request = HistoryRequest { max_results, ..HistoryRequest::of(name("/a")) };
        let outcome = store.history(&request).await;
        assert_fails(outcome, Operation::GetParameterHistory, StoreErrorKind::Validation);
    }
}
