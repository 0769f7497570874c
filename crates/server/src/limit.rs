//! How often may be called: a bucket of tokens for each principal, and for each account and Region, and each group of operations.
//!
//! The buckets are this process's own: behind several servers, each gives the whole rate.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use parados_parameter::decorator::quota::{Bucket, Quotas, Rate};
use parados_parameter::{AccountRegion, QuotaGroup};
use serde::Deserialize;
use thiserror::Error;
use tokio::time::Instant;

/// Most buckets that are kept for one kind of caller. When there are more, those begin anew, full.
const MAX_CALLERS: usize = 16 * 1024;

/// What is limited, and to what.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RateLimits {
    /// Of each account in each Region, all principals together.
    pub account: Quotas,
    /// Of each principal, in all Regions together.
    pub principal: Quotas,
}

/// A rate that is none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the rate of {group:?} of each {whose} is not one: per_second is above 0, and burst at least 1")]
pub struct InvalidRate {
    group: QuotaGroup,
    whose: &'static str,
}

impl RateLimits {
    /// AWS's own, which are an account's.
    pub fn aws() -> Self {
        Self { account: Quotas::aws_default(), principal: Quotas::default() }
    }

    /// Those of a file.
    ///
    /// # Errors
    /// A rate that is none.
    pub fn of_file(file: RateLimitsFile) -> Result<Self, InvalidRate> {
        let quotas = |whose, rates: BTreeMap<Group, RateOfFile>| {
            let rates = rates.into_iter().map(|(group, rate)| {
                let group = group.into();
                let is_one =
                    rate.per_second.is_finite() && rate.per_second > 0.0 && rate.burst.is_finite() && rate.burst >= 1.0;
                if is_one {
                    Ok((group, Rate { per_second: rate.per_second, burst: rate.burst }))
                } else {
                    Err(InvalidRate { group, whose })
                }
            });
            Ok(Quotas { rates: rates.collect::<Result<_, _>>()? })
        };
        Ok(Self { account: quotas("account", file.account)?, principal: quotas("principal", file.principal)? })
    }
}

/// Rates as a file has them: `{"principal": {"get": {"per_second": 100, "burst": 200}}}`. What is not there is not limited.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimitsFile {
    account: BTreeMap<Group, RateOfFile>,
    principal: BTreeMap<Group, RateOfFile>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RateOfFile {
    per_second: f64,
    burst: f64,
}

/// A [`QuotaGroup`] as files name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Group {
    Describe,
    Get,
    History,
    Tags,
    Put,
    Delete,
    Annotate,
}

impl From<Group> for QuotaGroup {
    fn from(group: Group) -> Self {
        match group {
            Group::Describe => Self::Describe,
            Group::Get => Self::Get,
            Group::History => Self::History,
            Group::Tags => Self::Tags,
            Group::Put => Self::Put,
            Group::Delete => Self::Delete,
            Group::Annotate => Self::Annotate,
        }
    }
}

/// The buckets.
#[derive(Debug)]
pub struct Limiter {
    limits: RateLimits,
    principals: Mutex<HashMap<String, Buckets>>,
    accounts: Mutex<HashMap<AccountRegion, Buckets>>,
}

type Buckets = BTreeMap<QuotaGroup, Bucket>;

impl Limiter {
    /// Full buckets for everybody.
    pub fn new(limits: RateLimits) -> Self {
        Self { limits, principals: Mutex::default(), accounts: Mutex::default() }
    }

    /// Takes a token for one call, first of the principal's and then of the account's: who calls too often does not use up what the
    /// others of the account have. It says whether there was one.
    pub fn admit(&self, principal: &str, place: &AccountRegion, group: QuotaGroup) -> bool {
        take(&self.principals, &self.limits.principal, principal, group)
            && take(&self.accounts, &self.limits.account, place, group)
    }
}

fn take<K, Q>(all: &Mutex<HashMap<K, Buckets>>, quotas: &Quotas, whose: &Q, group: QuotaGroup) -> bool
where
    K: Borrow<Q> + Eq + std::hash::Hash,
    Q: Eq + std::hash::Hash + ToOwned<Owned = K> + ?Sized,
{
    let Some(rate) = quotas.rates.get(&group) else { return true };
    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(buckets) = all.get_mut(whose) {
        return buckets.entry(group).or_insert_with(|| Bucket::full(*rate)).take(Instant::now());
    }
    if all.len() >= MAX_CALLERS {
        all.clear();
    }
    let buckets = all.entry(whose.to_owned()).or_default();
    buckets.entry(group).or_insert_with(|| Bucket::full(*rate)).take(Instant::now())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn place(account: &str) -> AccountRegion {
        AccountRegion::new(account, "eu-west-1").unwrap()
    }

    fn limits(text: &str) -> Result<RateLimits, InvalidRate> {
        RateLimits::of_file(serde_json::from_str(text).unwrap())
    }

    fn passed(limiter: &Limiter, principal: &str, place: &AccountRegion, calls: usize) -> usize {
        (0..calls).filter(|_| limiter.admit(principal, place, QuotaGroup::Get)).count()
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_limited_unless_it_is_said() {
        let limiter = Limiter::new(RateLimits::default());
        assert_eq!(passed(&limiter, "alice", &place("123456789012"), 10_000), 10_000);
    }

    #[tokio::test(start_paused = true)]
    async fn an_account_has_aws_s_quotas_in_each_region() {
        let limiter = Limiter::new(RateLimits::aws());
        let one = place("123456789012");
        assert_eq!(passed(&limiter, "alice", &one, 15) + passed(&limiter, "bob", &one, 15), 20, "they share a burst");
        assert_eq!(passed(&limiter, "alice", &place("210987654321"), 30), 20);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(passed(&limiter, "alice", &one, 100), 20, "the bucket holds no more than the burst");
        assert!(limiter.admit("alice", &one, QuotaGroup::Put), "another group has its own");
    }

    #[tokio::test(start_paused = true)]
    async fn a_principal_that_calls_too_often_leaves_the_others_theirs() {
        let text = r#"{"principal": {"get": {"per_second": 1, "burst": 5}}, "account": {"get": {"per_second": 1, "burst": 10}}}"#;
        let limiter = Limiter::new(limits(text).unwrap());
        let one = place("123456789012");
        assert_eq!(passed(&limiter, "alice", &one, 1000), 5);
        assert_eq!(passed(&limiter, "bob", &one, 1000), 5);
        assert_eq!(passed(&limiter, "carol", &one, 1000), 0);
    }

    #[test]
    fn a_rate_that_is_none_is_refused() {
        for rate in [
            r#"{"per_second": 0, "burst": 1}"#,
            r#"{"per_second": 1, "burst": 0.5}"#,
            r#"{"per_second": -1, "burst": 1}"#,
        ] {
            assert!(limits(&format!(r#"{{"account": {{"put": {rate}}}}}"#)).is_err(), "{rate}");
        }
        assert!(
            serde_json::from_str::<RateLimitsFile>(r#"{"account": {"fetch": {"per_second": 1, "burst": 1}}}"#).is_err()
        );
    }
}
