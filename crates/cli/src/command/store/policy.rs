//! `parados store policy`: what the principals of a server may do.

use std::io::Read as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use parados_parameter::{AccountRegion, Clock as _, ParameterName, SystemClock, Tag};
use parados_server::Action;
use parados_server::policy::{
    Circumstances, Decision, MAX_POLICY_BYTES, PolicyBook, Question, SCHEMA, Target, TargetKind, check_policy,
};
use parados_server::principal::{AccessTables, AccessTablesError, Principal};
use serde::Serialize;

use super::place::PlaceArgs;
use crate::cli::GlobalArgs;
use crate::error::{Failure, Result};
use crate::output::note;
use crate::runtime;

/// What is done with policies.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Store a policy in Cedar, in place of one of the same name, when it fits the schema
    Set(SetArgs),
    /// List policies
    List(ListArgs),
    /// Print a policy
    Show(NameArgs),
    /// Delete a policy
    Delete(NameArgs),
    /// Say what a principal may do with a parameter or a path, and which policy says so
    Check(Box<CheckArgs>),
    /// Print the schema: what policies can speak of
    Schema,
}

/// The arguments of `policy set`.
#[derive(Debug, clap::Args)]
pub(crate) struct SetArgs {
    /// The policy's name
    name: String,
    /// The file that it is in; - is standard input
    file: PathBuf,
    #[command(flatten)]
    place: PlaceArgs,
}

/// The arguments of `policy list`.
#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    place: PlaceArgs,
}

/// The arguments of `policy show` and `policy delete`.
#[derive(Debug, clap::Args)]
pub(crate) struct NameArgs {
    /// The policy's name
    name: String,
    #[command(flatten)]
    place: PlaceArgs,
}

/// The arguments of `policy check`.
#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    /// The principal's name
    #[arg(value_name = "PRINCIPAL")]
    principal: String,
    /// The parameter or the path
    #[arg(value_name = "NAME")]
    name: String,
    /// The principal's account, of 12 digits
    #[arg(long, value_name = "ACCOUNT")]
    account: String,
    /// The Region that it calls
    #[arg(long, value_name = "REGION")]
    region: String,
    /// Only this action, as ssm:GetParameter
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// A tag of the parameter, KEY=VALUE [default: those that it has]
    #[arg(long = "tag", value_name = "TAG", value_parser = Tag::parse)]
    tags: Vec<Tag>,
    /// From which address it calls
    #[arg(long, value_name = "IP")]
    source_ip: Option<IpAddr>,
    /// With SecureString values in the clear
    #[arg(long)]
    with_decryption: bool,
    /// With overwriting what is there
    #[arg(long)]
    overwrite: bool,
    /// With everything below the path
    #[arg(long)]
    recursive: bool,
    #[command(flatten)]
    place: PlaceArgs,
}

/// A policy.
#[derive(Debug, Serialize)]
struct PolicyView {
    /// The name.
    name: String,
    /// The text.
    text: String,
    /// When it was set.
    changed_at: String,
}

/// What the policies say of one action.
#[derive(Debug, Serialize)]
struct DecisionView {
    /// The IAM action.
    action: &'static str,
    /// allowed, forbidden, not-allowed
    decision: &'static str,
    /// The statements that decide: `policy`, or `policy#2` for the second of one.
    because: Vec<String>,
    /// Policies that failed while they were asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failures: Vec<String>,
}

/// Does it.
pub(crate) fn run(verb: &Verb, global: &GlobalArgs) -> Result<()> {
    match verb {
        Verb::Set(args) => runtime::run(set(args)),
        Verb::List(args) => runtime::run(list(args, global)),
        Verb::Show(args) => runtime::run(show(args, global)),
        Verb::Delete(args) => runtime::run(async {
            args.place.tables().await?.delete_policy(&args.name).await?;
            note(&format!("policy {} is deleted; within 5 seconds no server goes by it any more", args.name));
            Ok(())
        }),
        Verb::Check(args) => runtime::run(check(args, global)),
        Verb::Schema => global.stdout().text(SCHEMA),
    }
}

async fn set(args: &SetArgs) -> Result<()> {
    let text = read(&args.file)?;
    for warning in check_policy(&args.name, &text)? {
        note(&format!("warning: {warning}"));
    }
    args.place.tables().await?.set_policy(&args.name, &text, SystemClock.now()).await?;
    note(&format!("policy {} is set; within 5 seconds every server goes by it", args.name));
    Ok(())
}

/// Reads a file no further than a policy can be long.
fn read(file: &Path) -> Result<String> {
    let failed = |error: std::io::Error| Failure::configuration(format!("reading {}: {error}", file.display()));
    let mut bytes = Vec::new();
    let limit = MAX_POLICY_BYTES as u64 + 1;
    match file.as_os_str() == "-" {
        true => std::io::stdin().lock().take(limit).read_to_end(&mut bytes).map_err(failed)?,
        false => std::fs::File::open(file).map_err(failed)?.take(limit).read_to_end(&mut bytes).map_err(failed)?,
    };
    String::from_utf8(bytes).map_err(|_| Failure::configuration(format!("{} is not text in UTF-8", file.display())))
}

async fn list(args: &ListArgs, global: &GlobalArgs) -> Result<()> {
    let views = views(&args.place.tables().await?).await?;
    let output = global.stdout();
    output.result(&views, || {
        let rows = views.iter().map(|policy| vec![policy.name.clone(), policy.changed_at.clone()]);
        output.table(&["POLICY", "CHANGED"], rows)
    })
}

async fn show(args: &NameArgs, global: &GlobalArgs) -> Result<()> {
    let views = views(&args.place.tables().await?).await?;
    let Some(policy) = views.into_iter().find(|policy| policy.name == args.name) else {
        return Err(AccessTablesError::NoPolicy(args.name.clone()).into());
    };
    global.stdout().result(&policy, || policy.text.clone())
}

async fn views(tables: &AccessTables) -> Result<Vec<PolicyView>> {
    let policies = tables.policies().await?.into_iter();
    let view = |policy: parados_server::principal::PolicyRecord| PolicyView {
        name: policy.name,
        text: policy.text,
        changed_at: policy.changed_at.to_string(),
    };
    Ok(policies.map(view).collect())
}

async fn check(args: &CheckArgs, global: &GlobalArgs) -> Result<()> {
    let principal = Principal::new(&args.account, &args.principal)?;
    let place = AccountRegion::new(&args.account, &args.region)?;
    let actions = actions(args.action.as_deref())?;
    let tables = args.place.tables().await?;
    let policies = tables.policies().await?;
    let book = PolicyBook::new(policies.iter().map(|policy| (policy.name.as_str(), policy.text.as_str())));
    let tags = match (&*args.tags, ParameterName::parse(&args.name)) {
        ([], Ok(name)) if book.reads_tags() => {
            let store = args.place.place()?.open().await?.database.store(&place, "parados store policy check");
            // What is not there has none.
            store.tags(std::slice::from_ref(&name)).await?.remove(&name).unwrap_or_default()
        }
        (given, _) => given.to_vec(),
    };
    let arn = principal.arn();
    let views = actions.into_iter().map(|action| {
        let target = match TargetKind::of(action) {
            TargetKind::Parameter => Target::Parameter(&args.name),
            TargetKind::Path => Target::Path(&args.name),
            TargetKind::Store => Target::Store,
        };
        let reason = book.explain(&Question {
            principal: &arn,
            name: principal.name(),
            place: &place,
            action: action.iam_action(),
            target,
            tags: &tags,
            circumstances: Circumstances {
                source: args.source_ip,
                with_decryption: args.with_decryption,
                overwrite: args.overwrite,
                recursive: args.recursive,
            },
        });
        let decision = match reason.decision {
            Decision::Allowed => "allowed",
            Decision::Forbidden => "forbidden",
            Decision::NotAllowed => "not-allowed",
        };
        DecisionView { action: action.iam_action(), decision, because: reason.statements, failures: reason.failures }
    });
    let views: Vec<DecisionView> = views.collect();
    let output = global.stdout();
    output.result(&views, || {
        let because = |view: &DecisionView| match &*view.because {
            [] => "no policy permits it".to_owned(),
            statements => statements.join(", "),
        };
        let rows = views.iter().map(|view| vec![view.action.to_owned(), view.decision.to_owned(), because(view)]);
        output.table(&["ACTION", "DECISION", "BECAUSE OF"], rows)
    })?;
    for failure in views.iter().flat_map(|view| &view.failures) {
        note(&format!("warning: {failure}"));
    }
    Ok(())
}

/// The action of this name, or all that are asked for.
fn actions(name: Option<&str>) -> Result<Vec<Action>> {
    let asked = || Action::ALL.iter().copied().filter(|action| *action != Action::GetCallerIdentity);
    let Some(name) = name else { return Ok(asked().collect()) };
    match asked().find(|action| action.iam_action() == name) {
        Some(action) => Ok(vec![action]),
        None => {
            let all: Vec<&str> = asked().map(Action::iam_action).collect();
            Err(Failure::usage(format!("--action {name}: it is one of {}", all.join(", "))))
        }
    }
}
