//! A comparison of two environments: the names of one side become those of the other. Pure.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use parados_parameter::{ParameterName, Selector};

use super::entry::Entry;
use super::side::Listing;
use crate::restore::NameMap;
use crate::restore::transform::{map_name, names_that_become};

/// The two parameters that became one, where there are such.
pub(super) type Met = Arc<OnceLock<ParameterName>>;

/// The side that is mapped, under the names that it has on the other side, in their order.
pub(super) fn before(listing: Listing, maps: &[NameMap], met: Met) -> Listing {
    let Listing { entries, done, unread } = listing;
    let unread = unread.into_iter().map(|(name, reason)| (map_name(maps, &name), reason)).collect();
    let maps = maps.to_vec();
    // The entries come from a thread that must not be waited for here.
    let entries = std::iter::once_with(move || {
        let mut entries: Vec<Entry> =
            entries.map(|entry| Entry { name: map_name(&maps, &entry.name), ..entry }).collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        if let Some(pair) = entries.windows(2).find(|pair| pair[0].name == pair[1].name) {
            met.set(pair[0].name.clone()).ok();
        }
        entries
    });
    Listing { entries: Box::new(entries.flatten()), done, unread }
}

/// Of the other side what a selected name would become.
pub(super) fn after(listing: Listing, maps: &[NameMap], selector: Arc<Selector>) -> Listing {
    let Listing { entries, done, mut unread } = listing;
    let maps = maps.to_vec();
    let is_meant =
        move |name: &ParameterName| names_that_become(&maps, name).iter().any(|source| selector.matches_name(source));
    unread.retain(|name, _| is_meant(name));
    Listing { entries: Box::new(entries.filter(move |entry| is_meant(&entry.name))), done, unread }
}

/// Every name that becomes one of `names`.
pub(super) fn originals(maps: &[NameMap], names: &BTreeSet<ParameterName>) -> BTreeSet<ParameterName> {
    names.iter().flat_map(|name| names_that_become(maps, name)).collect()
}
