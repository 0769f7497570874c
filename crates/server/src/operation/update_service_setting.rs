//! UpdateServiceSetting.

use serde::Serialize;

use super::service_setting::{ID, authorize};
use super::{Operation, missing};
use crate::ApiError;
use crate::call::Call;
use crate::service::Setting;
use crate::wire::{input, text};

input! {
    /// UpdateServiceSetting's request.
    UpdateServiceSetting {
        setting_id: String = "SettingId" ID;
        setting_value: String = "SettingValue" text().required().within(1, 4096);
    }
}

/// UpdateServiceSetting's answer.
#[derive(Debug, Serialize)]
pub(super) struct Answer {}

impl Operation for UpdateServiceSetting {
    type Answer = Answer;

    async fn run(self, call: &mut Call<'_>) -> Result<Answer, ApiError> {
        let kind = authorize(call, &self.setting_id.ok_or_else(missing)?).await?;
        let value = self.setting_value.ok_or_else(missing)?;
        if !kind.values.contains(&value.as_str()) {
            let values = kind.values.join(", ");
            return Err(ApiError::validation(format!(
                "The setting value is not valid. Valid values include: [{values}]."
            )));
        }
        let setting = Setting { value, changed_at: call.server.clock.now(), changed_by: call.caller.arn.clone() };
        call.service()?.set(&call.caller.place, kind, &setting).await?;
        Ok(Answer {})
    }
}
