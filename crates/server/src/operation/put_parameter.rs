//! PutParameter.

use parados_parameter::{
    AllowedPattern, DataType, Description, KeyId, MAX_ADVANCED_VALUE_BYTES, ParameterType, Policy, PutRequest, Secret,
    TierRequest,
};
use serde::Serialize;

use super::tag::{TagInput, tags};
use super::{NAME, Operation, missing};
use crate::ApiError;
use crate::access::{AccessRequest, Resource};
use crate::call::{Call, INVALID_NAME};
use crate::service::SettingKind;
use crate::wire::{boolean, input, list, text};

input! {
    /// PutParameter's request.
    PutParameter {
        name: String = "Name" NAME.required();
        description: String = "Description" text().within(0, 1024);
        value: Secret = "Value" text().required().at_least(1).sensitive();
        parameter_type: String = "Type" text().one_of(&["SecureString", "StringList", "String"]);
        key_id: String = "KeyId" text().within(1, 256).matching("^([a-zA-Z0-9:/_-]+)$", is_key_id);
        overwrite: bool = "Overwrite" boolean();
        allowed_pattern: String = "AllowedPattern" text().within(0, 1024);
        tags: Vec<Option<TagInput>> = "Tags" list().at_most(1000);
        tier: String = "Tier" text().one_of(&["Standard", "Advanced", "Intelligent-Tiering"]);
        policies: String = "Policies" text().within(1, 4096);
        data_type: String = "DataType" text().within(0, 128);
    }
}

fn is_key_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":/_-".contains(&byte))
}

/// The data type of the id of a machine image.
const IMAGE: &str = "aws:ec2:image";

/// PutParameter's answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Answer {
    version: i64,
    tier: &'static str,
}

impl Operation for PutParameter {
    type Answer = Answer;

    async fn run(self, call: &mut Call<'_>) -> Result<Answer, ApiError> {
        let name = self.name.as_deref().ok_or_else(missing)?;
        let name = call.name(name)?;
        let overwrite = self.overwrite.unwrap_or_default();
        let resources = vec![Resource::Parameter(name.clone())];
        call.authorize(AccessRequest { overwrite, ..AccessRequest::new(call.action, resources) }).await?;
        check_reserved(name.levels().next().unwrap_or_default(), name.as_str())?;
        let mut request = self.into_request(name, overwrite)?;
        if request.tier.is_none() {
            request.tier = default_tier(call).await?;
        }
        if call.server.deleted.is_waiting(&call.caller.place, &request.name) {
            return Err(ApiError::new(
                "TooManyUpdates",
                "The parameter was deleted. Wait for at least 30 seconds to create a parameter with the same name.",
            ));
        }
        let outcome = call.store.put(&request).await?;
        call.note(&request.name, outcome.version);
        if request.data_type.as_ref().is_some_and(|data_type| data_type.as_str() == IMAGE) {
            // AWS takes it too, and looks for the image later; here nobody knows of images.
            call.flags.push("unchecked-image");
            tracing::warn!(name = %request.name, "a value of the data type {IMAGE} was taken, and no image was looked for");
        }
        Ok(Answer { version: outcome.version.get(), tier: outcome.tier.as_str() })
    }
}

/// The tier of a put that names none, where the account's setting is not AWS's default.
async fn default_tier(call: &Call<'_>) -> Result<Option<TierRequest>, ApiError> {
    let Some(service) = &call.server.service else { return Ok(None) };
    let set = service.setting(&call.caller.place, SettingKind::DEFAULT_TIER).await?;
    Ok(set.and_then(|set| set.value.parse().ok()).filter(|tier| *tier != TierRequest::Standard))
}

/// Refuses the names that AWS keeps for itself.
fn check_reserved(first: &str, name: &str) -> Result<(), ApiError> {
    let first = first.to_ascii_lowercase();
    let is_path = name.starts_with('/') && name[1..].contains('/');
    match (first.starts_with("aws"), first.starts_with("ssm")) {
        (true, _) if is_path => Err(ApiError::access_denied(format!("No access to reserved parameter name: {name}."))),
        (false, true) if is_path => Err(ApiError::validation(INVALID_NAME)),
        (true, _) | (_, true) => {
            Err(ApiError::validation("Parameter name: can't be prefixed with \"aws\" or \"ssm\" (case-insensitive)."))
        }
        (false, false) => Ok(()),
    }
}

impl PutParameter {
    /// The request to the store. What AWS refuses whatever is stored is refused here, in its words.
    fn into_request(self, name: parados_parameter::ParameterName, overwrite: bool) -> Result<PutRequest, ApiError> {
        let value = self.value.ok_or_else(missing)?;
        if value.reveal().contains("{{") {
            return Err(ApiError::validation(
                "Parameter value can't nest another parameter. Do not use \"{{}}\" in the value.",
            ));
        }
        if value.len() > MAX_ADVANCED_VALUE_BYTES {
            return Err(ApiError::validation(
                "Advanced tier parameters support a maximum parameter value of 8192 characters.",
            ));
        }
        if overwrite && self.tags.is_some() {
            return Err(ApiError::validation(
                "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove \
                 overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or \
                 RemoveTagsFromResource.",
            ));
        }
        if self.parameter_type.is_none() && !overwrite {
            return Err(ApiError::validation("A parameter type is required when you create a parameter."));
        }
        let parameter_type = self.parameter_type.as_deref().and_then(|text| text.parse::<ParameterType>().ok());
        let data_type = self.data_type.filter(|text| !text.is_empty()).map(DataType::observed);
        if let Some(unknown) = data_type.as_ref().filter(|data_type| !data_type.is_known()) {
            return Err(ApiError::validation(format!(
                "The following data type is not supported: {unknown} (Data type names are all lowercase.)"
            )));
        }
        let allowed_pattern = match self.allowed_pattern.as_deref() {
            None => None,
            Some(text) => Some(AllowedPattern::parse(text).map_err(|_| {
                ApiError::new(
                    "InvalidAllowedPatternException",
                    "The request doesn't meet the regular expression requirement.",
                )
            })?),
        };
        Ok(PutRequest {
            name,
            value,
            parameter_type,
            key_id: self.key_id.map(KeyId::observed),
            overwrite,
            description: self.description.map(Description::observed),
            allowed_pattern,
            tags: tags(self.tags),
            tier: self.tier.as_deref().and_then(|text| text.parse::<TierRequest>().ok()),
            policies: self.policies.as_deref().map(policies).transpose()?,
            data_type,
        })
    }
}

/// The policies of a request, with what is wrong with them.
fn policies(text: &str) -> Result<Vec<Policy>, ApiError> {
    let attribute = |message: &str| ApiError::new("InvalidPolicyAttributeException", message);
    let json: serde_json::Value =
        serde_json::from_str(text).map_err(|_| attribute("The policies are not a valid JSON list of policies."))?;
    let list = json.as_array().cloned().unwrap_or_default();
    if list.iter().all(|policy| policy.as_object().is_some_and(serde_json::Map::is_empty)) && json.is_array() {
        // `[{}]` takes the policies away.
        return Ok(Vec::new());
    }
    if list.len() > parados_parameter::MAX_POLICIES {
        return Err(ApiError::new(
            "PoliciesLimitExceededException",
            "You specified more than the maximum number of allowed policies for the parameter. The maximum is 10.",
        ));
    }
    for policy in &list {
        let known = ["Expiration", "ExpirationNotification", "NoChangeNotification"];
        match policy["Type"].as_str() {
            None => return Err(attribute("A policy has no Type.")),
            Some(kind) if !known.contains(&kind) => {
                return Err(ApiError::new(
                    "InvalidPolicyTypeException",
                    "The policy type isn't supported. Parameter Store supports the following policy types: Expiration, \
                     ExpirationNotification, and NoChangeNotification.",
                ));
            }
            Some(_) => {}
        }
    }
    Policy::parse_list(text).map_err(|_| attribute("A policy attribute or its value is invalid."))
}
