//! The contract of a store of parameters.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

use crate::error::{Result, StoreError};
use crate::{
    AllowedPattern, DataType, Description, Filter, HistoryEntry, KeyId, Label, Parameter, ParameterMetadata,
    ParameterName, ParameterReference, ParameterType, Policy, Secret, Tag, Tier, TierRequest, Version,
};

/// Most results of a page of DescribeParameters and of GetParameterHistory.
pub const MAX_PAGE: usize = 50;
/// Most results of a page of GetParametersByPath.
pub const MAX_PATH_PAGE: usize = 10;
/// Most names of one GetParameters.
pub const MAX_GET_NAMES: usize = 10;
/// Most names of one read of tags (Resource Groups Tagging `GetResources`).
pub const MAX_TAG_NAMES: usize = 100;

/// A store of parameters, after AWS SSM Parameter Store.
///
/// Every method is one call: what it costs of a quota is counted by calling it. Every implementation and every decorator
/// keeps the promises below, and the [conformance suite](crate::conformance) holds it to them.
///
/// * **Pages.** A page holds from none to `max_results` items. It is the last one when `next_token` is absent: *an empty
///   page with a token is not the end*. A parameter that exists through the whole listing is listed exactly once; one that
///   is put or deleted meanwhile may or may not be.
/// * **What cannot be understood.** An entry of a listing that this version cannot understand (a type or a tier that came
///   later) is in `unreadable`, by its name and with the reason, and spoils nothing else on its page. An answer about one
///   parameter, or one without a name, is an InvalidResponse error.
/// * **Reads see what was written.** A read begun after a write returned sees it. (AWS is eventually consistent; its
///   implementation promises what AWS promises.)
/// * **All or nothing.** A write has either happened as a whole, or it failed and changed nothing — except that an error of
///   kind Timeout or Connection leaves open which of the two it was.
/// * **Names.** `foo` and `/foo` are one parameter; listings spell it as it was created.
/// * **Errors.** The kinds are AWS's own; a failed read is an error, never an empty answer.
#[async_trait]
pub trait ParameterStore: Debug + Send + Sync + 'static {
    /// Lists what is known of the parameters that match every one of `request.filters`, in an order of the store's choice
    /// that does not change between the pages (DescribeParameters).
    ///
    /// # Errors
    /// InvalidFilterKey, InvalidFilterOption, InvalidFilterValue; InvalidNextToken; Validation when `max_results` is not 1
    /// to [`MAX_PAGE`].
    async fn describe(&self, request: &DescribeRequest) -> Result<Page<ParameterMetadata>>;

    /// Reads one parameter, decrypted, at its newest version or at the one that the reference names (GetParameter).
    ///
    /// # Errors
    /// ParameterNotFound; ParameterVersionNotFound; InvalidKeyId, when the value cannot be decrypted.
    async fn get(&self, reference: &ParameterReference) -> Result<Parameter>;

    /// Reads up to [`MAX_GET_NAMES`] parameters, decrypted, each at its newest version (GetParameters). Names that are not
    /// there come back in `invalid`: between them, `parameters` and `invalid` hold every name once, in any order.
    ///
    /// # Errors
    /// Validation when there are none, more than ten, or one twice; InvalidKeyId, when one of the values cannot be
    /// decrypted: then none is returned.
    async fn get_many(&self, names: &[ParameterName]) -> Result<GetManyOutcome>;

    /// Reads the parameters under a path, decrypted, a page at a time (GetParametersByPath).
    ///
    /// # Errors
    /// Validation when the path does not begin with `/` or `max_results` is not 1 to [`MAX_PATH_PAGE`]; the filter errors
    /// (only Type, KeyId and Label are known here); InvalidNextToken; InvalidKeyId.
    async fn by_path(&self, request: &ByPathRequest) -> Result<Page<Parameter>>;

    /// Reads the versions that are kept of a parameter, oldest first, with their labels (GetParameterHistory).
    ///
    /// # Errors
    /// ParameterNotFound; InvalidNextToken; InvalidKeyId; Validation when `max_results` is not 1 to [`MAX_PAGE`].
    async fn history(&self, request: &HistoryRequest) -> Result<Page<HistoryEntry>>;

    /// Reads the tags of up to [`MAX_TAG_NAMES`] parameters (Resource Groups Tagging GetResources). A parameter without
    /// tags, or that does not exist, is absent from the answer. Sorted by key.
    ///
    /// # Errors
    /// Validation when there are none or too many names; AccessDenied where the caller may not use that service, and then
    /// [`list_tags`](Self::list_tags) may do.
    async fn tags(&self, names: &[ParameterName]) -> Result<BTreeMap<ParameterName, Vec<Tag>>>;

    /// Reads the tags of all parameters that have some, where one answer holds them (Resource Groups Tagging GetResources, without
    /// names): none where it does not. A parameter that is absent from the answer has no tags. Sorted by key.
    ///
    /// It spares the calls of [`tags`](Self::tags) where few of many parameters are tagged. A store whose listings say the tags has
    /// no use for it, and may always answer none, as this default does.
    ///
    /// # Errors
    /// AccessDenied, as [`tags`](Self::tags).
    async fn all_tags(&self) -> Result<Option<BTreeMap<ParameterName, Vec<Tag>>>> {
        Ok(None)
    }

    /// Reads the tags of one parameter (ListTagsForResource), sorted by key.
    ///
    /// # Errors
    /// InvalidResourceId when it does not exist.
    async fn list_tags(&self, name: &ParameterName) -> Result<Vec<Tag>>;

    /// Creates a parameter at version 1, or with `overwrite` adds a version to it (PutParameter).
    ///
    /// The type, tier, key, description, pattern, data type and policies that an overwrite leaves out stay as they are. A
    /// tier goes up and never down. The hundred-and-first version drops the oldest.
    ///
    /// # Errors
    /// ParameterAlreadyExists without `overwrite`; Validation for a name that cannot be created, an empty value, one that
    /// is too long for its tier or contains `{{`, tags with `overwrite`, a changed type from or to SecureString with a key
    /// that does not fit, a tier that would go down; ParameterPatternMismatch; ParameterMaxVersionLimitExceeded when the
    /// oldest of 100 versions bears a label; ParameterLimitExceeded; IncompatiblePolicy for policies outside of the advanced
    /// tier; InvalidKeyId.
    async fn put(&self, request: &PutRequest) -> Result<PutOutcome>;

    /// Deletes a parameter with its versions, labels and tags (DeleteParameter). Its next version is 1 again.
    ///
    /// # Errors
    /// ParameterNotFound.
    async fn delete(&self, name: &ParameterName) -> Result<()>;

    /// Labels a version, the newest where none is given; a label that another version bears moves
    /// (LabelParameterVersion). Labels that break the rules come back in `invalid` and change nothing.
    ///
    /// # Errors
    /// ParameterNotFound; ParameterVersionNotFound; ParameterVersionLabelLimitExceeded past ten, and then none is set.
    async fn label(&self, name: &ParameterName, version: Option<Version>, labels: &[String]) -> Result<LabelOutcome>;

    /// Takes labels off a version (UnlabelParameterVersion). Labels that it does not bear come back in `invalid`.
    ///
    /// # Errors
    /// ParameterNotFound; ParameterVersionNotFound.
    async fn unlabel(&self, name: &ParameterName, version: Version, labels: &[Label]) -> Result<UnlabelOutcome>;

    /// Adds tags; a key that is there gets the new value (AddTagsToResource).
    ///
    /// # Errors
    /// InvalidResourceId when it does not exist; TooManyTags past 50, and then none is set.
    async fn tag(&self, name: &ParameterName, tags: &[Tag]) -> Result<()>;

    /// Takes tags off by key; a key that is not there is no error (RemoveTagsFromResource).
    ///
    /// # Errors
    /// InvalidResourceId when it does not exist.
    async fn untag(&self, name: &ParameterName, keys: &[String]) -> Result<()>;
}

/// A store that is shared.
pub type SharedStore = Arc<dyn ParameterStore>;

/// A page of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What is on it; perhaps nothing.
    pub items: Vec<T>,
    /// What is on it too, and could not be understood. Whoever leaves it out of account takes a failed read for an empty one.
    pub unreadable: Vec<Unreadable>,
    /// What to ask the next page with; absent on the last one.
    pub next_token: Option<String>,
}

impl<T> Page<T> {
    /// A page of which everything was understood.
    pub fn new(items: Vec<T>, next_token: Option<String>) -> Self {
        Self { items, unreadable: Vec::new(), next_token }
    }

    /// The page, for whoever needs all of it.
    ///
    /// # Errors
    /// That of the first entry that could not be understood.
    pub fn whole(self) -> Result<Self> {
        match self.unreadable.into_iter().next() {
            Some(first) => Err(first.error),
            None => Ok(Self { unreadable: Vec::new(), ..self }),
        }
    }
}

/// An entry of a listing that could not be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The parameter.
    pub name: ParameterName,
    /// Why: an error of kind InvalidResponse about it.
    pub error: StoreError,
}

/// What [`ParameterStore::describe`] is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribeRequest {
    /// All of them must match.
    pub filters: Vec<Filter>,
    /// 1 to [`MAX_PAGE`].
    pub max_results: usize,
    /// The last page's token; absent for the first page.
    pub next_token: Option<String>,
}

impl Default for DescribeRequest {
    fn default() -> Self {
        Self { filters: Vec::new(), max_results: MAX_PAGE, next_token: None }
    }
}

/// What [`ParameterStore::by_path`] is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByPathRequest {
    /// `/app/dev`; `/` for everything.
    pub path: String,
    /// Deeper levels too.
    pub recursive: bool,
    /// By Type, KeyId or Label.
    pub filters: Vec<Filter>,
    /// 1 to [`MAX_PATH_PAGE`].
    pub max_results: usize,
    /// The last page's token.
    pub next_token: Option<String>,
}

impl ByPathRequest {
    /// Everything under `path`, the first page.
    pub fn recursive(path: impl Into<String>) -> Self {
        Self { path: path.into(), recursive: true, filters: Vec::new(), max_results: MAX_PATH_PAGE, next_token: None }
    }
}

/// What [`ParameterStore::history`] is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryRequest {
    /// The parameter.
    pub name: ParameterName,
    /// 1 to [`MAX_PAGE`].
    pub max_results: usize,
    /// The last page's token.
    pub next_token: Option<String>,
}

impl HistoryRequest {
    /// The first page of the versions of `name`.
    pub fn of(name: ParameterName) -> Self {
        Self { name, max_results: MAX_PAGE, next_token: None }
    }
}

/// What [`ParameterStore::get_many`] answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GetManyOutcome {
    /// Those that are there.
    pub parameters: Vec<Parameter>,
    /// Those that are not.
    pub invalid: Vec<ParameterName>,
}

/// What [`ParameterStore::put`] is asked. What is [`None`] is left as it is on an overwrite, and takes the store's default
/// on a create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutRequest {
    /// The name.
    pub name: ParameterName,
    /// The value.
    pub value: Secret,
    /// String where it is created without one.
    pub parameter_type: Option<ParameterType>,
    /// The key of a SecureString; the account's `alias/aws/ssm` where it is created without one.
    pub key_id: Option<KeyId>,
    /// Whether a parameter that is there gets a further version.
    pub overwrite: bool,
    /// What it is for.
    pub description: Option<Description>,
    /// What values must match.
    pub allowed_pattern: Option<AllowedPattern>,
    /// On a create only.
    pub tags: Vec<Tag>,
    /// The tier asked for.
    pub tier: Option<TierRequest>,
    /// The policies; an empty list takes them away.
    pub policies: Option<Vec<Policy>>,
    /// What the value means.
    pub data_type: Option<DataType>,
}

impl PutRequest {
    /// Creates `name` with `value`; everything else as the store would have it.
    pub fn new(name: ParameterName, value: Secret) -> Self {
        Self {
            name,
            value,
            parameter_type: None,
            key_id: None,
            overwrite: false,
            description: None,
            allowed_pattern: None,
            tags: Vec::new(),
            tier: None,
            policies: None,
            data_type: None,
        }
    }
}

/// What [`ParameterStore::put`] answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PutOutcome {
    /// The version made.
    pub version: Version,
    /// The tier it is in.
    pub tier: Tier,
}

/// What [`ParameterStore::label`] answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelOutcome {
    /// The version labelled.
    pub version: Version,
    /// Labels that break the rules and were not set.
    pub invalid: Vec<String>,
}

/// What [`ParameterStore::unlabel`] answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnlabelOutcome {
    /// Labels taken off.
    pub removed: Vec<Label>,
    /// Labels that the version does not bear.
    pub invalid: Vec<Label>,
}
