//! A scratch prefix: where a drill restores to in a store that is used for other things, and how it is taken away again.
//!
//! Everything that a drill makes there has a name under `/parados-drill/{id}/`, and nothing else is ever deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::{StreamExt, stream};
use parados_parameter::reading::describe_all;
use parados_parameter::{
    Filter, FilterKey, FilterOption, ParameterName, Selector, SharedStore, StoreError, StoreErrorKind,
};
use tokio::time::sleep;

use crate::restore::{NameMap, PlanId};

/// What the names of all drills begin with.
const ROOT: &str = "/parados-drill/";
/// Deletes at once.
const AT_ONCE: usize = 8;
/// A write that was under way when the drill stopped may show late, and so may a delete in a listing.
const SETTLE: Duration = Duration::from_secs(2);
/// How often a prefix is listed at most, until it is empty.
const ROUNDS: u32 = 10;

/// The scratch prefix of one drill.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScratchPrefix(PlanId);

/// What of a scratch prefix was removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CleanUp {
    /// How many parameters were removed.
    pub removed: u64,
    /// Those that are still there, as far as is known, with the reason.
    pub left: BTreeMap<ParameterName, String>,
}

impl ScratchPrefix {
    /// That of the drill `id`.
    pub fn new(id: PlanId) -> Self {
        Self(id)
    }

    /// The prefixes in `store` under which there is something: of drills that run, and of those that could not clean up.
    ///
    /// # Errors
    /// Those of a listing.
    pub async fn find(store: &SharedStore) -> Result<BTreeMap<Self, u64>, StoreError> {
        let mut found = BTreeMap::new();
        for metadata in describe_all(store.as_ref(), &under(ROOT)).await? {
            if let Some(prefix) = Self::of(&metadata.name) {
                *found.entry(prefix).or_default() += 1;
            }
        }
        Ok(found)
    }

    /// What its names begin with, ended by a `/`.
    pub fn path(&self) -> String {
        format!("{ROOT}{}/", self.0)
    }

    /// What names become in it.
    pub fn map(&self) -> NameMap {
        NameMap { from: "/".to_owned(), to: self.path() }
    }

    /// What is in it.
    pub fn selector(&self) -> Selector {
        Selector { paths: vec![self.path().trim_end_matches('/').to_owned()], ..Selector::default() }
    }

    /// Deletes everything in it: what a listing shows, until one shows nothing, and in any case what `made` names.
    ///
    /// # Errors
    /// Those of a listing. What could not be deleted is in the outcome.
    pub async fn clean_up(
        &self,
        store: &SharedStore,
        made: impl IntoIterator<Item = ParameterName>,
    ) -> Result<CleanUp, StoreError> {
        let mut outcome = CleanUp::default();
        let mut names: BTreeSet<_> = made.into_iter().filter(|name| self.holds(name)).collect();
        for round in 0..ROUNDS {
            let listed = describe_all(store.as_ref(), &under(&self.path())).await?;
            let listed: Vec<_> = listed.into_iter().map(|one| one.name).filter(|name| self.holds(name)).collect();
            if round > 0 && listed.iter().all(|name| outcome.left.contains_key(name)) {
                break;
            }
            names.extend(listed);
            outcome.left.clear();
            let deletes = std::mem::take(&mut names).into_iter().map(async |name| (store.delete(&name).await, name));
            let mut deletes = stream::iter(deletes).buffer_unordered(AT_ONCE);
            while let Some((deleted, name)) = deletes.next().await {
                match deleted {
                    Ok(()) => outcome.removed += 1,
                    Err(error) if error.kind == StoreErrorKind::ParameterNotFound => {}
                    Err(error) => drop(outcome.left.insert(name, error.to_string())),
                }
            }
            sleep(SETTLE).await;
        }
        Ok(outcome)
    }

    fn of(name: &ParameterName) -> Option<Self> {
        let absolute = name.absolute();
        let (id, rest) = absolute.strip_prefix(ROOT)?.split_once('/')?;
        let id: PlanId = serde_json::from_value(id.into()).ok()?;
        (id.is_valid() && !rest.is_empty()).then_some(Self(id))
    }

    fn holds(&self, name: &ParameterName) -> bool {
        Self::of(name).as_ref() == Some(self)
    }
}

fn under(path: &str) -> [Filter; 1] {
    let path = path.trim_end_matches('/').to_owned();
    [Filter { key: FilterKey::Path, option: FilterOption::Recursive, values: vec![path] }]
}
