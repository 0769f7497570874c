//! GetServiceSetting.

use super::service_setting::{Answer, ID, authorize, read};
use super::{Operation, missing};
use crate::ApiError;
use crate::call::Call;
use crate::wire::input;

input! {
    /// GetServiceSetting's request.
    GetServiceSetting {
        setting_id: String = "SettingId" ID;
    }
}

impl Operation for GetServiceSetting {
    type Answer = Answer;

    async fn run(self, call: &mut Call<'_>) -> Result<Answer, ApiError> {
        let kind = authorize(call, &self.setting_id.ok_or_else(missing)?).await?;
        read(call, kind).await
    }
}
