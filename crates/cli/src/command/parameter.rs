//! `parados parameter`: one verb a file.

mod annotate;
mod delete;
mod get;
mod history;
mod list;
mod put;
mod value;
mod view;

use clap::Subcommand;

use crate::cli::GlobalArgs;
use crate::config::{OneStoreFlags, QuotaSettings, StoreSettings};
use crate::directories::Directories;
use crate::error::Result;
use crate::exit_code;
use crate::wiring::{self, OpenedStore};
use crate::{output, runtime};

pub(crate) use view::{
    DeleteView, DescribeView, GetView, HistoryView, LabelView, PutView, TagView, UnlabelView, UntagView,
};

/// What is done with parameters.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Create a parameter, or with --overwrite put a further version of it
    Put(put::Args),
    /// Show a parameter; its value only with --reveal
    Get(get::Args),
    /// List parameters
    List(list::Args),
    /// Show the versions of a parameter; their values only with --reveal
    History(history::Args),
    /// Put labels on a version
    Label(annotate::LabelArgs),
    /// Take labels off a version
    Unlabel(annotate::UnlabelArgs),
    /// Add tags
    Tag(annotate::TagArgs),
    /// Take tags off
    Untag(annotate::UntagArgs),
    /// Delete parameters with all of their versions
    Delete(delete::Args),
}

/// Does it, and says with what code the process ends.
pub(crate) fn run(verb: Verb, global: &GlobalArgs) -> Result<u8> {
    let outcome = match verb {
        Verb::List(args) => return list::run(&args, global),
        Verb::Put(args) => put::run(args, global),
        Verb::Get(args) => get::run(&args, global),
        Verb::History(args) => history::run(&args, global),
        Verb::Label(args) => annotate::label(&args, global),
        Verb::Unlabel(args) => annotate::unlabel(&args, global),
        Verb::Tag(args) => annotate::tag(&args, global),
        Verb::Untag(args) => annotate::untag(&args, global),
        Verb::Delete(args) => delete::run(&args, global),
    };
    outcome.map(|()| exit_code::COMPLETE)
}

/// Runs `work` on the store that the flags, or the configuration, name.
fn with_store<T>(
    flags: &OneStoreFlags,
    global: &GlobalArgs,
    work: impl AsyncFnOnce(OpenedStore) -> Result<T>,
) -> Result<T> {
    let config = global.configuration()?;
    let settings = StoreSettings::resolve_one(config.as_ref(), &Directories::of_user(), flags)?;
    runtime::run(async {
        let opened = match &settings {
            StoreSettings::Embedded(folder) => wiring::open_embedded(folder).await?,
            StoreSettings::Postgres(database) => wiring::open_postgres(database).await?,
            StoreSettings::Aws(targets) => {
                let target = targets.first().cloned().unwrap_or_default();
                wiring::open_aws(&target, &QuotaSettings::default()).await?
            }
        };
        work(opened).await
    })
}

/// What was said of a value that is not revealed.
const REDACTED: &str = "(redacted; --reveal shows it)";

/// A value as a person sees it.
fn shown(value: Option<&String>) -> String {
    value.map_or_else(|| REDACTED.to_owned(), |value| output::printable(value))
}
