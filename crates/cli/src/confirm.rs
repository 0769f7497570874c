//! Asks before something is done.

use std::io::{self, IsTerminal as _, Write as _};

use crate::error::{Failure, Result};

/// Asks `question` on standard error, and fails unless the answer is yes; `refused` is what has then not happened.
pub(crate) fn confirm(question: &str, refused: &str) -> Result<()> {
    if !io::stdin().is_terminal() {
        return Err(Failure::usage(format!("there is no terminal to ask on: {question}")).hint("add --yes"));
    }
    let failed = |error: io::Error| Failure::failed(format!("asking: {error}"));
    let mut stderr = io::stderr();
    write!(stderr, "{question} [y/N] ").and_then(|()| stderr.flush()).map_err(failed)?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(failed)?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::failed(refused)),
    }
}
