//! Whether the keys that a plan encrypts under exist and can be used, looked at before anything is written.

use std::collections::BTreeMap;

use parados_parameter::{EncryptionContext, KeyId, KeyManagement, KeyManagementError, ParameterName};

use super::change::{Action, Change, Step, Warning, WarningKind};
use super::plan::StoreIdentity;
use crate::target::StoreKind;

/// Tries each key once, and makes what would be encrypted under one that cannot be used impossible. AWS makes its own key when it
/// first needs it, so that one is not tried. An embedded store encrypts under none.
pub(super) async fn check(key_management: &dyn KeyManagement, into: &StoreIdentity, changes: &mut [Change]) {
    if into.kind != StoreKind::Aws {
        return;
    }
    let mut keys: BTreeMap<KeyId, ParameterName> = BTreeMap::new();
    for change in changes.iter() {
        for key in put_keys(change).filter(|key| **key != KeyId::aws_managed()) {
            keys.entry(key.clone()).or_insert_with(|| change.name.clone());
        }
    }
    let tries = keys.into_iter().map(async |(key, name)| {
        let problem = match another_region(&key, &into.region) {
            Some(region) => Some(Problem::Unusable(format!("it is in {region}, and the store is not"))),
            None => {
                // What Parameter Store itself says to KMS, in case the key's policy asks for it.
                let arn = name.arn(into.partition(), &into.region, &into.account);
                let said = EncryptionContext::from([("PARAMETER_ARN".to_owned(), arn)]);
                let tried = key_management.encrypt(&key, b"parados", &said).await;
                tried.err().map(|error| Problem::of(&error))
            }
        };
        Some((key, problem?))
    });
    let problems: BTreeMap<_, _> = futures::future::join_all(tries).await.into_iter().flatten().collect();
    for change in changes {
        let found = put_keys(change).find_map(|key| Some((key.clone(), problems.get(key)?)));
        match found {
            Some((key, Problem::Unusable(reason))) => {
                change.action = Action::Impossible;
                change.steps.clear();
                change.reason = Some(format!("the key {key} cannot be used: {reason}"));
                change.warnings.clear();
            }
            Some((key, Problem::Unknown(reason))) => {
                let message = format!("whether the key {key} can be used is not known: {reason}");
                change.warnings.push(Warning { kind: WarningKind::UnusableKey, message });
            }
            None => {}
        }
    }
}

/// What is wrong with a key.
enum Problem {
    /// It cannot be used.
    Unusable(String),
    /// Trying it said nothing: many keys are open to Parameter Store and not to those that use it.
    Unknown(String),
}

impl Problem {
    fn of(error: &KeyManagementError) -> Self {
        match ["NotFound", "Disabled", "InvalidState", "InvalidKeyUsage", "InvalidArn"]
            .iter()
            .any(|code| error.message.contains(code))
        {
            true => Self::Unusable(error.message.clone()),
            false => Self::Unknown(error.message.clone()),
        }
    }
}

fn put_keys(change: &Change) -> impl Iterator<Item = &KeyId> {
    change.steps.iter().filter_map(|step| match step {
        Step::Put { put, .. } => put.key_id.as_ref(),
        _ => None,
    })
}

/// The Region in a key's ARN, where it is not `region`.
fn another_region<'a>(key: &'a KeyId, region: &str) -> Option<&'a str> {
    let of_key = key.as_str().strip_prefix("arn:")?.split(':').nth(2)?;
    (!of_key.is_empty() && of_key != region).then_some(of_key)
}
