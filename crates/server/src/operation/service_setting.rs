//! What the operations on settings of the service share.

use serde::Serialize;

use crate::ApiError;
use crate::access::{AccessRequest, Resource};
use crate::call::Call;
use crate::service::SettingKind;
use crate::wire::{Constraint, EpochSeconds, text};

/// `SettingId`.
pub(super) const ID: Constraint = text().required().within(1, 1000);

/// The answer of GetServiceSetting and ResetServiceSetting.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Answer {
    service_setting: SettingShape,
}

/// `ServiceSetting`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct SettingShape {
    setting_id: &'static str,
    setting_value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_modified_date: Option<EpochSeconds>,
    last_modified_user: String,
    #[serde(rename = "ARN")]
    arn: String,
    status: &'static str,
}

/// The setting of this id, which the caller may do this to.
///
/// # Errors
/// ServiceSettingNotFound; AccessDeniedException.
pub(super) async fn authorize(call: &mut Call<'_>, id: &str) -> Result<SettingKind, ApiError> {
    let kind = SettingKind::find(id).ok_or_else(|| {
        ApiError::new(
            "ServiceSettingNotFound",
            "The specified service setting wasn't found. Either the service name or the setting hasn't been provisioned by \
             the Amazon Web Services service team.",
        )
    })?;
    let resource = Resource::ServiceSetting(kind.id.to_owned());
    call.authorize(AccessRequest::new(call.action, vec![resource])).await?;
    Ok(kind)
}

/// What the setting is.
pub(super) async fn read(call: &Call<'_>, kind: SettingKind) -> Result<Answer, ApiError> {
    let place = &call.caller.place;
    let set = call.service()?.setting(place, kind).await?;
    let status = if set.is_some() { "Customized" } else { "Default" };
    let (value, date, user) = match set {
        Some(set) => (set.value, Some(EpochSeconds(set.changed_at)), set.changed_by),
        None => (kind.values[0].to_owned(), None, "System".to_owned()),
    };
    Ok(Answer {
        service_setting: SettingShape {
            setting_id: kind.id,
            setting_value: value,
            last_modified_date: date,
            last_modified_user: user,
            arn: Resource::ServiceSetting(kind.id.to_owned()).arn(place),
            status,
        },
    })
}
