//! The one boundary at which errors become a message, hints and an exit code.
//!
//! Commands return [`Failure`]; the libraries' errors are turned into one here and nowhere else (see [`hint`](mod@hint) for what to
//! do about each).

mod hint;

use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;

use anstyle::{AnsiColor, Style};
use parados_backup::collect::CollectError;
use parados_backup::compare::CompareError;
use parados_backup::pin::PinError;
use parados_backup::prune::PruneError;
use parados_backup::repository::RepositoryError;
use parados_backup::restore::{PlanError, SourceError};
use parados_backup::seal::{IdentityError, SealError};
use parados_backup::signature::SignatureError;
use parados_backup::snapshot_reference::ResolveError;
use parados_backup::verify::VerifyError;
use parados_infra::apply::ApplyError;
use parados_infra::inventory::{InventoryError, LeaseError};
use parados_infra::stack::StackError;
use parados_parameter::{Invalid, StoreError};
use schemars::JsonSchema;
use serde::Serialize;

use crate::config::ConfigError;
use crate::exit_code;
use crate::output::{OutputFormat, printable};

/// The outcome of a command that may fail.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// Why a command did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Failure {
    /// What a caller can act on.
    kind: FailureKind,
    /// What went wrong, with its causes.
    message: String,
    /// What to do about it, one step each.
    hints: Vec<String>,
    /// Where in a file, when it is a file that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<Place>,
}

/// The kinds of failure; each has its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FailureKind {
    /// It was tried and failed.
    Failed,
    /// The command line is wrong.
    Usage,
    /// The configuration, or a file that it names, is wrong.
    Configuration,
    /// Ctrl-C or SIGTERM.
    Interrupted,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Place {
    /// The file.
    pub(crate) file: String,
    /// The line, from 1; 0 where it is the file as a whole.
    pub(crate) line: u64,
    /// The column, from 1; 0 where it is the file as a whole.
    pub(crate) column: u64,
}

impl FailureKind {
    /// The code that the process ends with.
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Failed => exit_code::FAILED,
            Self::Usage | Self::Configuration => exit_code::USAGE,
            Self::Interrupted => exit_code::INTERRUPTED,
        }
    }
}

impl Failure {
    /// Something that was tried and failed.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Failed, message)
    }

    /// A command line that cannot be.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Usage, message)
    }

    /// A configuration, or a file that it names, that cannot be.
    pub(crate) fn configuration(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Configuration, message)
    }

    /// Ctrl-C or SIGTERM.
    pub(crate) fn interrupted() -> Self {
        Self::new(FailureKind::Interrupted, "stopped; nothing is half committed")
    }

    /// A failure with an error's message and those of its causes.
    pub(crate) fn caused(kind: FailureKind, error: &dyn Error) -> Self {
        Self::new(kind, with_causes(error))
    }

    fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hints: Vec::new(), place: None }
    }

    /// Adds a step to do about it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds steps to do about it.
    pub(crate) fn hints<T: Into<String>>(mut self, hints: impl IntoIterator<Item = T>) -> Self {
        self.hints.extend(hints.into_iter().map(Into::into));
        self
    }

    /// Says where in a file.
    pub(crate) fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// Puts before the message what was being done.
    pub(crate) fn while_doing(mut self, what: &str) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// What went wrong.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it.
    pub(crate) fn steps(&self) -> &[String] {
        &self.hints
    }

    /// The code that the process ends with.
    pub(crate) fn exit_code(&self) -> u8 {
        self.kind.exit_code()
    }

    /// The text that a person reads, without colours.
    #[cfg(test)]
    pub(crate) fn text(&self) -> String {
        anstream::adapter::strip_str(&self.to_human()).to_string()
    }

    /// Prints it on standard error: for a person, or as one line of JSON.
    pub(crate) fn print(&self, format: OutputFormat) {
        let text = match format {
            OutputFormat::Human => self.to_human(),
            OutputFormat::Json => self.to_json(),
        };
        // Where standard error is closed there is nobody left to tell.
        let _ = anstream::stderr().write_all(text.as_bytes());
    }

    fn to_human(&self) -> String {
        let (error, hint) = (bold(AnsiColor::Red), bold(AnsiColor::Cyan));
        let mut text = format!("{error}error:{error:#} ");
        if let Some(place) = &self.place {
            match place.line {
                0 => _ = write!(text, "{}: ", place.file),
                line => _ = write!(text, "{}:{line}:{}: ", place.file, place.column),
            }
        }
        _ = writeln!(text, "{}", printable(&self.message));
        for step in &self.hints {
            _ = writeln!(text, "{hint}hint:{hint:#} {}", printable(step));
        }
        text
    }

    fn to_json(&self) -> String {
        let json = ErrorDocument { error: self, exit_code: self.exit_code() };
        let mut text = serde_json::to_string(&json).expect("texts and numbers are JSON");
        text.push('\n');
        text
    }
}

/// What `--output json` prints on standard error for a command that failed.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ErrorDocument<'a> {
    /// What went wrong.
    error: &'a Failure,
    /// The code that the process ends with.
    exit_code: u8,
}

fn bold(color: AnsiColor) -> Style {
    Style::new().bold().fg_color(Some(color.into()))
}

fn with_causes(error: &dyn Error) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        // Some libraries repeat their source in their own message.
        if !message.contains(&text) {
            _ = write!(message, ": {text}");
        }
        source = cause.source();
    }
    message
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::caused(FailureKind::Failed, &error).hints(hint::of_store_error(&error))
    }
}

impl From<Invalid> for Failure {
    fn from(error: Invalid) -> Self {
        Self::caused(FailureKind::Usage, &error)
    }
}

impl From<parados_store::OpenError> for Failure {
    fn from(error: parados_store::OpenError) -> Self {
        Self::caused(FailureKind::Configuration, &error)
    }
}

impl From<parados_store::RekeyError> for Failure {
    fn from(error: parados_store::RekeyError) -> Self {
        Self::caused(FailureKind::Failed, &error)
    }
}

impl From<parados_server::state::StateError> for Failure {
    fn from(error: parados_server::state::StateError) -> Self {
        Self::caused(FailureKind::Failed, &error)
    }
}

impl From<parados_backup::export::ExportError> for Failure {
    fn from(error: parados_backup::export::ExportError) -> Self {
        Self::caused(FailureKind::Failed, &error)
    }
}

impl From<parados_server::audit::AuditReadError> for Failure {
    fn from(error: parados_server::audit::AuditReadError) -> Self {
        Self::caused(FailureKind::Failed, &error)
    }
}

impl From<parados_server::webhook::WebhookError> for Failure {
    fn from(error: parados_server::webhook::WebhookError) -> Self {
        use parados_server::webhook::WebhookError;
        let kind = match error {
            WebhookError::Destination(_) | WebhookError::NotFound(_) => FailureKind::Usage,
            _ => FailureKind::Failed,
        };
        Self::caused(kind, &error)
    }
}

impl From<parados_server::principal::AccessTablesError> for Failure {
    fn from(error: parados_server::principal::AccessTablesError) -> Self {
        Self::caused(FailureKind::Failed, &error)
    }
}

impl From<parados_server::policy::PolicyError> for Failure {
    fn from(error: parados_server::policy::PolicyError) -> Self {
        Self::caused(FailureKind::Configuration, &error)
    }
}

impl From<parados_server::tls::TlsError> for Failure {
    fn from(error: parados_server::tls::TlsError) -> Self {
        Self::caused(FailureKind::Configuration, &error)
    }
}

impl From<parados_store::PostgresOpenError> for Failure {
    fn from(error: parados_store::PostgresOpenError) -> Self {
        let kind = match error {
            parados_store::PostgresOpenError::Database { .. } => FailureKind::Failed,
            _ => FailureKind::Configuration,
        };
        Self::caused(kind, &error)
    }
}

impl From<parados_infra::declaration::DeclarationError> for Failure {
    fn from(error: parados_infra::declaration::DeclarationError) -> Self {
        let failure = Self::configuration(error.message).hint(error.hint);
        match error.place {
            Some(place) => failure.at(Place { file: place.file.to_string(), line: place.line, column: place.column }),
            None => failure,
        }
    }
}

impl From<StackError> for Failure {
    fn from(error: StackError) -> Self {
        match error {
            StackError::Declaration(error) => error.into(),
            StackError::Read { ref resource, error: ref call } => {
                Self::failed(format!("reading {resource}: {call}")).hints(call.hints())
            }
            StackError::Inventory(InventoryError::Store(error)) => {
                Self::from(error).while_doing("reading the inventory")
            }
            error => Self::caused(FailureKind::Failed, &error),
        }
    }
}

impl From<ApplyError> for Failure {
    fn from(error: ApplyError) -> Self {
        let hint = match &error {
            ApplyError::Lease(LeaseError::Held(_)) => {
                "wait for it; a lease ends by itself some minutes after who held it is gone"
            }
            ApplyError::Changed { .. } => "run it again, and look at the plan as it is now",
            ApplyError::Stack(_) => {
                return match error {
                    ApplyError::Stack(error) => error.into(),
                    other => Self::caused(FailureKind::Failed, &other),
                };
            }
            _ => "`parados infra preview` shows the plan",
        };
        Self::caused(FailureKind::Failed, &error).hint(hint)
    }
}

impl From<parados_aws::SessionError> for Failure {
    fn from(error: parados_aws::SessionError) -> Self {
        Self::caused(FailureKind::Failed, &error).hints(error.hints())
    }
}

impl From<RepositoryError> for Failure {
    fn from(error: RepositoryError) -> Self {
        let kind = match error {
            RepositoryError::InvalidUrl { .. } | RepositoryError::Configuration { .. } => FailureKind::Configuration,
            _ => FailureKind::Failed,
        };
        Self::caused(kind, &error).hints(error.hints())
    }
}

impl From<VerifyError> for Failure {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Repository(error) => error.into(),
            VerifyError::Pin(error) => error.into(),
        }
    }
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::Store(error) => error.into(),
            PlanError::Source(error) => error.into(),
            error @ PlanError::SameName { .. } => Self::caused(FailureKind::Usage, &error)
                .hint("choose with --map what each becomes, or leave one out with --exclude"),
        }
    }
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        Self::caused(FailureKind::Failed, &error).hints(hint::of_source_error(&error))
    }
}

impl From<CompareError> for Failure {
    fn from(error: CompareError) -> Self {
        match error {
            CompareError::Repository(error) => error.into(),
            CompareError::Collect(CollectError::Store(error)) => error.into(),
            error => Self::caused(FailureKind::Failed, &error).hints(hint::of_compare_error(&error)),
        }
    }
}

impl From<PinError> for Failure {
    fn from(error: PinError) -> Self {
        Self::caused(FailureKind::Failed, &error)
    }
}

impl From<PruneError> for Failure {
    fn from(error: PruneError) -> Self {
        let kind = match error {
            PruneError::EmptyPolicy => FailureKind::Usage,
            _ => FailureKind::Failed,
        };
        Self::caused(kind, &error).hints(error.hints())
    }
}

impl From<ResolveError> for Failure {
    fn from(error: ResolveError) -> Self {
        Self::caused(FailureKind::Failed, &error)
    }
}

impl From<SignatureError> for Failure {
    fn from(error: SignatureError) -> Self {
        Self::caused(FailureKind::Configuration, &error).hints(hint::of_signature_error(&error))
    }
}

impl From<IdentityError> for Failure {
    fn from(error: IdentityError) -> Self {
        Self::caused(FailureKind::Configuration, &error).hint("name a file that opens snapshots with --identity FILE")
    }
}

impl From<SealError> for Failure {
    fn from(error: SealError) -> Self {
        Self::caused(FailureKind::Configuration, &error)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let failure = Self::caused(FailureKind::Configuration, &error).hints(error.hints);
        match error.place {
            Some(place) => failure.at(place),
            None => failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("reading the store")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn causes_are_told_once() {
        let error = Outer(std::io::Error::other("the disk is full"));
        let failure = Failure::caused(FailureKind::Failed, &error).hint("make room").while_doing("/a");
        assert_eq!(failure.text(), "error: /a: reading the store: the disk is full\nhint: make room\n");
        assert_eq!(failure.exit_code(), exit_code::FAILED);
    }

    #[test]
    fn json_is_one_line() {
        let place = Place { file: "parados.yaml".into(), line: 3, column: 5 };
        let failure = Failure::configuration("unknown key `a`").hint("did you mean `b`?").at(place);
        assert_eq!(
            failure.to_json(),
            concat!(
                r#"{"error":{"kind":"configuration","message":"unknown key `a`","hints":["did you mean `b`?"],"#,
                r#""place":{"file":"parados.yaml","line":3,"column":5}},"exit_code":2}"#,
                "\n"
            )
        );
        assert!(failure.text().starts_with("error: parados.yaml:3:5: unknown key `a`\n"));
    }
}
