//! PutParameter: what a request makes of what is there.

use jiff::Timestamp;

use crate::error::Result;
use crate::policy::{MAX_POLICIES_CHARS, PENDING, are_same, join};
use crate::{
    AllowedPattern, DataType, Description, KeyId, MAX_ADVANCED_VALUE_BYTES, MAX_LEVELS, MAX_POLICIES,
    MAX_STANDARD_VALUE_BYTES, MAX_VERSIONS, Operation, ParameterMetadata, ParameterName, ParameterType, Policy,
    PutOutcome, PutRequest, StoreError, StoreErrorKind, Tag, Tier, TierRequest, Version,
};

use super::annotation::merge_tags_of;

/// Which tiers can take one more parameter. A store without limits says that both can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occupancy {
    /// Whether the standard tier's count is used up.
    pub standard_is_full: bool,
    /// Whether the advanced tier's count is used up.
    pub advanced_is_full: bool,
}

impl Occupancy {
    /// Neither tier is full.
    pub const UNLIMITED: Self = Self { standard_is_full: false, advanced_is_full: false };
}

/// How many parameters an account has in a Region at most, of each tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TierLimits {
    /// Of the standard tier.
    pub standard: u32,
    /// Of the advanced tier.
    pub advanced: u32,
}

impl TierLimits {
    /// AWS's own.
    pub const AWS: Self = Self { standard: 10_000, advanced: 100_000 };
}

/// What a put writes: everything of the new version but what only the store knows (ARN, time, user).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutPlan {
    /// The name, spelled as it was at its creation.
    pub name: ParameterName,
    /// The version made: 1, or one more than the newest.
    pub version: Version,
    /// The type.
    pub parameter_type: ParameterType,
    /// The key; present for a SecureString and for it alone.
    pub key_id: Option<KeyId>,
    /// What it is for.
    pub description: Option<Description>,
    /// What values must match.
    pub allowed_pattern: Option<AllowedPattern>,
    /// The tier that was chosen.
    pub tier: Tier,
    /// The policies.
    pub policies: Vec<Policy>,
    /// What the value means.
    pub data_type: DataType,
    /// The tags of a parameter that is created, sorted by key; none on an overwrite, which leaves them as they are.
    pub tags: Vec<Tag>,
}

impl PutPlan {
    /// The metadata of the version that is made.
    pub fn into_metadata(self, arn: Option<String>, date: Timestamp, user: Option<String>) -> ParameterMetadata {
        ParameterMetadata {
            name: self.name,
            arn,
            parameter_type: self.parameter_type,
            key_id: self.key_id,
            last_modified_date: date,
            last_modified_user: user,
            description: self.description,
            allowed_pattern: self.allowed_pattern,
            version: self.version,
            tier: self.tier,
            policies: self.policies,
            data_type: self.data_type,
            annotations: None,
        }
    }

    /// What the put answers.
    pub fn outcome(&self) -> PutOutcome {
        PutOutcome { version: self.version, tier: self.tier }
    }
}

/// What becomes of the oldest version when one is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// There is room: all versions stay.
    KeepAll,
    /// The oldest one goes.
    DropOldest,
}

/// What happens to the oldest version when one is added to `kept` versions.
///
/// # Errors
/// ParameterMaxVersionLimitExceeded when there are [`MAX_VERSIONS`] and the oldest bears a label.
pub fn retention(name: &ParameterName, kept: usize, oldest_is_labelled: bool) -> Result<Retention> {
    match (kept < MAX_VERSIONS, oldest_is_labelled) {
        (true, _) => Ok(Retention::KeepAll),
        (false, false) => Ok(Retention::DropOldest),
        (false, true) => Err(refusal(
            name,
            StoreErrorKind::ParameterMaxVersionLimitExceeded,
            "the oldest of its 100 versions bears a label; move the label to a newer version",
        )),
    }
}

/// Whether `request` may need room in a tier: it makes a parameter, or may bring one into the advanced tier.
pub fn may_take_a_place(request: &PutRequest, current: Option<&ParameterMetadata>) -> bool {
    current
        .is_none_or(|current| current.tier != Tier::Advanced && (request.tier.is_some() || request.policies.is_some()))
}

/// What `request` makes of a parameter whose newest version is `current`, or of none. [`retention`] is asked beside it.
///
/// An empty description or pattern is none: it takes the old one away.
///
/// # Errors
/// Those of [`ParameterStore::put`](crate::ParameterStore::put), but ParameterMaxVersionLimitExceeded. What is wrong with
/// the request alone comes first, then ParameterAlreadyExists, then what is wrong with it for this parameter.
pub fn plan_put(request: &PutRequest, current: Option<&ParameterMetadata>, occupancy: Occupancy) -> Result<PutPlan> {
    let refuse = |kind, message: &str| refusal(&request.name, kind, message);
    check_request(request)?;
    if current.is_some() && !request.overwrite {
        return Err(refuse(
            StoreErrorKind::ParameterAlreadyExists,
            "it exists; to give it another value, overwrite it",
        ));
    }
    let parameter_type =
        request.parameter_type.or_else(|| current.map(|current| current.parameter_type)).unwrap_or_default();
    let key_id = plan_key(request, current, parameter_type)?;
    let pattern = match &request.allowed_pattern {
        Some(pattern) => Some(pattern.clone()).filter(|pattern| !pattern.as_str().is_empty()),
        None => current.and_then(|current| current.allowed_pattern.clone()),
    };
    if let Some(pattern) = &pattern
        && !pattern.allows(request.value.reveal())
    {
        return Err(refuse(
            StoreErrorKind::ParameterPatternMismatch,
            &format!("the value does not match the allowed pattern {pattern}"),
        ));
    }
    let before = current.map_or(&[][..], |current| current.policies.as_slice());
    let policies: Vec<Policy> = match &request.policies {
        Some(policies) if !are_same(policies, before) => policies.iter().map(pending).collect(),
        _ => before.iter().map(staying).collect(),
    };
    let tier = plan_tier(request, current, &policies, occupancy)?;
    Ok(PutPlan {
        name: current.map_or_else(|| request.name.clone(), |current| current.name.clone()),
        version: current.map_or(Version::FIRST, |current| current.version.next()),
        parameter_type,
        key_id,
        description: match &request.description {
            Some(description) => Some(description.clone()).filter(|description| !description.as_str().is_empty()),
            None => current.and_then(|current| current.description.clone()),
        },
        allowed_pattern: pattern,
        tier,
        policies,
        data_type: request
            .data_type
            .clone()
            .or_else(|| current.map(|current| current.data_type.clone()))
            .unwrap_or_default(),
        tags: merge_tags_of(Operation::PutParameter, &request.name, &[], &request.tags)?,
    })
}

/// What is wrong with a request whatever is stored.
fn check_request(request: &PutRequest) -> Result<()> {
    let refuse = |kind, message: &str| Err(refusal(&request.name, kind, message));
    let name = &request.name;
    if name.levels().count() > MAX_LEVELS {
        return refuse(StoreErrorKind::HierarchyLevelLimitExceeded, "it has more than 15 levels");
    }
    if let Err(invalid) = name.check_creatable() {
        return refuse(StoreErrorKind::Validation, invalid.rule());
    }
    if request.value.is_empty() {
        return refuse(StoreErrorKind::Validation, "the value is empty");
    }
    if request.value.reveal().contains("{{") {
        return refuse(StoreErrorKind::Validation, "the value contains '{{', which would name another parameter");
    }
    if request.value.len() > MAX_ADVANCED_VALUE_BYTES {
        return refuse(
            StoreErrorKind::Validation,
            "the value is longer than 8192 bytes, which is the most of any tier",
        );
    }
    if request.overwrite && !request.tags.is_empty() {
        return refuse(
            StoreErrorKind::Validation,
            "tags and overwrite cannot be used together; tag the parameter after the put",
        );
    }
    if request.data_type.as_ref().is_some_and(|data_type| !data_type.is_known()) {
        return refuse(
            StoreErrorKind::Validation,
            "the data type is not one of text, aws:ec2:image, aws:ssm:integration",
        );
    }
    if let Some(Err(invalid)) = request.description.as_ref().map(|text| Description::parse(text.as_str())) {
        return refuse(StoreErrorKind::Validation, &format!("the description: {}", invalid.rule()));
    }
    if let Some(Err(invalid)) = request.key_id.as_ref().map(|key| KeyId::parse(key.as_str())) {
        return refuse(StoreErrorKind::InvalidKeyId, invalid.rule());
    }
    if let Some(Err(invalid)) = request.allowed_pattern.as_ref().map(|text| AllowedPattern::parse(text.as_str())) {
        return refuse(StoreErrorKind::InvalidAllowedPattern, invalid.rule());
    }
    check_policies(name, request.policies.as_deref().unwrap_or_default())
}

fn check_policies(name: &ParameterName, policies: &[Policy]) -> Result<()> {
    let refuse = |kind, message: &str| Err(refusal(name, kind, message));
    if policies.len() > MAX_POLICIES {
        return refuse(StoreErrorKind::PoliciesLimitExceeded, "at most 10 policies");
    }
    if join(policies).is_some_and(|text| text.chars().count() > MAX_POLICIES_CHARS) {
        return refuse(StoreErrorKind::Validation, "the policies are longer than 4096 characters");
    }
    for policy in policies {
        if !["Expiration", "ExpirationNotification", "NoChangeNotification"].contains(&policy.policy_type.as_str()) {
            return refuse(
                StoreErrorKind::InvalidPolicyType,
                "a policy is none of Expiration, ExpirationNotification, NoChangeNotification",
            );
        }
        let parsed = Policy::parse_list(&format!("[{}]", policy.policy_text));
        if !parsed.is_ok_and(|parsed| matches!(parsed.as_slice(), [one] if one.policy_type == policy.policy_type)) {
            return refuse(
                StoreErrorKind::InvalidPolicyAttribute,
                "a policy's text is not JSON with its Type and Attributes",
            );
        }
    }
    if policies.iter().filter(|policy| policy.policy_type == "Expiration").count() > 1 {
        return refuse(StoreErrorKind::IncompatiblePolicy, "two Expiration policies contradict one another");
    }
    Ok(())
}

/// A policy as it stands after a put: the status is the store's to say.
fn pending(policy: &Policy) -> Policy {
    Policy { policy_status: Some(PENDING.into()), ..policy.clone() }
}

/// A policy that stays as it is: what has acted does not act again, but the days without a change are counted anew.
fn staying(policy: &Policy) -> Policy {
    match policy.policy_type.as_str() {
        "NoChangeNotification" => pending(policy),
        _ => policy.clone(),
    }
}

fn plan_key(
    request: &PutRequest,
    current: Option<&ParameterMetadata>,
    parameter_type: ParameterType,
) -> Result<Option<KeyId>> {
    match (parameter_type, &request.key_id) {
        (ParameterType::SecureString, Some(key)) => Ok(Some(key.clone())),
        (ParameterType::SecureString, None) => {
            Ok(Some(current.and_then(|current| current.key_id.clone()).unwrap_or_else(KeyId::aws_managed)))
        }
        (_, None) => Ok(None),
        (_, Some(_)) => Err(refusal(
            &request.name,
            StoreErrorKind::Validation,
            "KeyId is required for SecureString type parameter only.",
        )),
    }
}

fn plan_tier(
    request: &PutRequest,
    current: Option<&ParameterMetadata>,
    policies: &[Policy],
    occupancy: Occupancy,
) -> Result<Tier> {
    let refuse = |kind, message: &str| Err(refusal(&request.name, kind, message));
    let was = current.map(|current| current.tier);
    let needs_advanced = request.value.len() > MAX_STANDARD_VALUE_BYTES || !policies.is_empty();
    let no_standard_room = was.is_none() && occupancy.standard_is_full;
    let tier = match (request.tier, was) {
        (Some(TierRequest::Standard), Some(Tier::Advanced)) => {
            return refuse(
                StoreErrorKind::Validation,
                "it is of the advanced tier, which cannot be downgraded; delete it and create it again",
            );
        }
        (None | Some(TierRequest::IntelligentTiering), Some(Tier::Advanced)) | (Some(TierRequest::Advanced), _) => {
            Tier::Advanced
        }
        (Some(TierRequest::IntelligentTiering), _) if needs_advanced || no_standard_room => Tier::Advanced,
        (None | Some(TierRequest::Standard | TierRequest::IntelligentTiering), _) => Tier::Standard,
    };
    if tier == Tier::Standard && request.value.len() > MAX_STANDARD_VALUE_BYTES {
        return refuse(
            StoreErrorKind::Validation,
            "the value is longer than 4096 bytes, which is the most of the standard tier; ask for the advanced tier",
        );
    }
    if tier == Tier::Standard && !policies.is_empty() {
        return refuse(StoreErrorKind::IncompatiblePolicy, "policies need the advanced tier");
    }
    let full = match tier {
        Tier::Standard => occupancy.standard_is_full,
        Tier::Advanced => occupancy.advanced_is_full,
    };
    if full && was != Some(tier) {
        return refuse(StoreErrorKind::ParameterLimitExceeded, &format!("the {tier} tier has no room for another"));
    }
    Ok(tier)
}

fn refusal(name: &ParameterName, kind: StoreErrorKind, message: &str) -> StoreError {
    StoreError::new(Operation::PutParameter, name, kind, message)
}

#[cfg(test)]
mod tests;
