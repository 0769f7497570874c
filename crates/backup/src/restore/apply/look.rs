//! Looks what is there, and says whether it is what a plan expects.

use std::collections::HashMap;

use jiff::Timestamp;
use parados_parameter::{
    GetManyOutcome, MAX_GET_NAMES, Operation, Parameter, ParameterName, Result, StoreError, StoreErrorKind, Version,
};

use super::ApplyContext;
use super::health::Health;
use crate::fingerprint::Fingerprint;
use crate::restore::change::{Change, Step};

/// The newest version of a parameter, as it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) version: Version,
    last_modified_date: Timestamp,
    fingerprint: Fingerprint,
}

/// The newest version of a parameter, as it is expected to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Expected {
    version: Version,
    /// Known of what was there before the plan.
    last_modified_date: Option<Timestamp>,
    fingerprint: Fingerprint,
}

/// What is there of each name, or why that cannot be known.
pub(super) type Looks = HashMap<ParameterName, Result<Option<Seen>>>;

/// What the plan expects before the step numbered `step`; none where the parameter is not there then.
pub(super) fn expected(change: &Change, step: usize) -> Option<Expected> {
    let live = change.live.as_ref().map(|live| Expected {
        version: live.version,
        last_modified_date: Some(live.last_modified_date),
        fingerprint: live.fingerprint,
    });
    change.steps.iter().take(step).fold(live, |expected, step| match step {
        Step::Put { makes, fingerprint, .. } => {
            Some(Expected { version: *makes, last_modified_date: None, fingerprint: *fingerprint })
        }
        Step::Delete => None,
        _ => expected,
    })
}

/// Whether what is there is what was expected.
pub(super) fn is_as_expected(seen: Option<Seen>, expected: Option<Expected>) -> bool {
    match (seen, expected) {
        (None, None) => true,
        (Some(seen), Some(expected)) => {
            seen.version == expected.version
                && seen.fingerprint == expected.fingerprint
                && expected.last_modified_date.is_none_or(|date| date == seen.last_modified_date)
        }
        _ => false,
    }
}

/// What is there, in words, for whoever wonders why a parameter was left alone.
pub(super) fn in_words(seen: Option<Seen>, expected: Option<Expected>) -> String {
    let was =
        expected.map_or("it was not there".to_owned(), |expected| format!("it was at version {}", expected.version));
    match seen {
        None => format!("it was deleted since the plan was made: {was}"),
        Some(Seen { version, last_modified_date, .. }) => {
            format!(
                "it was changed since the plan was made: {was}, and is at version {version} of {last_modified_date}"
            )
        }
    }
}

/// Looks at `names`, at most ten a call.
pub(super) async fn look(context: &ApplyContext, health: &Health, names: &[ParameterName]) -> Looks {
    let mut looks = Looks::new();
    for batch in names.chunks(MAX_GET_NAMES) {
        match get_many(context, health, batch).await {
            Ok(found) => looks.extend(found),
            // One value that cannot be decrypted, or one name that may not be read, fails all ten.
            Err(error) if batch.len() > 1 && !error.kind.is_transient() && health.fatal().is_none() => {
                for name in batch {
                    match get_many(context, health, std::slice::from_ref(name)).await {
                        Ok(found) => looks.extend(found),
                        Err(error) => drop(looks.insert(name.clone(), Err(error))),
                    }
                }
            }
            Err(error) => looks.extend(batch.iter().map(|name| (name.clone(), Err(error.clone())))),
        }
    }
    looks
}

/// Looks at one name.
pub(super) async fn look_at(context: &ApplyContext, health: &Health, name: &ParameterName) -> Result<Option<Seen>> {
    look(context, health, std::slice::from_ref(name)).await.remove(name).unwrap_or_else(|| Err(silent(name)))
}

/// An answer that does not mention what was asked is no answer.
pub(super) fn silent(name: &ParameterName) -> StoreError {
    let message = "the store's answer does not mention it";
    StoreError::new(Operation::GetParameters, name, StoreErrorKind::InvalidResponse, message)
}

async fn get_many(context: &ApplyContext, health: &Health, names: &[ParameterName]) -> Result<Looks> {
    let outcome = context.store.get_many(names).await;
    health.note(Operation::GetParameters, &outcome);
    let GetManyOutcome { parameters, invalid } = outcome?;
    let seen = |parameter: Parameter| {
        let seen = Seen {
            version: parameter.version,
            last_modified_date: parameter.last_modified_date,
            fingerprint: context.fingerprints.value(&parameter.value),
        };
        (parameter.name, Ok(Some(seen)))
    };
    Ok(parameters.into_iter().map(seen).chain(invalid.into_iter().map(|name| (name, Ok(None)))).collect())
}
