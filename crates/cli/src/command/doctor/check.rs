//! What doctor found, line by line.

use anstyle::{AnsiColor, Style};
use schemars::JsonSchema;
use serde::Serialize;

use crate::error::{Failure, Result};
use crate::output::{Output, printable};

/// What `doctor` prints.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct DoctorView {
    /// What was examined, in order.
    checks: Vec<Check>,
}

/// One thing that was examined.
#[derive(Debug, Serialize, JsonSchema)]
struct Check {
    /// What.
    what: String,
    /// Whether it is as a backup needs it.
    ok: bool,
    /// What was found.
    found: String,
    /// What to do about it.
    hints: Vec<String>,
}

impl DoctorView {
    /// Something is as it has to be.
    pub(super) fn ok(&mut self, what: impl Into<String>, found: impl Into<String>) {
        self.checks.push(Check { what: what.into(), ok: true, found: found.into(), hints: Vec::new() });
    }

    /// Something is in the way.
    pub(super) fn failed(&mut self, what: impl Into<String>, failure: &Failure) {
        let (found, hints) = (failure.message().to_owned(), failure.steps().to_vec());
        self.checks.push(Check { what: what.into(), ok: false, found, hints });
    }

    /// Takes `outcome` down as `found` describes it, and gives what there is to go on with.
    pub(super) fn note<T>(&mut self, what: &str, outcome: Result<T>, found: impl FnOnce(&T) -> String) -> Option<T> {
        match outcome {
            Ok(value) => {
                self.ok(what, found(&value));
                Some(value)
            }
            Err(failure) => {
                self.failed(what, &failure);
                None
            }
        }
    }

    /// How many things are in the way.
    pub(super) fn failed_count(&self) -> usize {
        self.checks.iter().filter(|check| !check.ok).count()
    }

    /// The lines for a person.
    pub(super) fn text(&self, output: Output) -> String {
        let mark = |ok: bool| {
            let color = if ok { AnsiColor::Green } else { AnsiColor::Red };
            let style = Style::new().bold().fg_color(Some(color.into()));
            format!("{style}{}{style:#}", if ok { "ok  " } else { "FAIL" })
        };
        let width = self.checks.iter().map(|check| check.what.len()).max().unwrap_or_default();
        let width = if output.is_terminal() { width } else { 0 };
        let mut text = String::new();
        for check in &self.checks {
            text.push_str(&format!("{} {:width$}  {}\n", mark(check.ok), check.what, printable(&check.found)));
            for hint in &check.hints {
                text.push_str(&format!("     → {hint}\n"));
            }
        }
        text
    }
}
