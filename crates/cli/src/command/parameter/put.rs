//! `parados parameter put`.

use parados_parameter::{
    AllowedPattern, DataType, Description, KeyId, ParameterName, ParameterType, Policy, PutRequest, Tag, TierRequest,
};

use super::value::ValueArgs;
use super::view::PutView;
use super::with_store;
use crate::cli::GlobalArgs;
use crate::config::OneStoreFlags;
use crate::error::Result;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The name
    name: ParameterName,
    #[command(flatten)]
    value: ValueArgs,
    /// The type: String, StringList or SecureString [default: String, or as it is]
    #[arg(long = "type", value_name = "TYPE")]
    parameter_type: Option<ParameterType>,
    /// The tier: Standard, Advanced or Intelligent-Tiering
    #[arg(long, value_name = "TIER")]
    tier: Option<TierRequest>,
    /// The KMS key of a SecureString
    #[arg(long, value_name = "KEY")]
    key_id: Option<KeyId>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    description: Option<Description>,
    /// A regular expression that its values must match
    #[arg(long, value_name = "REGEX")]
    allowed_pattern: Option<AllowedPattern>,
    /// Its policies, a list in JSON
    #[arg(long, value_name = "JSON")]
    policies: Option<String>,
    /// What the value means: text, aws:ec2:image or aws:ssm:integration
    #[arg(long, value_name = "TYPE")]
    data_type: Option<DataType>,
    /// A tag of a new parameter; can be given several times
    #[arg(long = "tag", value_name = "KEY=VALUE", conflicts_with = "overwrite")]
    tags: Vec<Tag>,
    /// Put a further version where there is one
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    store: OneStoreFlags,
}

/// Puts it.
pub(crate) fn run(args: Args, global: &GlobalArgs) -> Result<()> {
    let policies = args.policies.as_deref().map(Policy::parse_list).transpose()?;
    let value = args.value.read()?;
    let name = args.name.clone();
    let request = PutRequest {
        parameter_type: args.parameter_type,
        key_id: args.key_id,
        overwrite: args.overwrite,
        description: args.description,
        allowed_pattern: args.allowed_pattern,
        tags: args.tags,
        tier: args.tier,
        policies,
        data_type: args.data_type,
        ..PutRequest::new(args.name, value)
    };
    let outcome = with_store(&args.store, global, async |opened| Ok(opened.store.put(&request).await?))?;
    global.stdout().result(&PutView::of(outcome), || format!("{name} is at version {}\n", outcome.version))
}
