//! What the operations on resource policies share.

use parados_parameter::{DescribeRequest, Filter, FilterKey, FilterOption, ParameterName, Tier};

use crate::ApiError;
use crate::call::Call;
use crate::service::PolicyRefusal;
use crate::wire::{Constraint, text};

/// `ResourceArn`.
pub(super) const ARN: Constraint = text().required().within(20, 2048);

/// The parameter of this ARN, which is there, and which the caller may do this to.
///
/// # Errors
/// ResourcePolicyInvalidParameterException, ResourceNotFoundException, AccessDeniedException.
pub(super) async fn authorize(call: &mut Call<'_>, arn: &str) -> Result<(ParameterName, Tier), ApiError> {
    let invalid = || {
        let message = "One or more parameters specified for the call aren't valid. Verify the parameters and their values and \
                       try again.";
        ApiError::new("ResourcePolicyInvalidParameterException", message)
    };
    let not_found =
        || ApiError::new("ResourceNotFoundException", "The specified parameter to be shared could not be found.");
    if !arn.starts_with("arn:") {
        return Err(invalid());
    }
    let name =
        call.name(arn).map_err(|error| if error.code() == "ParameterNotFound" { not_found() } else { invalid() })?;
    call.authorize_on(&name).await?;
    let filter = Filter { key: FilterKey::Name, option: FilterOption::Equals, values: vec![name.absolute()] };
    let request = DescribeRequest { filters: vec![filter], ..DescribeRequest::default() };
    let page = call.store.describe(&request).await?;
    let found = page.items.into_iter().find(|one| one.name == name).ok_or_else(not_found)?;
    Ok((name, found.tier))
}

impl From<PolicyRefusal> for ApiError {
    fn from(refusal: PolicyRefusal) -> Self {
        match refusal {
            PolicyRefusal::NotFound => Self::new(
                "ResourcePolicyNotFoundException",
                "No policies with the specified policy ID and hash could be found.",
            ),
            PolicyRefusal::Conflict => Self::new(
                "ResourcePolicyConflictException",
                "The hash provided in the call doesn't match the stored hash. This exception is thrown when trying to update \
                 an obsolete policy version or when multiple requests to update a policy are sent.",
            ),
        }
    }
}
