//! The parameters of a small shop: what they are, how they came to be, and what changes on one day.

use std::time::Duration;

use jiff::Timestamp;
use parados_parameter::{
    AllowedPattern, Description, Invalid, ParameterName, ParameterType, Policy, PutRequest, Secret, Tag, TierRequest,
    Version,
};
use rand::{Rng, RngExt as _};
use schemars::JsonSchema;
use serde::Serialize;

use self::Kind::{List, Sealed, Text};

/// The environments, in the order in which they are backed up.
pub(super) const ENVIRONMENTS: [&str; 2] = ["dev", "prod"];
/// The parameter that bears labels.
const RELEASE: &str = "deploy/release";
/// How long ago the parameters were created.
const AGE: Duration = days(200);

const fn days(days: u64) -> Duration {
    Duration::from_hours(24 * days)
}

/// What a value is. `{}` in it stands for the environment.
#[derive(Clone, Copy)]
enum Kind {
    Text(&'static str),
    List(&'static str),
    /// A secret that begins like this; the rest is random.
    Sealed(&'static str),
}

/// Name, value, and what it is for.
const PARAMETERS: [(&str, Kind, &str); 30] = [
    ("cache/ttl-seconds", Text("300"), "How long the catalogue is cached"),
    ("cache/url", Text("redis://cache.{}.shop.example:6379"), "The cache"),
    ("db/host", Text("db.{}.shop.example"), "The database"),
    ("db/name", Text("shop"), "Its name"),
    ("db/password", Sealed(""), "Its password; rotated every quarter"),
    ("db/pool-size", Text("20"), "Connections of each server"),
    ("db/port", Text("5432"), "Its port"),
    ("db/replicas", List("db-r1.{}.shop.example,db-r2.{}.shop.example"), "Its read replicas"),
    ("db/user", Text("shop_app"), "Its user"),
    (RELEASE, Text("2026.1"), "What is deployed; the labels say where"),
    ("features/enabled", List("wishlist,reviews"), "What customers see"),
    ("mail/from", Text("orders@{}.shop.example"), "The sender of receipts"),
    ("mail/password", Sealed(""), "The password of the mail relay"),
    ("mail/relay", Text("smtp.{}.shop.example"), "The mail relay"),
    ("mail/user", Text("receipts"), "Its user"),
    ("partners/catalogue-token", Sealed("cat_"), "The supplier's token; it expires"),
    ("payments/api-key", Sealed("pay_"), "The key of the payment provider"),
    ("payments/currencies", List("EUR,CHF,GBP"), "What can be paid with"),
    ("payments/merchant", Text("shop-{}"), "Our name there"),
    ("payments/url", Text("https://api.payments.example/v2"), "The payment provider"),
    ("payments/webhook-secret", Sealed("whk_"), "Signs what the provider tells us"),
    ("queue/dead-letters", Text("https://queue.{}.shop.example/dead-letters"), "Orders that failed"),
    ("queue/orders", Text("https://queue.{}.shop.example/orders"), "Orders"),
    ("search/api-key", Sealed("srch_"), "The key of the search service"),
    ("search/index", Text("catalogue-{}"), "The index"),
    ("search/url", Text("https://search.{}.shop.example"), "The search service"),
    ("web/allowed-origins", List("https://{}.shop.example,https://admin.{}.shop.example"), "For CORS"),
    ("web/domain", Text("{}.shop.example"), "Where the shop is"),
    ("web/log-level", Text("info"), "How much is logged"),
    ("web/session-secret", Sealed(""), "Signs sessions"),
];

/// Some puts, and how much later than those before.
pub(super) struct Chapter {
    /// How much later.
    pub(super) after: Duration,
    /// What is put, in one go.
    pub(super) puts: Vec<PutRequest>,
    /// The labels that are then put on a version.
    pub(super) labels: Vec<(ParameterName, Version, &'static str)>,
}

/// When the first chapter is, where it is `now`.
pub(super) fn beginning(now: Timestamp) -> Timestamp {
    // Only a clock at the beginning of time has no such day before it.
    now.checked_sub(AGE).unwrap_or(now)
}

/// How the parameters came to be.
pub(super) fn past(now: Timestamp, rng: &mut impl Rng) -> Result<Vec<Chapter>, Invalid> {
    let (mut created, mut rotated, mut released, mut labels) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for environment in ENVIRONMENTS {
        for (name, kind, description) in PARAMETERS {
            created.push(create(environment, name, kind, description, now, rng)?);
        }
        rotated.push(overwrite(environment, "db/password", secret("", rng))?);
        rotated.push(overwrite(environment, RELEASE, Secret::new("2026.2"))?);
        released.push(overwrite(environment, RELEASE, Secret::new("2026.3"))?);
        let second = Version::FIRST.next();
        labels.push((name(environment, RELEASE)?, second, "stable"));
        labels.push((name(environment, RELEASE)?, second.next(), "canary"));
    }
    Ok(vec![
        Chapter { after: Duration::ZERO, puts: created, labels: Vec::new() },
        Chapter { after: days(130), puts: rotated, labels: Vec::new() },
        Chapter { after: days(68), puts: released, labels },
    ])
}

/// What is changed between the two backups.
#[derive(Debug)]
pub(super) enum Change {
    /// A parameter is created, or gets a further version.
    Put(PutRequest, &'static str),
    /// A parameter is deleted.
    Delete(ParameterName, &'static str),
    /// A label is moved to the newest version.
    Label(ParameterName, &'static str),
}

/// All that is changed.
pub(super) fn day(rng: &mut impl Rng) -> Result<Vec<Change>, Invalid> {
    let refunds = PutRequest {
        description: Some(Description::parse("Where refunds are asked for")?),
        tags: tags("prod", "payments")?,
        ..PutRequest::new(name("prod", "payments/refund-url")?, Secret::new("https://api.payments.example/v2/refunds"))
    };
    Ok(vec![
        Change::Put(overwrite("dev", "web/log-level", Secret::new("debug"))?, "to hunt a bug"),
        Change::Put(overwrite("prod", "db/password", secret("", rng))?, "rotated"),
        Change::Put(
            overwrite("prod", "features/enabled", Secret::new("wishlist,reviews,gift-cards"))?,
            "gift cards go live",
        ),
        Change::Put(refunds, "new"),
        Change::Delete(name("prod", "cache/ttl-seconds")?, "nobody reads it any more"),
        Change::Label(name("prod", RELEASE)?, "stable"),
    ])
}

/// A change as it is told.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ChangeView {
    /// What was done: `updated`, `created`, `deleted` or `label moved`.
    pub(super) what: &'static str,
    /// To which parameter.
    pub(super) name: String,
    /// Why, or how.
    pub(super) note: String,
}

impl ChangeView {
    /// `change` in words.
    pub(super) fn of(change: &Change) -> Self {
        let (what, name, note) = match change {
            Change::Put(put, why) if put.overwrite => ("updated", &put.name, (*why).to_owned()),
            Change::Put(put, why) => ("created", &put.name, (*why).to_owned()),
            Change::Delete(name, why) => ("deleted", name, (*why).to_owned()),
            Change::Label(name, label) => ("label moved", name, format!("`{label}` to the newest version")),
        };
        Self { what, name: name.to_string(), note }
    }
}

fn create(
    environment: &str,
    path: &str,
    kind: Kind,
    description: &str,
    now: Timestamp,
    rng: &mut impl Rng,
) -> Result<PutRequest, Invalid> {
    let of_environment = |text: &str| Secret::new(text.replace("{}", environment));
    let (parameter_type, value) = match kind {
        Text(text) => (ParameterType::String, of_environment(text)),
        List(text) => (ParameterType::StringList, of_environment(text)),
        Sealed(prefix) => (ParameterType::SecureString, secret(prefix, rng)),
    };
    let service = path.split_once('/').map_or(path, |(service, _)| service);
    let mut put = PutRequest {
        parameter_type: Some(parameter_type),
        description: Some(Description::parse(description)?),
        tags: tags(environment, service)?,
        ..PutRequest::new(name(environment, path)?, value)
    };
    match path {
        "db/port" | "db/pool-size" | "cache/ttl-seconds" => {
            put.allowed_pattern = Some(AllowedPattern::parse("^[0-9]+$")?)
        }
        "web/log-level" => put.allowed_pattern = Some(AllowedPattern::parse("^(debug|info|warn|error)$")?),
        "partners/catalogue-token" => {
            put.tier = Some(TierRequest::Advanced);
            put.policies = Some(expires(now)?);
        }
        _ => {}
    }
    Ok(put)
}

/// The policies of what expires in half a year, and says so a week before.
fn expires(now: Timestamp) -> Result<Vec<Policy>, Invalid> {
    // Only a clock at the end of time has no half year before it.
    let at = now.checked_add(days(182)).unwrap_or(now).strftime("%Y-%m-%dT00:00:00Z").to_string();
    let policy = |kind: &str, attributes: serde_json::Value| serde_json::json!({"Type": kind, "Version": "1.0", "Attributes": attributes});
    let policies = serde_json::json!([
        policy("Expiration", serde_json::json!({ "Timestamp": at })),
        policy("ExpirationNotification", serde_json::json!({ "Before": "7", "Unit": "Days" })),
    ]);
    Policy::parse_list(&policies.to_string())
}

fn overwrite(environment: &str, path: &str, value: Secret) -> Result<PutRequest, Invalid> {
    Ok(PutRequest { overwrite: true, ..PutRequest::new(name(environment, path)?, value) })
}

fn name(environment: &str, path: &str) -> Result<ParameterName, Invalid> {
    ParameterName::parse(&format!("/shop/{environment}/{path}"))
}

fn tags(environment: &str, service: &str) -> Result<Vec<Tag>, Invalid> {
    let team = match service {
        "payments" | "partners" => "finance",
        "db" | "cache" | "queue" | "deploy" => "platform",
        _ => "storefront",
    };
    Ok(vec![Tag::new("environment", environment)?, Tag::new("service", service)?, Tag::new("team", team)?])
}

fn secret(prefix: &str, rng: &mut impl Rng) -> Secret {
    Secret::new(format!("{prefix}{:032x}", rng.random::<u128>()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_shop_has_every_kind_of_parameter() {
        let now = "2026-03-01T12:00:00Z".parse().unwrap();
        let past = past(now, &mut rand::rng()).unwrap();
        let created = &past[0].puts;
        assert_eq!(created.len(), 60);
        let names: BTreeSet<_> = created.iter().map(|put| put.name.to_string()).collect();
        assert_eq!(names.len(), 60);
        let types: BTreeSet<_> = created.iter().filter_map(|put| put.parameter_type).collect();
        assert_eq!(types.len(), 3);
        let advanced = created.iter().find(|put| put.tier == Some(TierRequest::Advanced)).unwrap();
        assert!(advanced.policies.as_ref().unwrap()[0].policy_text.contains("2026-08-30T00:00:00Z"));
        assert!(past.iter().map(|chapter| chapter.after).sum::<Duration>() < AGE);
    }
}
