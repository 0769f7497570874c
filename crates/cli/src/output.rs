//! What goes to standard output: a result as JSON, as a table, or as text.
//!
//! Standard output holds the result of a command and nothing else; what happened on the way goes to standard error.

mod printable;

use std::io::{IsTerminal as _, Write as _};

use anstyle::Style;
use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use crate::error::{Failure, Result};

pub(crate) use printable::printable;

/// How results and errors are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// For a person: tables on a terminal, tab-separated lines elsewhere.
    #[default]
    Human,
    /// JSON; `parados schema` prints its schemas.
    Json,
}

/// Standard output.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    format: OutputFormat,
    terminal: bool,
}

impl Output {
    /// Standard output, written in `format`.
    pub(crate) fn new(format: OutputFormat) -> Self {
        Self { format, terminal: std::io::stdout().is_terminal() }
    }

    /// Whether results are JSON.
    pub(crate) fn is_json(self) -> bool {
        self.format == OutputFormat::Json
    }

    /// Whether somebody looks.
    pub(crate) fn is_terminal(self) -> bool {
        self.terminal
    }

    /// Prints a result: `value` as JSON, or the text that `human` makes.
    pub(crate) fn result<T: Serialize>(self, value: &T, human: impl FnOnce() -> String) -> Result<()> {
        match self.format {
            OutputFormat::Json => self.text(&format!("{}\n", to_json(value))),
            OutputFormat::Human => self.text(&human()),
        }
    }

    /// Prints text as it is, without colours where they are not wanted.
    pub(crate) fn text(self, text: &str) -> Result<()> {
        let mut stdout = anstream::stdout().lock();
        match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            // `parados … | head` is no failure.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            Err(error) => Err(Failure::failed(format!("writing to standard output: {error}"))),
            Ok(()) => Ok(()),
        }
    }

    /// Rows under a header: aligned on a terminal; elsewhere one line a row, tab-separated, without the header.
    pub(crate) fn table(self, header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
        let clean = |row: Vec<String>| row.iter().map(|cell| printable(cell)).collect::<Vec<_>>();
        if !self.terminal {
            return rows.into_iter().map(|row| clean(row).join("\t") + "\n").collect();
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(header);
        table.add_rows(rows.into_iter().map(clean));
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        let text = table.trim_fmt();
        let bold = Style::new().bold();
        match text.split_once('\n') {
            Some((head, rest)) => format!("{bold}{head}{bold:#}\n{rest}\n"),
            None => format!("{bold}{text}{bold:#}\n"),
        }
    }

    /// Named facts, one a line: aligned on a terminal; elsewhere `name<TAB>value`.
    pub(crate) fn facts<'a>(self, facts: impl IntoIterator<Item = (&'a str, String)>) -> String {
        let facts: Vec<_> = facts.into_iter().map(|(name, value)| (name, printable(&value))).collect();
        let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        facts
            .iter()
            .map(|(name, value)| match self.terminal {
                true => format!("{name:width$}  {value}\n"),
                false => format!("{name}\t{value}\n"),
            })
            .collect()
    }
}

/// Says something on standard error while a command goes on.
pub(crate) fn note(text: &str) {
    // Where standard error is closed there is nobody to tell.
    let _ = writeln!(anstream::stderr(), "{text}");
}

fn to_json<T: Serialize>(value: &T) -> String {
    serde_json::to_string_pretty(value).expect("results are texts, numbers and lists of them")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Vec<String>> {
        vec![vec!["/a".into(), "1".into()], vec!["/longer\u{1b}[31m".into(), "22".into()]]
    }

    #[test]
    fn a_table_is_aligned_on_a_terminal_and_tabbed_elsewhere() {
        let output = |terminal| Output { format: OutputFormat::Human, terminal };
        let seen = output(true).table(&["NAME", "VERSION"], rows());
        let plain = anstream::adapter::strip_str(&seen).to_string();
        assert_eq!(plain, "NAME               VERSION\n/a                 1\n/longer\\u{1b}[31m  22\n");
        assert_eq!(output(false).table(&["NAME", "VERSION"], rows()), "/a\t1\n/longer\\u{1b}[31m\t22\n");
        assert_eq!(output(true).facts([("a", "1".into()), ("bcd", "2".into())]), "a    1\nbcd  2\n");
    }
}
