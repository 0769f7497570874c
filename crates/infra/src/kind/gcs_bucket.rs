//! `gcp:storage:Bucket`: a bucket of Google Cloud Storage, by its JSON interface. Each setting is a property of the bucket, which a patch
//! changes alone.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{At, Contents, Created, Live, Outputs, Resource, known};
use crate::cloud::{Cloud, Result, absent};

/// What a bucket says whose it is by: a label has lower-case letters, digits, `_` and `-`, so there are two.
const OWNER: [&str; 2] = ["parados-project", "parados-environment"];
const GONE: [&str; 2] = ["notFound", "404"];
const DAY: u64 = 24 * 60 * 60;

/// A bucket of Google Cloud Storage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GcsBucket {
    /// The project of Google's that it is in.
    pub project: String,
    /// The name, which no other bucket of anybody may have.
    pub name: String,
    /// Where it is, as `EU` or `europe-west1`.
    pub location: String,
    /// How often it is read. By default `STANDARD`.
    #[serde(default = "standard")]
    pub storage_class: String,
    /// Who may be let in. By default nobody is who is anybody, and IAM alone decides.
    #[serde(default)]
    pub access: Access,
    /// Whether older generations of objects are kept. By default not.
    #[serde(default)]
    pub versioning: bool,
    /// For how many days each object can neither be changed nor deleted.
    #[serde(default)]
    pub retention_days: Option<u64>,
    /// What is removed when.
    #[serde(default)]
    pub lifecycle: Vec<LifecycleRule>,
    /// The labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// Who may be let into a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Access {
    /// IAM alone decides, and objects have no ACLs.
    #[serde(default = "yes")]
    pub uniform: bool,
    /// Nobody can be let in who is anybody.
    #[serde(default = "yes")]
    pub prevent_public: bool,
}

impl Access {
    /// As Google says whether nobody can be let in who is anybody.
    pub(crate) fn prevention(self) -> &'static str {
        if self.prevent_public { "enforced" } else { "inherited" }
    }
}

impl Default for Access {
    fn default() -> Self {
        Self { uniform: true, prevent_public: true }
    }
}

/// When objects are removed: every condition that is said has to hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LifecycleRule {
    /// Of which keys: those that begin with this. By default of all.
    #[serde(default)]
    pub prefix: String,
    /// After how many days an object is removed.
    #[serde(default)]
    pub expiration_days: Option<u64>,
    /// After how many days an older generation is removed.
    #[serde(default)]
    pub noncurrent_expiration_days: Option<u64>,
    /// After how many days an upload that was begun and not completed is given up. Not together with the others.
    #[serde(default)]
    pub abort_uploads_days: Option<u64>,
}

impl LifecycleRule {
    /// What is done, as Google calls it, and after how many days.
    pub(crate) fn action(&self) -> (&'static str, Option<u64>) {
        match self.abort_uploads_days {
            Some(days) => ("AbortIncompleteMultipartUpload", Some(days)),
            None => ("Delete", self.expiration_days),
        }
    }

    fn to_google(&self) -> Value {
        let (action, age) = self.action();
        let mut condition = json!({});
        let mut say = |name: &str, value: Option<Value>| value.map(|value| condition[name] = value);
        say("age", age.map(Value::from));
        say("daysSinceNoncurrentTime", self.noncurrent_expiration_days.map(Value::from));
        say("matchesPrefix", (!self.prefix.is_empty()).then(|| json!([self.prefix])));
        json!({"action": {"type": action}, "condition": condition})
    }

    /// A rule that was read; as Google says it where it is none that can be declared, so that it is seen to differ.
    fn observed(rule: &Value) -> Value {
        let condition = &rule["condition"];
        let aborts = rule["action"]["type"] == "AbortIncompleteMultipartUpload";
        let age = condition["age"].as_u64();
        let said = Self {
            prefix: condition["matchesPrefix"][0].as_str().unwrap_or_default().to_owned(),
            expiration_days: age.filter(|_| !aborts),
            noncurrent_expiration_days: condition["daysSinceNoncurrentTime"].as_u64(),
            abort_uploads_days: age.filter(|_| aborts),
        };
        if said.to_google() == *rule { json!(said) } else { rule.clone() }
    }
}

impl GcsBucket {
    /// One property, as Google has it, and what it is called there.
    fn property(&self, at: &At, field: &str) -> Option<(&'static str, Value)> {
        Some(match field {
            "storage_class" => ("storageClass", json!(self.storage_class)),
            "access" => {
                let uniform = json!({"enabled": self.access.uniform});
                let prevention = self.access.prevention();
                let access = json!({"uniformBucketLevelAccess": uniform, "publicAccessPrevention": prevention});
                ("iamConfiguration", access)
            }
            "versioning" => ("versioning", json!({"enabled": self.versioning})),
            "retention_days" => {
                let period = self.retention_seconds().map(|seconds| json!({"retentionPeriod": seconds.to_string()}));
                ("retentionPolicy", json!(period))
            }
            "lifecycle" => {
                let rules: Vec<Value> = self.lifecycle.iter().map(LifecycleRule::to_google).collect();
                ("lifecycle", json!({"rule": rules}))
            }
            "labels" => ("labels", json!(self.all_labels(at))),
            _ => return None,
        })
    }

    /// For how long each object can neither be changed nor deleted.
    pub(crate) fn retention_seconds(&self) -> Option<u64> {
        self.retention_days.map(|days| days * DAY)
    }

    pub(crate) fn all_labels(&self, at: &At) -> BTreeMap<String, String> {
        let (project, environment) = at.owner.split_once('/').unwrap_or((&at.owner, ""));
        let mut labels = self.labels.clone();
        labels.extend(OWNER.into_iter().map(str::to_owned).zip([project.to_owned(), environment.to_owned()]));
        labels
    }
}

impl Resource for GcsBucket {
    fn id(&self, _: &At) -> Option<String> {
        Some(self.name.clone())
    }

    fn named(id: &str) -> Option<Value> {
        // The project is not told by a bucket, but by its number.
        Some(json!({"name": id, "project": "", "location": ""}))
    }

    fn fields(&self, at: &At) -> Vec<(&'static str, Value)> {
        vec![
            ("location", json!(self.location.to_uppercase())),
            ("storage_class", json!(self.storage_class)),
            ("access", json!(self.access)),
            ("versioning", json!(self.versioning)),
            ("retention_days", json!(self.retention_days)),
            ("lifecycle", json!(self.lifecycle)),
            ("labels", json!(self.all_labels(at))),
        ]
    }

    fn fixed(&self) -> &'static [&'static str] {
        &["location"]
    }

    fn created_with(&self) -> &'static [&'static str] {
        &["location"]
    }

    fn outputs(&self, _: &At, _: Option<&Live>) -> Outputs {
        known([("name", self.name.clone()), ("url", format!("gs://{}", self.name))])
    }

    async fn read(&self, cloud: &Cloud, _: &At, _: Option<&str>) -> Result<Option<Live>> {
        let get = call(cloud, "storage.buckets.get", &self.name, (Method::GET, of(&self.name)), None).await;
        let Some(bucket) = absent(get, &GONE)? else { return Ok(None) };
        let labels = labels(&bucket);
        let iam = &bucket["iamConfiguration"];
        let retention = bucket["retentionPolicy"]["retentionPeriod"].as_str().and_then(|text| text.parse::<u64>().ok());
        let rules = bucket["lifecycle"]["rule"].as_array().cloned().unwrap_or_default();
        let owner = OWNER.map(|label| labels.get(label).cloned());
        Ok(Some(Live {
            id: self.name.clone(),
            owner: match owner {
                [Some(project), Some(environment)] => Some(format!("{project}/{environment}")),
                _ => None,
            },
            fields: BTreeMap::from([
                ("location".to_owned(), bucket["location"].clone()),
                ("storage_class".to_owned(), bucket["storageClass"].clone()),
                (
                    "access".to_owned(),
                    json!({
                        "uniform": iam["uniformBucketLevelAccess"]["enabled"].as_bool().unwrap_or_default(),
                        "prevent_public": iam["publicAccessPrevention"] == "enforced",
                    }),
                ),
                ("versioning".to_owned(), json!(bucket["versioning"]["enabled"].as_bool().unwrap_or_default())),
                ("retention_days".to_owned(), json!(retention.map(|seconds| seconds / DAY))),
                ("lifecycle".to_owned(), rules.iter().map(LifecycleRule::observed).collect()),
                ("labels".to_owned(), json!(labels)),
            ]),
            ..Live::default()
        }))
    }

    async fn create(&self, cloud: &Cloud, _: &At) -> Result<Created> {
        let body = json!({"name": self.name, "location": self.location, "iamConfiguration": {"publicAccessPrevention": "enforced"}});
        let path = format!("/b?project={}", self.project);
        let create = call(cloud, "storage.buckets.create", &self.name, (Method::POST, path), Some(&body)).await;
        match create {
            // The names are the whole world's: one that cannot be read is somebody else's.
            Err(error) if error.is(&["conflict"]) && !self.is_readable(cloud).await => Err(error),
            outcome => Created::of(outcome, &["conflict"], &self.name),
        }
    }

    async fn set(&self, cloud: &Cloud, at: &At, id: &str, field: &str) -> Result<()> {
        let Some((property, mut value)) = self.property(at, field) else { return Ok(()) };
        if field == "labels" {
            // A patch adds labels; one that is to go is said to be nothing.
            let bucket = call(cloud, "storage.buckets.get", id, (Method::GET, of(id)), None).await?;
            let wanted: BTreeSet<String> = self.all_labels(at).into_keys().collect();
            for label in labels(&bucket).into_keys().filter(|label| !wanted.contains(label)) {
                value[label] = Value::Null;
            }
        }
        let body = json!({ property: value });
        call(cloud, "storage.buckets.update", id, (Method::PATCH, of(id)), Some(&body)).await.map(drop)
    }

    async fn contents(cloud: &Cloud, id: &str) -> Result<Option<Contents>> {
        let path = format!("{}/o?versions=true&maxResults=1000", of(id));
        let Some(list) = absent(call(cloud, "storage.objects.list", id, (Method::GET, path), None).await, &GONE)?
        else {
            return Ok(None);
        };
        let count = list["items"].as_array().map_or(0, Vec::len);
        let more = if list["nextPageToken"].is_string() { "more than " } else { "" };
        Ok((count > 0).then(|| Contents { what: format!("{more}{count} generations of objects") }))
    }

    async fn delete(cloud: &Cloud, id: &str) -> Result<()> {
        loop {
            // From the beginning each time: what was listed is gone.
            let path = format!("{}/o?versions=true", of(id));
            let list = call(cloud, "storage.objects.list", id, (Method::GET, path), None).await;
            let Some(list) = absent(list, &GONE)? else { return Ok(()) };
            let found = list["items"].as_array().cloned().unwrap_or_default();
            if found.is_empty() {
                break;
            }
            for object in &found {
                let name = percent_encoding::utf8_percent_encode(
                    object["name"].as_str().unwrap_or_default(),
                    percent_encoding::NON_ALPHANUMERIC,
                );
                let generation = object["generation"].as_str().unwrap_or_default();
                let path = format!("{}/o/{name}?generation={generation}", of(id));
                absent(call(cloud, "storage.objects.delete", id, (Method::DELETE, path), None).await, &GONE)?;
            }
        }
        absent(call(cloud, "storage.buckets.delete", id, (Method::DELETE, of(id)), None).await, &GONE).map(drop)
    }
}

impl GcsBucket {
    /// Whether the bucket is one that can be read: names are everybody's, and another's cannot.
    async fn is_readable(&self, cloud: &Cloud) -> bool {
        call(cloud, "storage.buckets.get", &self.name, (Method::GET, of(&self.name)), None).await.is_ok()
    }
}

fn labels(bucket: &Value) -> BTreeMap<String, String> {
    let labels = bucket["labels"].as_object().into_iter().flatten();
    labels.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

fn of(bucket: &str) -> String {
    format!("/b/{bucket}")
}

async fn call(
    cloud: &Cloud,
    operation: &'static str,
    bucket: &str,
    (method, path): (Method, String),
    body: Option<&Value>,
) -> Result<Value> {
    let send = async || cloud.object_storage.google()?.send(operation, (method.clone(), &path), body).await;
    cloud.http_call(operation, bucket, send).await
}

fn standard() -> String {
    "STANDARD".to_owned()
}

fn yes() -> bool {
    true
}
