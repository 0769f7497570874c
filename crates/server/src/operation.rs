//! The operations, a file each: its request with its constraints, what access it needs, what it does, its answer.

mod add_tags_to_resource;
mod delete_parameter;
mod delete_parameters;
mod delete_resource_policy;
mod describe_parameters;
mod filter;
mod get_parameter;
mod get_parameter_history;
mod get_parameters;
mod get_parameters_by_path;
mod get_resource_policies;
mod get_resources;
mod get_service_setting;
mod label_parameter_version;
mod list_tags_for_resource;
mod put_parameter;
mod put_resource_policy;
mod remove_tags_from_resource;
mod reset_service_setting;
mod resource_policy;
mod service_setting;
mod tag;
mod unlabel_parameter_version;
mod update_service_setting;

use std::future::Future;

use serde::Serialize;
use zeroize::Zeroizing;

use crate::call::Call;
use crate::wire::{self, Constraint, Input, text};
use crate::{Action, ApiError};

/// A request that is read, checked, and can be done.
trait Operation: Input {
    /// Its answer.
    type Answer: Serialize;

    /// Asks whether the caller may, and does it.
    fn run(self, call: &mut Call<'_>) -> impl Future<Output = Result<Self::Answer, ApiError>> + Send;
}

macro_rules! operations {
    ($($module:ident::$name:ident,)+) => {
        /// Does what `body` asks for, and gives the body of the answer. It holds secrets.
        pub(crate) async fn run(call: &mut Call<'_>, body: &[u8]) -> Result<Zeroizing<Vec<u8>>, ApiError> {
            match call.action {
                $(Action::$name => of::<$module::$name>(call, body).await,)+
                _ => Err(ApiError::unknown_operation()),
            }
        }

        /// The members of every request, by the operation.
        #[cfg(test)]
        const REQUESTS: &[(&str, wire::MemberTable)] =
            &[$((stringify!($name), <$module::$name as Input>::MEMBERS),)+];
    };
}

operations! {
    add_tags_to_resource::AddTagsToResource,
    delete_parameter::DeleteParameter,
    delete_parameters::DeleteParameters,
    describe_parameters::DescribeParameters,
    get_parameter::GetParameter,
    get_parameter_history::GetParameterHistory,
    get_parameters::GetParameters,
    get_parameters_by_path::GetParametersByPath,
    label_parameter_version::LabelParameterVersion,
    list_tags_for_resource::ListTagsForResource,
    put_parameter::PutParameter,
    remove_tags_from_resource::RemoveTagsFromResource,
    delete_resource_policy::DeleteResourcePolicy,
    get_resource_policies::GetResourcePolicies,
    get_resources::GetResources,
    get_service_setting::GetServiceSetting,
    put_resource_policy::PutResourcePolicy,
    reset_service_setting::ResetServiceSetting,
    update_service_setting::UpdateServiceSetting,
    unlabel_parameter_version::UnlabelParameterVersion,
}

async fn of<O: Operation>(call: &mut Call<'_>, body: &[u8]) -> Result<Zeroizing<Vec<u8>>, ApiError> {
    let answer = wire::parse::<O>(body)?.run(call).await?;
    let mut json = Zeroizing::new(Vec::with_capacity(512));
    serde_json::to_writer(&mut *json, &answer)
        .map_err(|error| ApiError::internal(format!("writing an answer: {error}")))?;
    Ok(json)
}

/// A name, an ARN, or either with a version or a label.
const NAME: Constraint = text().within(1, 2048);

/// How many are on a page.
fn page_size(asked: Option<i64>, default: usize) -> usize {
    asked.and_then(|number| usize::try_from(number).ok()).unwrap_or(default)
}

/// What is wrong with a member that the constraints say is there.
fn missing() -> ApiError {
    ApiError::internal("a required member was let through without a value")
}

#[cfg(test)]
mod tests;
