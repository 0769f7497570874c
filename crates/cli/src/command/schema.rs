//! `parados schema`.

use clap::ValueEnum;
use parados_backup::copy::CopyReport;
use parados_backup::prune::PruneReport;
use parados_infra::apply::ApplyReport;
use parados_infra::plan::InfraPlan;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

use super::{
    backup, demo, diff, doctor, drill, import, infra, init, key, lock, log, parameter, restore, search, show,
    snapshots, status, store, verify,
};
use crate::cli::GlobalArgs;
use crate::config::ConfigFile;
use crate::error::{ErrorDocument, Result};
use crate::progress::EventLine;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Of what
    #[arg(value_enum)]
    of: Subject,
}

/// What there is a schema of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Subject {
    /// `parados.yaml`
    Config,
    /// What a command that failed prints on standard error
    Error,
    /// `init`
    Init,
    /// A declaration: a file of `infra/`
    Infra,
    /// `infra preview`
    InfraPreview,
    /// `infra up`, `infra refresh --repair` and `infra destroy`
    InfraUp,
    /// `infra outputs`
    InfraOutputs,
    /// `infra import`
    InfraImport,
    /// `backup`
    Backup,
    /// A line of `--progress json`
    Event,
    /// `snapshots`
    Snapshots,
    /// `show`
    Show,
    /// `copy`
    Copy,
    /// `key add`, `key remove` and `key rotate`
    KeyChange,
    /// `key check`
    KeyCheck,
    /// `verify`
    Verify,
    /// `import`
    Import,
    /// `prune`
    Prune,
    /// `lock add`, `lock list` and `lock remove`
    Lock,
    /// `status`
    Status,
    /// `restore plan` and `store import --dry-run`
    RestorePlan,
    /// `restore apply`, `restore undo` and `store import`
    RestoreApply,
    /// `drill`
    Drill,
    /// `diff`
    Diff,
    /// `log`
    Log,
    /// `search`
    Search,
    /// `doctor`
    Doctor,
    /// `demo`
    Demo,
    /// `store export`
    StoreExport,
    /// `store rekey`
    StoreRekey,
    /// `parameter put`
    ParameterPut,
    /// `parameter get`
    ParameterGet,
    /// `parameter list`
    ParameterList,
    /// `parameter history`
    ParameterHistory,
    /// `parameter label`
    ParameterLabel,
    /// `parameter unlabel`
    ParameterUnlabel,
    /// `parameter tag`
    ParameterTag,
    /// `parameter untag`
    ParameterUntag,
    /// `parameter delete`
    ParameterDelete,
}

/// Prints a schema.
pub(crate) fn run(args: &Args, global: &GlobalArgs) -> Result<()> {
    let schema = match args.of {
        Subject::Config => {
            SchemaSettings::draft2020_12().for_deserialize().into_generator().into_root_schema_for::<ConfigFile>()
        }
        Subject::Error => printed::<ErrorDocument<'_>>(),
        Subject::Init => printed::<init::InitReport>(),
        Subject::Infra => parados_infra::schema::declaration_schema(),
        Subject::InfraPreview => printed::<InfraPlan>(),
        Subject::InfraUp => printed::<ApplyReport>(),
        Subject::InfraOutputs => printed::<infra::OutputsView>(),
        Subject::InfraImport => printed::<infra::ImportView>(),
        Subject::Backup => printed::<backup::BackupView>(),
        Subject::Event => printed::<EventLine<'_>>(),
        Subject::Snapshots => printed::<snapshots::SnapshotsView>(),
        Subject::Show => printed::<show::ShowView>(),
        Subject::KeyChange => printed::<key::KeyChangeView>(),
        Subject::KeyCheck => printed::<key::KeyCheckView>(),
        Subject::Copy => printed::<CopyReport>(),
        Subject::Verify => printed::<verify::VerifyView>(),
        Subject::Import => printed::<import::ImportView>(),
        Subject::Prune => printed::<PruneReport>(),
        Subject::Lock => printed::<lock::LocksView>(),
        Subject::Status => printed::<status::StatusView>(),
        Subject::RestorePlan => printed::<restore::RestorePlan>(),
        Subject::RestoreApply => printed::<restore::RestoreReport>(),
        Subject::Drill => printed::<drill::DrillView>(),
        Subject::Diff => printed::<diff::DiffView>(),
        Subject::Log => printed::<log::LogView>(),
        Subject::Search => printed::<search::SearchView>(),
        Subject::Doctor => printed::<doctor::DoctorView>(),
        Subject::Demo => printed::<demo::DemoView>(),
        Subject::StoreExport => printed::<store::ExportView>(),
        Subject::StoreRekey => printed::<store::RekeyView>(),
        Subject::ParameterPut => printed::<parameter::PutView>(),
        Subject::ParameterGet => printed::<parameter::GetView>(),
        Subject::ParameterList => printed::<parameter::DescribeView>(),
        Subject::ParameterHistory => printed::<parameter::HistoryView>(),
        Subject::ParameterLabel => printed::<parameter::LabelView>(),
        Subject::ParameterUnlabel => printed::<parameter::UnlabelView>(),
        Subject::ParameterTag => printed::<parameter::TagView>(),
        Subject::ParameterUntag => printed::<parameter::UntagView>(),
        Subject::ParameterDelete => printed::<parameter::DeleteView>(),
    };
    let text = serde_json::to_string_pretty(&schema).expect("a schema is JSON");
    global.stdout().text(&format!("{text}\n"))
}

/// The schema of what a command prints.
fn printed<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>()
}
