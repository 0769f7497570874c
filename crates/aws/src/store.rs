//! The store: one call of the trait, one call of the SDK, tried once.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use aws_sdk_ssm::types::ResourceTypeForTagging;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use aws_types::SdkConfig;
use parados_parameter::{
    ByPathRequest, DescribeRequest, GetManyOutcome, HistoryEntry, HistoryRequest, Label, LabelOutcome, MAX_GET_NAMES,
    MAX_PAGE, MAX_PATH_PAGE, MAX_TAG_NAMES, Operation, Page, Parameter, ParameterMetadata, ParameterName,
    ParameterReference, ParameterStore, ParameterType, PutOutcome, PutRequest, StoreError, StoreErrorKind, Tag,
    UnlabelOutcome, Version,
};

use crate::failure::{Failure, without_value};
use crate::request;
use crate::response::{self, Answer};
use crate::session::Identity;

/// Most resources of one answer of GetResources.
const PAGE_OF_RESOURCES: i32 = 100;

/// The Parameter Store of one account and Region.
///
/// It does not retry, and it does not spare the quota: the decorators of `parados-parameter` do.
#[derive(Clone)]
pub struct AwsStore {
    ssm: aws_sdk_ssm::Client,
    tagging: aws_sdk_resourcegroupstagging::Client,
    partition: String,
    region: String,
    account: String,
}

impl fmt::Debug for AwsStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsStore").field("account", &self.account).field("region", &self.region).finish_non_exhaustive()
    }
}

impl AwsStore {
    pub(crate) fn new(config: &SdkConfig, identity: &Identity, region: &str) -> Self {
        let once = config.to_builder().retry_config(RetryConfig::disabled()).build();
        Self {
            ssm: aws_sdk_ssm::Client::new(&once),
            tagging: aws_sdk_resourcegroupstagging::Client::new(&once),
            partition: identity.partition.clone(),
            region: region.to_owned(),
            account: identity.account.clone(),
        }
    }

    /// The parameter that an ARN names, where it is one of this account and Region.
    fn named(&self, arn: &str) -> Option<ParameterName> {
        let Self { partition, region, account, .. } = self;
        let name = arn.strip_prefix(&format!("arn:{partition}:ssm:{region}:{account}:parameter"))?;
        name.starts_with('/').then(|| ParameterName::observed(name.to_owned()))
    }

    fn arn(&self, name: &ParameterName) -> String {
        name.arn(&self.partition, &self.region, &self.account)
    }
}

/// The error of a call, whose words are those of AWS.
fn failed<E: ProvideErrorMetadata>(
    operation: Operation,
    subject: impl fmt::Display,
) -> impl FnOnce(SdkError<E, HttpResponse>) -> StoreError {
    move |error| Failure::of(&error).into_error(operation, subject)
}

/// A token that is there; some services say an empty one for none.
fn token(token: Option<String>) -> Option<String> {
    token.filter(|token| !token.is_empty())
}

#[async_trait]
impl ParameterStore for AwsStore {
    async fn describe(&self, request: &DescribeRequest) -> Result<Page<ParameterMetadata>, StoreError> {
        const OPERATION: Operation = Operation::DescribeParameters;
        let output = self
            .ssm
            .describe_parameters()
            .set_parameter_filters(request::filters(&request.filters))
            .max_results(request::max_results(OPERATION, request.max_results, MAX_PAGE)?)
            .set_next_token(request.next_token.clone())
            .send()
            .await
            .map_err(failed(OPERATION, ""))?;
        let answer = Answer { operation: OPERATION, subject: "" };
        answer.page(output.parameters, |one| one.name.clone(), Answer::metadata, token(output.next_token))
    }

    async fn get(&self, reference: &ParameterReference) -> Result<Parameter, StoreError> {
        const OPERATION: Operation = Operation::GetParameter;
        let subject = reference.to_string();
        let output = self
            .ssm
            .get_parameter()
            .name(&subject)
            .with_decryption(true)
            .send()
            .await
            .map_err(failed(OPERATION, &subject))?;
        let answer = Answer { operation: OPERATION, subject: &subject };
        answer.parameter(answer.present(None, "a Parameter", output.parameter)?)
    }

    async fn get_many(&self, names: &[ParameterName]) -> Result<GetManyOutcome, StoreError> {
        const OPERATION: Operation = Operation::GetParameters;
        request::check_count(OPERATION, names, MAX_GET_NAMES)?;
        request::check_distinct(OPERATION, names)?;
        let subject = request::subject(names);
        let output = self
            .ssm
            .get_parameters()
            .set_names(Some(names.iter().map(|name| name.as_str().to_owned()).collect()))
            .with_decryption(true)
            .send()
            .await
            .map_err(failed(OPERATION, &subject))?;
        let answer = Answer { operation: OPERATION, subject: &subject };
        let parameters = output.parameters.unwrap_or_default().into_iter().map(|one| answer.parameter(one));
        let parameters = parameters.collect::<Result<Vec<_>, _>>()?;
        let invalid: Vec<_> =
            output.invalid_parameters.unwrap_or_default().into_iter().map(ParameterName::observed).collect();

        // A name that the answer is silent about must not pass for one that is not there.
        let mut answered: Vec<&ParameterName> = parameters.iter().map(|one| &one.name).chain(&invalid).collect();
        let mut asked: Vec<&ParameterName> = names.iter().collect();
        answered.sort_unstable();
        asked.sort_unstable();
        if answered != asked {
            return Err(answer.invalid(None, "the answer does not hold each name that was asked for once"));
        }
        Ok(GetManyOutcome { parameters, invalid })
    }

    async fn by_path(&self, request: &ByPathRequest) -> Result<Page<Parameter>, StoreError> {
        const OPERATION: Operation = Operation::GetParametersByPath;
        let output = self
            .ssm
            .get_parameters_by_path()
            .path(&request.path)
            .recursive(request.recursive)
            .set_parameter_filters(request::filters(&request.filters))
            .with_decryption(true)
            .max_results(request::max_results(OPERATION, request.max_results, MAX_PATH_PAGE)?)
            .set_next_token(request.next_token.clone())
            .send()
            .await
            .map_err(failed(OPERATION, &request.path))?;
        let answer = Answer { operation: OPERATION, subject: &request.path };
        answer.page(output.parameters, |one| one.name.clone(), Answer::parameter, token(output.next_token))
    }

    async fn history(&self, request: &HistoryRequest) -> Result<Page<HistoryEntry>, StoreError> {
        const OPERATION: Operation = Operation::GetParameterHistory;
        let output = self
            .ssm
            .get_parameter_history()
            .name(request.name.as_str())
            .with_decryption(true)
            .max_results(request::max_results(OPERATION, request.max_results, MAX_PAGE)?)
            .set_next_token(request.next_token.clone())
            .send()
            .await
            .map_err(failed(OPERATION, &request.name))?;
        let answer = Answer { operation: OPERATION, subject: request.name.as_str() };
        let items = output.parameters.unwrap_or_default().into_iter().map(|one| answer.history(one));
        Ok(Page::new(items.collect::<Result<_, _>>()?, token(output.next_token)))
    }

    async fn tags(&self, names: &[ParameterName]) -> Result<BTreeMap<ParameterName, Vec<Tag>>, StoreError> {
        const OPERATION: Operation = Operation::GetResources;
        request::check_count(OPERATION, names, MAX_TAG_NAMES)?;
        let by_arn: BTreeMap<String, &ParameterName> = names.iter().map(|name| (self.arn(name), name)).collect();
        let mut found = BTreeMap::new();
        let mut call = self.tagging.get_resources().set_resource_arn_list(Some(by_arn.keys().cloned().collect()));
        // AWS answers a list of ARNs on one page. A token would stand for the whole question, and may not be sent
        // together with the list.
        loop {
            let output = call.send().await.map_err(failed(OPERATION, request::subject(names)))?;
            for resource in output.resource_tag_mapping_list.unwrap_or_default() {
                let name = resource.resource_arn.as_ref().and_then(|arn| by_arn.get(arn));
                let tags =
                    response::tags(resource.tags.unwrap_or_default().into_iter().map(|one| (one.key, one.value)));
                if let Some(name) = name.filter(|_| !tags.is_empty()) {
                    found.insert((*name).clone(), tags);
                }
            }
            match token(output.pagination_token) {
                Some(token) if found.len() < by_arn.len() => {
                    call = self.tagging.get_resources().pagination_token(token);
                }
                _ => return Ok(found),
            }
        }
    }

    async fn all_tags(&self) -> Result<Option<BTreeMap<ParameterName, Vec<Tag>>>, StoreError> {
        const OPERATION: Operation = Operation::GetResources;
        let call = self.tagging.get_resources().resource_type_filters("ssm:parameter");
        let output = call.resources_per_page(PAGE_OF_RESOURCES).send().await.map_err(failed(OPERATION, ""))?;
        if token(output.pagination_token).is_some() {
            return Ok(None);
        }
        let answer = Answer { operation: OPERATION, subject: "" };
        let mut found = BTreeMap::new();
        for resource in output.resource_tag_mapping_list.unwrap_or_default() {
            let tags = response::tags(resource.tags.unwrap_or_default().into_iter().map(|one| (one.key, one.value)));
            let arn = answer.present(None, "a ResourceARN", resource.resource_arn)?;
            let name = self
                .named(&arn)
                .ok_or_else(|| answer.invalid(None, format!("{arn} is no parameter of this account")))?;
            if !tags.is_empty() {
                found.insert(name, tags);
            }
        }
        Ok(Some(found))
    }

    async fn list_tags(&self, name: &ParameterName) -> Result<Vec<Tag>, StoreError> {
        let output = self
            .ssm
            .list_tags_for_resource()
            .resource_type(ResourceTypeForTagging::Parameter)
            .resource_id(name.as_str())
            .send()
            .await
            .map_err(failed(Operation::ListTagsForResource, name))?;
        Ok(response::tags(output.tag_list.unwrap_or_default().into_iter().map(|one| (one.key, one.value))))
    }

    async fn put(&self, request: &PutRequest) -> Result<PutOutcome, StoreError> {
        const OPERATION: Operation = Operation::PutParameter;
        // AWS wants a type on a create, and keeps the one that is there on an overwrite.
        let default_type = (!request.overwrite).then_some(ParameterType::String);
        let output = self
            .ssm
            .put_parameter()
            .name(request.name.as_str())
            .value(request.value.reveal())
            .set_type(request.parameter_type.or(default_type).map(request::parameter_type))
            .set_key_id(request.key_id.as_ref().map(|key| key.as_str().to_owned()))
            .overwrite(request.overwrite)
            .set_description(request.description.as_ref().map(|text| text.as_str().to_owned()))
            .set_allowed_pattern(request.allowed_pattern.as_ref().map(|text| text.as_str().to_owned()))
            .set_tags(request::tags(&request.tags))
            .set_tier(request.tier.map(request::tier))
            .set_policies(request::policies(request.policies.as_deref(), request.overwrite))
            .set_data_type(request.data_type.as_ref().map(|text| text.as_str().to_owned()))
            .send()
            .await
            .map_err(|error| {
                let failure = Failure::of(&error);
                let message = without_value(&failure.message, request.value.reveal());
                Failure { message, ..failure }.into_error(OPERATION, &request.name)
            })?;
        let answer = Answer { operation: OPERATION, subject: request.name.as_str() };
        let is_advanced = request.policies.as_ref().is_some_and(|policies| !policies.is_empty())
            || request.value.len() > parados_parameter::MAX_STANDARD_VALUE_BYTES;
        Ok(PutOutcome {
            version: answer.version(None, output.version)?,
            tier: answer.tier(request.name.as_str(), output.tier, is_advanced)?,
        })
    }

    async fn delete(&self, name: &ParameterName) -> Result<(), StoreError> {
        let call = self.ssm.delete_parameter().name(name.as_str());
        call.send().await.map(drop).map_err(failed(Operation::DeleteParameter, name))
    }

    async fn label(
        &self,
        name: &ParameterName,
        version: Option<Version>,
        labels: &[String],
    ) -> Result<LabelOutcome, StoreError> {
        const OPERATION: Operation = Operation::LabelParameterVersion;
        let output = self
            .ssm
            .label_parameter_version()
            .name(name.as_str())
            .set_parameter_version(version.map(Version::get))
            .set_labels(Some(labels.to_vec()))
            .send()
            .await
            .map_err(failed(OPERATION, name))?;
        let answer = Answer { operation: OPERATION, subject: name.as_str() };
        Ok(LabelOutcome {
            version: answer.version(None, output.parameter_version)?,
            invalid: output.invalid_labels.unwrap_or_default(),
        })
    }

    async fn unlabel(
        &self,
        name: &ParameterName,
        version: Version,
        labels: &[Label],
    ) -> Result<UnlabelOutcome, StoreError> {
        let output = self
            .ssm
            .unlabel_parameter_version()
            .name(name.as_str())
            .parameter_version(version.get())
            .set_labels(Some(labels.iter().map(|label| label.as_str().to_owned()).collect()))
            .send()
            .await
            .map_err(failed(Operation::UnlabelParameterVersion, format_args!("{name}:{version}")))?;
        let observed =
            |labels: Option<Vec<String>>| labels.unwrap_or_default().into_iter().map(Label::observed).collect();
        Ok(UnlabelOutcome { removed: observed(output.removed_labels), invalid: observed(output.invalid_labels) })
    }

    async fn tag(&self, name: &ParameterName, tags: &[Tag]) -> Result<(), StoreError> {
        const OPERATION: Operation = Operation::AddTagsToResource;
        let Some(tags) = request::tags(tags) else {
            return Err(StoreError::new(OPERATION, name, StoreErrorKind::Validation, "no tags were given"));
        };
        let call = self.ssm.add_tags_to_resource().resource_type(ResourceTypeForTagging::Parameter);
        let call = call.resource_id(name.as_str()).set_tags(Some(tags));
        call.send().await.map(drop).map_err(failed(OPERATION, name))
    }

    async fn untag(&self, name: &ParameterName, keys: &[String]) -> Result<(), StoreError> {
        let call = self.ssm.remove_tags_from_resource().resource_type(ResourceTypeForTagging::Parameter);
        let call = call.resource_id(name.as_str()).set_tag_keys(Some(keys.to_vec()));
        call.send().await.map(drop).map_err(failed(Operation::RemoveTagsFromResource, name))
    }
}
