//! `parados infra import`.

use std::collections::BTreeSet;

use parados_infra::difference::Difference;
use parados_infra::import::{ImportError, import, resource_name};
use parados_infra::kind::KindName;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::opened::StackArgs;
use crate::cli::GlobalArgs;
use crate::error::{Failure, Result};
use crate::{exit_code, output, runtime};

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    stack: StackArgs,
    /// What they are: aws:s3:Bucket, aws:ssm:Parameter, aws:iam:Role, aws:iam:Policy, aws:kms:Alias, gcp:storage:Bucket,
    /// azure:storage:Container, local:Folder, parados:store:Parameter
    #[arg(value_parser = kind)]
    kind: KindName,
    /// What the cloud calls them: names, a path, or ACCOUNT/NAME of a container
    #[arg(required = true)]
    ids: Vec<String>,
    /// What the declaration calls it [default: made from its id]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// In which of the declaration's targets they are
    #[arg(long, value_name = "TARGET")]
    in_target: Option<String>,
}

fn kind(text: &str) -> Result<KindName, String> {
    let known = KindName::ALL;
    let found = known.into_iter().find(|kind| kind.as_str() == text);
    found.ok_or_else(|| format!("it is one of {}", known.map(KindName::as_str).join(", ")))
}

/// Resources that are there, as a declaration.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ImportView {
    /// A file of `infra/`.
    declaration: Value,
    /// What no declaration can say, and `infra up --adopt` would change, by resource.
    unsaid: Vec<UnsaidView>,
}

/// Something that no declaration can say.
#[derive(Debug, Serialize, JsonSchema)]
struct UnsaidView {
    /// What the declaration calls the resource.
    resource: String,
    #[serde(flatten)]
    difference: Difference,
}

/// Prints a declaration of what is there, and says with what code the process ends.
pub(crate) fn run(args: &Args, global: &GlobalArgs) -> Result<u8> {
    if args.name.is_some() && args.ids.len() > 1 {
        return Err(Failure::usage("--name is for one resource").hint("leave it out, or import one after the other"));
    }
    let view = runtime::run(view(args, global))?;
    let text = serde_saphyr::to_string(&view.declaration)
        .map_err(|error| Failure::failed(format!("the declaration cannot be written: {error}")))?;
    global.stdout().result(&view, || text)?;
    for one in &view.unsaid {
        let UnsaidView { resource, difference: Difference { path, live, desired } } = one;
        output::note(&format!(
            "{resource}: no declaration says that {path} is {live}; `infra up --adopt` makes it {desired}"
        ));
    }
    Ok(if view.unsaid.is_empty() { exit_code::COMPLETE } else { exit_code::PARTIAL })
}

async fn view(args: &Args, global: &GlobalArgs) -> Result<ImportView> {
    let stack = args.stack.open(global).await?;
    let mut taken: BTreeSet<String> = stack.declaration.resources.iter().map(|one| one.name.clone()).collect();
    let (mut resources, mut unsaid) = (Map::new(), Vec::new());
    for id in &args.ids {
        let name = args.name.clone().unwrap_or_else(|| resource_name(id, &taken));
        let imported = import(&stack, args.in_target.as_deref(), args.kind, id, &name).await;
        let imported = imported.map_err(|error| failure(error, &stack.owner()))?;
        taken.insert(name.clone());
        unsaid.extend(imported.unsaid.into_iter().map(|difference| UnsaidView { resource: name.clone(), difference }));
        resources.insert(name, imported.keys);
    }
    Ok(ImportView { declaration: json!({"version": 1, "resources": resources}), unsaid })
}

fn failure(error: ImportError, owner: &str) -> Failure {
    let message = error.to_string();
    match error {
        ImportError::Stack(error) => error.into(),
        ImportError::Call(error) => Failure::failed(message).hints(error.hints()),
        ImportError::ByTags { .. } => Failure::usage(message).hint(format!(
            "tag it parados:owner = {owner} and parados:resource = NAME, and declare NAME: `infra preview` finds it then"
        )),
        ImportError::Absent { .. } => Failure::failed(message).hint("look at the name, the account and the Region"),
        ImportError::Undeclarable { .. } => Failure::failed(message),
    }
}
