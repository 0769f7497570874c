//! Why a tool stopped, and the exit code that says so.

use std::io;
use std::path::PathBuf;

/// What stops a tool.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0}")]
    Usage(String),
    #[error("{step}: failed with exit code {code}")]
    Step { step: String, code: u8 },
    #[error("the rules about sources and dependencies are broken in {0} places (see above)")]
    Untidy(usize),
    #[error("Debian packages are missing; run: apt-get install {}", .0.join(" "))]
    Packages(Vec<&'static str>),
    #[error("{program}: {source}")]
    Run { program: String, source: io::Error },
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{0}")]
    Other(String),
}

impl Failure {
    /// The exit code of the process: a failed step's own, 2 for usage, 1 for the rest.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Failure::Usage(_) => 2,
            Failure::Step { code, .. } => *code,
            _ => 1,
        }
    }

    /// For `map_err` on what was done to `path`.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Failure {
        move |source| Failure::File { path: path.into(), source }
    }
}
