//! What a configuration may not say although each of its values is one: settings that contradict one another.

use std::collections::BTreeSet;

use serde_saphyr::{Location, Spanned};

use super::error::Problem;
use super::file::{ConfigFile, EncryptionAlgorithm, EncryptionSection, KeepSection, QuotaSection, TargetSection};
use super::value::{Name, StoreChoice};

type Check = Result<(), Problem>;

/// Checks what a file says as a whole.
pub(super) fn check(file: &ConfigFile) -> Check {
    if file.version.value != 1 {
        return refuse(
            file.version.referenced,
            format!("this release reads version 1, and this file says {}", file.version.value),
            "write `version: 1`, or use the release that the file was written for",
        );
    }
    if file.environments.value.is_empty() {
        return refuse(file.environments.referenced, "there is no environment", "name one: `environments: {dev: {}}`");
    }
    check_encryption(file.encryption.as_ref())?;
    check_quota(file.quota.as_ref())?;
    check_keep(file.keep.as_ref())?;
    check_targets(file.targets.as_ref(), file.store.as_ref().map(|store| &store.0))?;
    for (name, environment) in &file.environments.value {
        if let Err(error) = name.parse::<Name>() {
            return refuse(file.environments.referenced, error.to_string(), "rename the environment");
        }
        let Some(environment) = environment else { continue };
        check_encryption(environment.encryption.as_ref())?;
        check_quota(environment.quota.as_ref())?;
        check_keep(environment.keep.as_ref())?;
        let store = environment.store.as_ref().or(file.store.as_ref()).map(|store| &store.0);
        check_targets(environment.targets.as_ref(), store)?;
    }
    Ok(())
}

fn refuse(location: Location, message: impl Into<String>, hint: impl Into<String>) -> Check {
    Err(Problem { location, message: message.into(), hint: hint.into() })
}

fn check_encryption(encryption: Option<&Spanned<EncryptionSection>>) -> Check {
    let Some(Spanned { value, referenced, .. }) = encryption else { return Ok(()) };
    match (value.algorithm, &value.key) {
        (EncryptionAlgorithm::AwsKms, None) => {
            refuse(*referenced, "the algorithm aws:kms needs a key", "add `key: alias/…`, or write `algorithm: AES256`")
        }
        (EncryptionAlgorithm::Aes256, Some(_)) => {
            refuse(*referenced, "the algorithm AES256 takes no key", "write `algorithm: aws:kms`, or take the key out")
        }
        _ => Ok(()),
    }
}

fn check_quota(quota: Option<&Spanned<QuotaSection>>) -> Check {
    let Some(Spanned { value, referenced, .. }) = quota else { return Ok(()) };
    if let Some(share) = value.share
        && !(share > 0.0 && share <= 1.0)
    {
        return refuse(*referenced, format!("the share {share} is not one"), "write more than 0 and at most 1, as 0.5");
    }
    let rates = &value.rates;
    let groups = [rates.describe, rates.get, rates.history, rates.tags, rates.put, rates.delete, rates.annotate]
        .map(|rate| rate.is_none_or(|rate| rate.per_second > 0.0 && rate.burst.is_none_or(|burst| burst >= 1.0)));
    if groups.contains(&false) {
        return refuse(*referenced, "a rate is not one", "write a per_second of more than 0 and a burst of at least 1");
    }
    if value.unlimited && value.share.is_some() {
        return refuse(*referenced, "a share of no limit is none", "take `share` or `unlimited` out");
    }
    Ok(())
}

fn check_keep(keep: Option<&Spanned<KeepSection>>) -> Check {
    let Some(Spanned { value, referenced, .. }) = keep else { return Ok(()) };
    let KeepSection { last, hourly, daily, weekly, monthly, yearly, within, grace: _ } = value;
    let numbers = [last, hourly, daily, weekly, monthly, yearly].map(|number| number.unwrap_or(0));
    match numbers.iter().all(|number| *number == 0) && within.is_none() {
        true => refuse(
            *referenced,
            "nothing would be kept but the last good snapshot",
            "say what to keep, as `keep: {last: 7, monthly: 12}`, or take `keep` out",
        ),
        false => Ok(()),
    }
}

fn check_targets(targets: Option<&Spanned<Vec<TargetSection>>>, store: Option<&StoreChoice>) -> Check {
    let Some(Spanned { value: targets, referenced, .. }) = targets else { return Ok(()) };
    if targets.is_empty() {
        return refuse(
            *referenced,
            "there is no target",
            "name one, or take `targets` out for the credentials at hand",
        );
    }
    if matches!(store, Some(StoreChoice::Embedded(_) | StoreChoice::Postgres(_))) {
        return refuse(*referenced, "a store of one's own has no targets", "take `targets` out, or write `store: aws`");
    }
    let (mut seen, mut places) = (BTreeSet::new(), BTreeSet::new());
    for target in targets {
        if let (Some(account), Some(role)) = (&target.account, &target.role_arn)
            && account.0.as_str() != role.0.account()
        {
            return refuse(
                *referenced,
                format!("the role {} is not in the account {}", role.0, account.0),
                "name a role of that account, or correct the account",
            );
        }
        let account = target.account.as_ref().map(|account| account.0.as_str());
        let account = account.or_else(|| target.role_arn.as_ref().map(|role| role.0.account()));
        if let (Some(account), Some(region)) = (account, &target.region)
            && !places.insert((account, &region.0))
        {
            return refuse(
                *referenced,
                format!("two targets are the account {account} in {}", region.0),
                "take one of the two out: each account and Region has one chain of snapshots",
            );
        }
        let label = |name: &super::value::Name| name.as_str().to_owned();
        if let Some(name) = target.name.as_ref().map(|name| label(&name.0))
            && !seen.insert(name.clone())
        {
            return refuse(*referenced, format!("two targets are called {name}"), "give each a name of its own");
        }
    }
    Ok(())
}
