//! ResetServiceSetting.

use super::service_setting::{Answer, ID, authorize, read};
use super::{Operation, missing};
use crate::ApiError;
use crate::call::Call;
use crate::wire::input;

input! {
    /// ResetServiceSetting's request.
    ResetServiceSetting {
        setting_id: String = "SettingId" ID;
    }
}

impl Operation for ResetServiceSetting {
    type Answer = Answer;

    async fn run(self, call: &mut Call<'_>) -> Result<Answer, ApiError> {
        let kind = authorize(call, &self.setting_id.ok_or_else(missing)?).await?;
        call.service()?.reset(&call.caller.place, kind).await.map_err(ApiError::from)?;
        read(call, kind).await
    }
}
