//! The body of a delivery: a change as Amazon EventBridge would tell it (AWS: "Monitoring parameter changes using EventBridge").

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use parados_store::{Change, ChangeKind};
use serde::Serialize;

/// What EventBridge calls a change, …
const CHANGE: &str = "Parameter Store Change";
/// … and what it calls what a policy did.
const POLICY_ACTION: &str = "Parameter Store Policy Action";
/// What says that changes are missing. Not AWS's: there, nobody says so.
const GAP: &str = "Parameter Store Change Gap";
/// Where it comes from, as with AWS, so that what is written for it takes it.
const SOURCE: &str = "aws.ssm";

/// An event, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// The same for every delivery of the same change.
    pub(crate) id: String,
    /// Events of one subject are delivered in their order.
    pub(crate) subject: String,
    /// The JSON.
    pub(crate) body: String,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Body<'a> {
    version: &'a str,
    id: &'a str,
    detail_type: &'a str,
    source: &'a str,
    account: &'a str,
    time: String,
    region: &'a str,
    resources: Vec<String>,
    detail: Detail<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Detail<'a> {
    Change(ChangeDetail<'a>),
    Policy(PolicyDetail<'a>),
    Gap { message: &'a str },
    Test { message: &'a str },
}

#[derive(Serialize)]
struct ChangeDetail<'a> {
    operation: &'a str,
    name: &'a str,
    #[serde(rename = "type")]
    parameter_type: String,
    description: &'a str,
    version: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    labels: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct PolicyDetail<'a> {
    parameter_name: &'a str,
    parameter_type: String,
    policy_type: &'a str,
    action_status: &'a str,
    version: i64,
}

impl Event {
    /// The event of a change. `description` is the parameter's, where it is known.
    pub(crate) fn of(change: &Change, description: &str) -> Self {
        let id = id_of(&text_of(change));
        let name = change.name.as_str();
        let parameter_type = change.parameter_type.to_string();
        let (detail_type, detail) = match policy_type(change.kind) {
            Some(policy_type) => {
                let version = change.version.get();
                let action_status = "Success";
                let detail = PolicyDetail { parameter_name: name, parameter_type, policy_type, action_status, version };
                (POLICY_ACTION, Detail::Policy(detail))
            }
            None => {
                let detail = ChangeDetail {
                    operation: operation(change.kind),
                    name,
                    parameter_type,
                    description,
                    version: change.version.get(),
                    labels: change.labels.iter().map(|label| label.as_str()).collect(),
                    user: change.user.as_deref(),
                };
                (CHANGE, Detail::Change(detail))
            }
        };
        let (account, region) = (change.place.account(), change.place.region());
        let partition = change.place.partition();
        let arn = format!("arn:{partition}:ssm:{region}:{account}:parameter/{}", name.trim_start_matches('/'));
        let body = body(&id, detail_type, account, change.at, region, vec![arn], detail);
        Self { subject: format!("{}/{}", change.place, change.name.canonical().trim_matches('/')), id, body }
    }

    /// Says that changes were forgotten before they were told; `before` names what comes after them.
    pub(crate) fn of_gap(before: &str, now: Timestamp) -> Self {
        let id = id_of(&format!("gap {before}"));
        let message = "changes were forgotten before they were delivered; read what you need to know anew";
        let body = body(&id, GAP, "", now, "", Vec::new(), Detail::Gap { message });
        Self { subject: String::new(), id, body }
    }

    /// One for a try.
    pub(crate) fn of_test(now: Timestamp) -> Self {
        let id = id_of(&hex::encode(rand::random::<[u8; 16]>()));
        let detail = Detail::Test { message: "this is a test of a webhook" };
        let body = body(&id, "Parameter Store Webhook Test", "", now, "", Vec::new(), detail);
        Self { subject: String::new(), id, body }
    }
}

fn body(
    id: &str,
    detail_type: &str,
    account: &str,
    at: Timestamp,
    region: &str,
    resources: Vec<String>,
    detail: Detail<'_>,
) -> String {
    let time = format!("{at:.3}");
    let body = Body { version: "0", id, detail_type, source: SOURCE, account, time, region, resources, detail };
    serde_json::to_string(&body).expect("texts and numbers")
}

fn text_of(change: &Change) -> String {
    let at = change.at.as_millisecond();
    serde_json::to_string(&(&change.cursor, change.place.to_string(), change.name.as_str(), at))
        .expect("numbers and texts")
}

/// A UUID (version 8: of the maker's own choice) that is the same for the same text.
fn id_of(text: &str) -> String {
    let digest = digest(&SHA256, text.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.as_ref()[..16]);
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let digits = hex::encode(bytes);
    format!("{}-{}-{}-{}-{}", &digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..])
}

/// The policy that did it, where one did.
fn policy_type(kind: ChangeKind) -> Option<&'static str> {
    match kind {
        ChangeKind::Expiration => Some("Expiration"),
        ChangeKind::ExpirationNotification => Some("ExpirationNotification"),
        ChangeKind::NoChangeNotification => Some("NoChangeNotification"),
        _ => None,
    }
}

/// The operation, in EventBridge's word where it has one.
fn operation(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Create => "Create",
        ChangeKind::Update => "Update",
        ChangeKind::Delete => "Delete",
        ChangeKind::LabelParameterVersion => "LabelParameterVersion",
        ChangeKind::UnlabelParameterVersion => "UnlabelParameterVersion",
        ChangeKind::AddTags => "AddTagsToResource",
        ChangeKind::RemoveTags => "RemoveTagsFromResource",
        ChangeKind::Expiration | ChangeKind::ExpirationNotification | ChangeKind::NoChangeNotification => "",
    }
}

#[cfg(test)]
mod tests {
    use parados_parameter::{AccountRegion, ParameterName, ParameterType, Version};

    use super::*;

    fn change(kind: ChangeKind) -> Change {
        Change {
            cursor: serde_json::from_str(r#"{"major":7,"minor":2}"#).unwrap(),
            at: "2026-11-24T15:00:00.5Z".parse().unwrap(),
            place: AccountRegion::new("123456789012", "eu-west-1").unwrap(),
            name: ParameterName::parse("/shop/db").unwrap(),
            kind,
            parameter_type: ParameterType::SecureString,
            version: Version::new(3).unwrap(),
            labels: Vec::new(),
            user: Some("arn:aws:iam::123456789012:user/deploy".to_owned()),
        }
    }

    #[test]
    fn a_change_is_told_as_eventbridge_would() {
        let event = Event::of(&change(ChangeKind::Update), "the shop's database");
        let expected = format!(
            concat!(
                r#"{{"version":"0","id":"{}","detail-type":"Parameter Store Change","source":"aws.ssm","account":"123456789012","#,
                r#""time":"2026-11-24T15:00:00.500Z","region":"eu-west-1","#,
                r#""resources":["arn:aws:ssm:eu-west-1:123456789012:parameter/shop/db"],"#,
                r#""detail":{{"operation":"Update","name":"/shop/db","type":"SecureString","description":"the shop's database","#,
                r#""version":3,"user":"arn:aws:iam::123456789012:user/deploy"}}}}"#,
            ),
            event.id
        );
        assert_eq!(event.body, expected);
        assert_eq!(event.subject, "123456789012/eu-west-1/shop/db");
        assert_eq!(Event::of(&change(ChangeKind::Update), "").id, event.id, "the id is the change's");
    }

    #[test]
    fn what_a_policy_did_is_told_as_eventbridge_would() {
        let event = Event::of(&change(ChangeKind::Expiration), "");
        let body: serde_json::Value = serde_json::from_str(&event.body).unwrap();
        assert_eq!(body["detail-type"], "Parameter Store Policy Action");
        assert_eq!(body["detail"]["policy-type"], "Expiration");
        assert_eq!(body["detail"]["parameter-name"], "/shop/db");
    }
}
