//! `parados parameter label`, `unlabel`, `tag`, `untag`.

use parados_parameter::{Label, ParameterName, Tag, Version};

use super::view::{LabelView, TagView, UnlabelView, UntagView};
use super::with_store;
use crate::cli::GlobalArgs;
use crate::config::OneStoreFlags;
use crate::error::{Failure, Result};

/// The arguments of `label`.
#[derive(Debug, clap::Args)]
pub(crate) struct LabelArgs {
    /// The name
    name: ParameterName,
    /// The labels; one that another version bears moves
    #[arg(required = true, value_name = "LABEL")]
    labels: Vec<String>,
    /// The version [default: the newest]
    #[arg(long, value_name = "NUMBER")]
    parameter_version: Option<i64>,
    #[command(flatten)]
    store: OneStoreFlags,
}

/// The arguments of `unlabel`.
#[derive(Debug, clap::Args)]
pub(crate) struct UnlabelArgs {
    /// The name
    name: ParameterName,
    /// The labels
    #[arg(required = true, value_name = "LABEL")]
    labels: Vec<Label>,
    /// The version
    #[arg(long, value_name = "NUMBER")]
    parameter_version: i64,
    #[command(flatten)]
    store: OneStoreFlags,
}

/// The arguments of `tag`.
#[derive(Debug, clap::Args)]
pub(crate) struct TagArgs {
    /// The name
    name: ParameterName,
    /// The tags; a key that is there gets the new value
    #[arg(required = true, value_name = "KEY=VALUE")]
    tags: Vec<Tag>,
    #[command(flatten)]
    store: OneStoreFlags,
}

/// The arguments of `untag`.
#[derive(Debug, clap::Args)]
pub(crate) struct UntagArgs {
    /// The name
    name: ParameterName,
    /// The keys of the tags
    #[arg(required = true, value_name = "KEY")]
    keys: Vec<String>,
    #[command(flatten)]
    store: OneStoreFlags,
}

/// Labels a version. Labels that break the rules make the command fail although the others are set, as AWS sets them.
pub(crate) fn label(args: &LabelArgs, global: &GlobalArgs) -> Result<()> {
    let version = args.parameter_version.map(Version::new).transpose()?;
    let outcome = with_store(&args.store, global, async |opened| {
        Ok(opened.store.label(&args.name, version, &args.labels).await?)
    })?;
    global.stdout().result(&LabelView::of(&outcome), || {
        let set: Vec<_> = args.labels.iter().filter(|label| !outcome.invalid.contains(label)).cloned().collect();
        match set.as_slice() {
            [] => String::new(),
            set => format!("{} version {} bears {}\n", args.name, outcome.version, set.join(", ")),
        }
    })?;
    refuse(&outcome.invalid, "are not labels, and were not set")
        .map_err(|failure| failure.hint("a label has letters, digits, '.', '-' and '_', and begins with a letter"))
}

/// Takes labels off a version.
pub(crate) fn unlabel(args: &UnlabelArgs, global: &GlobalArgs) -> Result<()> {
    let version = Version::new(args.parameter_version)?;
    let outcome = with_store(&args.store, global, async |opened| {
        Ok(opened.store.unlabel(&args.name, version, &args.labels).await?)
    })?;
    let view = UnlabelView::of(&outcome);
    global.stdout().result(&view, || match view.removed_labels.as_slice() {
        [] => String::new(),
        removed => format!("{} version {version} no longer bears {}\n", args.name, removed.join(", ")),
    })?;
    refuse(&view.invalid_labels, "are not labels of that version")
        .map_err(|failure| failure.hint("`parados parameter history NAME` shows which version bears which"))
}

/// Adds tags.
pub(crate) fn tag(args: &TagArgs, global: &GlobalArgs) -> Result<()> {
    with_store(&args.store, global, async |opened| Ok(opened.store.tag(&args.name, &args.tags).await?))?;
    global.stdout().result(&TagView::of(&args.name, &args.tags), || format!("{} is tagged\n", args.name))
}

/// Takes tags off.
pub(crate) fn untag(args: &UntagArgs, global: &GlobalArgs) -> Result<()> {
    with_store(&args.store, global, async |opened| Ok(opened.store.untag(&args.name, &args.keys).await?))?;
    let view = UntagView { name: args.name.clone(), tag_keys: args.keys.clone() };
    global.stdout().result(&view, || format!("{} no longer bears {}\n", args.name, args.keys.join(", ")))
}

fn refuse(labels: &[String], why: &str) -> Result<()> {
    match labels {
        [] => Ok(()),
        labels => Err(Failure::failed(format!("{} {why}", labels.join(", ")))),
    }
}
