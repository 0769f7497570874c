//! What the store has and the source has not, of what a restore is about.

use std::collections::BTreeSet;

use parados_parameter::reading::describe_readable;
use parados_parameter::{
    Filter, FilterKey, FilterOption, ParameterMetadata, ParameterName, Selector, SharedStore, StoreError,
};

use super::request::{NameMap, RestoreRequest};
use super::transform::names_that_become;

/// Lists the names in the store that the request is about: each is what a map makes of a name that the selector means, and has the
/// type, tier, key and tags that it asks for. One that could not be understood is named too: what is read of it by its name says why
/// it stays.
///
/// # Errors
/// Those of listing.
pub(super) async fn names(
    store: &SharedStore,
    request: &RestoreRequest,
) -> Result<BTreeSet<ParameterName>, StoreError> {
    let (listed, unreadable) = describe_readable(store.as_ref(), &filters(request)).await?;
    let listed = listed.into_iter().filter(|metadata| is_meant(request, metadata)).map(|metadata| metadata.name);
    let unreadable = unreadable.into_iter().map(|one| one.name).filter(|name| is_name_meant(request, name));
    Ok(listed.chain(unreadable).collect())
}

fn is_meant(request: &RestoreRequest, metadata: &ParameterMetadata) -> bool {
    is_name_meant(request, &metadata.name) && of_what_is_no_name(&request.selector).matches(metadata)
}

fn is_name_meant(request: &RestoreRequest, name: &ParameterName) -> bool {
    let RestoreRequest { selector, names, maps, .. } = request;
    names_that_become(maps, name)
        .iter()
        .any(|source| selector.matches_name(source) && names.as_ref().is_none_or(|names| names.contains(source)))
}

/// What the store is asked for. Of maps of whole subtrees and of nothing else it can be said which paths they lead to.
fn filters(request: &RestoreRequest) -> Vec<Filter> {
    let RestoreRequest { selector, maps, .. } = request;
    let mut filters = of_what_is_no_name(selector).to_filters();
    if maps.is_empty() {
        return selector.to_filters();
    }
    let leads_all = maps.iter().any(|map| map.from == "/" && map.to != "/");
    let paths: Vec<_> = maps.iter().map(|map: &NameMap| map.to.trim_end_matches('/').to_owned()).collect();
    if leads_all && paths.iter().all(|path| !path.is_empty()) && maps.iter().all(|map| map.to.ends_with('/')) {
        filters.push(Filter { key: FilterKey::Path, option: FilterOption::Recursive, values: paths });
    }
    filters
}

/// The conditions on anything but the name.
fn of_what_is_no_name(selector: &Selector) -> Selector {
    Selector {
        types: selector.types.clone(),
        tiers: selector.tiers.clone(),
        key_ids: selector.key_ids.clone(),
        tags: selector.tags.clone(),
        ..Selector::default()
    }
}
