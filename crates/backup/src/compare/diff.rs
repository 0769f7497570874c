//! What differs between two states.

use std::collections::BTreeMap;
use std::sync::Arc;

use parados_parameter::Selector;
use tokio::task::spawn_blocking;

use super::CompareError;
use super::join::{Difference, DifferenceKind, Joined, Unread, join};
use super::side::{Listing, Reading, Side, by_manifest};
use super::{details, mapped};
use crate::event::Observer;
use crate::field::Field;
use crate::fingerprint::FingerprintKey;
use crate::fingerprint_key;
use crate::restore::NameMap;
use crate::seal::Identities;
use crate::signature::SigningKey;

/// What a comparison works with.
pub struct CompareContext {
    /// Open documents, where that is needed. May be empty.
    pub identities: Identities,
    /// This machine's, where it has one: the fingerprint key comes from it.
    pub signing_key: Option<SigningKey>,
    /// Random bytes: the fingerprint key comes from them where there is none to be had, and is forgotten afterwards.
    pub random: [u8; 32],
}

/// What to compare, beside the sides.
#[derive(Clone, Debug, Default)]
pub struct DiffRequest {
    /// Which parameters, by the conditions on names; the others do not count.
    pub selector: Selector,
    /// What names of the first side become before they are looked for on the second; the selector means what they were.
    pub maps: Vec<NameMap>,
    /// How much is told of what differs.
    pub details: Details,
}

/// How much is told of what differs. More than [`Details::Names`] opens both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Details {
    /// Which fields.
    #[default]
    Names,
    /// What the fields were and are, but for values.
    Fields,
    /// Values too.
    Values,
}

/// What differs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiffReport {
    /// The parameters that differ, by name.
    pub differences: Vec<Difference>,
    /// Parameters that are on both sides and do not differ.
    pub unchanged: u64,
    /// Fields that a side does not say, and of how many of the parameters that both have.
    pub not_compared: BTreeMap<Field, u64>,
    /// Whether manifests alone were compared.
    pub by_manifest: bool,
    /// What whoever reads it should know.
    pub notes: Vec<String>,
}

impl DiffReport {
    /// How many differ in this way.
    pub fn count(&self, kind: DifferenceKind) -> usize {
        self.differences.iter().filter(|one| one.kind == kind).count()
    }

    /// Whether nothing differs, as far as it is known.
    pub fn is_equal(&self) -> bool {
        self.differences.is_empty()
    }
}

/// Says what differs between `before` and `after`.
///
/// # Errors
/// [`CompareError`], when a side cannot be read to its end or is not what its manifest says. Nothing is said of half a side.
pub async fn diff(
    context: &CompareContext,
    before: &Side,
    after: &Side,
    request: &DiffRequest,
    observer: &dyn Observer,
) -> Result<DiffReport, CompareError> {
    let mut reading = Reading {
        identities: &context.identities,
        selector: Arc::new(request.selector.clone()),
        open: false,
        observer,
    };
    let mut by_manifests = true;
    if !request.maps.is_empty() {
        // What is selected is known of what the names were, and not of what they are.
        reading.selector = Arc::default();
    }
    let (a, b) = match shared_manifests(before, after, &reading) {
        Some(listings) => listings,
        None => {
            by_manifests = false;
            list_both(context, before, after, &reading).await?
        }
    };
    let same_place = request.maps.is_empty() && before.target().is_some() && before.target() == after.target();
    let mut joined = join_both(a, b, request, same_place).await?;
    let mut notes = notes(before, after);
    if joined.without_fields > 0 {
        // An early manifest does not say enough; its document does.
        reading.open = true;
        let opened = async {
            let (a, b) = list_both(context, before, after, &reading).await?;
            join_both(a, b, request, same_place).await
        };
        match opened.await {
            Ok(opened) => (joined, by_manifests) = (opened, false),
            Err(error) => notes.push(format!(
                "only types, values and versions were compared: an early manifest says no more, and its snapshot could not be \
                 opened ({})",
                crate::report::chain(&error)
            )),
        }
    }
    let mut report = DiffReport {
        differences: joined.differences,
        unchanged: joined.unchanged,
        not_compared: joined.not_compared,
        by_manifest: by_manifests,
        notes,
    };
    if request.details > Details::Names {
        details::fill(context, before, after, &mut report.differences, request, observer).await?;
        report.by_manifest = false;
    }
    Ok(report)
}

/// Both sides by their manifests, where these have fingerprints under one key.
fn shared_manifests(before: &Side, after: &Side, reading: &Reading<'_>) -> Option<(Listing, Listing)> {
    match (before, after) {
        (Side::Snapshot { repository: a, entry: x }, Side::Snapshot { repository: b, entry: y })
            if x.summary.fingerprint_key == y.summary.fingerprint_key =>
        {
            let selector = || reading.selector.clone();
            Some((by_manifest(a, x, selector()), by_manifest(b, y, selector())))
        }
        _ => None,
    }
}

/// Both sides under one key: that of a snapshot, where it is to be had, so that at least this side need not be opened.
async fn list_both(
    context: &CompareContext,
    before: &Side,
    after: &Side,
    reading: &Reading<'_>,
) -> Result<(Listing, Listing), CompareError> {
    let mut key = None;
    for side in [before, after] {
        if let (Side::Snapshot { repository, entry }, None, false) = (side, &key, reading.open) {
            let id = &entry.summary.fingerprint_key;
            key = fingerprint_key::find(repository, id, context.signing_key.as_ref(), &context.identities).await;
        }
    }
    let key = key.unwrap_or_else(|| Arc::new(throwaway(context)));
    Ok((before.list(reading, &key).await?, after.list(reading, &key).await?))
}

/// A fingerprint key for one comparison.
pub(super) fn throwaway(context: &CompareContext) -> FingerprintKey {
    FingerprintKey::derive(&context.random, "a comparison")
}

async fn join_both(
    before: Listing,
    after: Listing,
    request: &DiffRequest,
    same_place: bool,
) -> Result<Joined, CompareError> {
    let met = mapped::Met::default();
    let (before, after) = match request.maps.as_slice() {
        [] => (before, after),
        maps => {
            let selector = Arc::new(request.selector.clone());
            let before = mapped::after(before, &[], selector.clone());
            (mapped::before(before, maps, met.clone()), mapped::after(after, maps, selector))
        }
    };
    let Listing { entries: a, done: a_done, unread: a_unread } = before;
    let Listing { entries: b, done: b_done, unread: b_unread } = after;
    let unread = Unread { before: a_unread, after: b_unread };
    let joining = spawn_blocking(move || join(a, b, unread, same_place));
    let (joined, a, b) = futures::join!(joining, a_done, b_done);
    a.and(b)?;
    if let Some(name) = met.get() {
        return Err(CompareError::NamesMeet(name.clone()));
    }
    joined.map_err(|_| CompareError::Interrupted)
}

/// What the two sides being different things means for what is said.
fn notes(before: &Side, after: &Side) -> Vec<String> {
    let mut notes = Vec::new();
    if let (Some(a), Some(b)) = (before.target(), after.target())
        && a != b
    {
        notes.push(format!("these are two targets: {a} and {b}"));
    }
    if let (Some(a), Some(b)) = (before.selector_text(), after.selector_text())
        && a != b
    {
        notes.push(format!(
            "they were selected differently ({a}; {b}), so what is created or deleted here may only have been left out"
        ));
    }
    notes
}
