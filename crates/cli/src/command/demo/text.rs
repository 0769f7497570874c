//! The demo as a person reads it. It is the same where nobody looks but for the styles: it is a text, and no rows to go on with.

use std::path::Path;

use anstyle::Style;
use parados_backup::report::BackupReport;

use super::DemoView;
use super::company::{ChangeView, ENVIRONMENTS};
use super::next::NextStep;
use crate::output::printable;

/// How wide a line is at most.
const WIDTH: usize = 79;
const BOLD: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();

/// All of it.
pub(super) fn text(view: &DemoView, folder: &Path) -> String {
    let (first, second) = view.backups.split_at(ENVIRONMENTS.len().min(view.backups.len()));
    let folder = printable(&folder.display().to_string());
    let mut text = String::from("A small shop's parameters: backed up, changed, and backed up again.\n");
    text += &heading(1, &format!("Filled a store with {} parameters of /shop/dev and /shop/prod", view.parameters));
    text += &prose(&format!(
        "Of all three types, with tags, labels and policies; {} versions, from the last 200 days. It is an embedded store, \
         in place of Parameter Store of AWS.",
        view.versions
    ));
    text += &heading(2, "Backed up each environment");
    text += &backups(first);
    text += &prose(
        "Compressed, sealed to an age key that was made for this folder, signed, and committed to a repository, which is a \
         folder here and could be a bucket.",
    );
    text += &heading(3, "Changed what changes on a day");
    text += &changes(&view.changes);
    text += &heading(4, "Backed up again");
    text += &backups(second);
    text += &prose(
        "Only what had changed was read. Each snapshot is whole all the same: the rest was taken over from the one before it, \
         whose signature and digest were checked.",
    );
    text += &format!("\n{BOLD}Look around{BOLD:#}: everything is in {folder}, and stays there until you delete it.\n");
    text += &view.next.iter().map(step).collect::<String>();
    text
}

fn heading(number: usize, text: &str) -> String {
    format!("\n{BOLD}{number}. {text}{BOLD:#}\n")
}

/// Words, broken into lines.
fn prose(text: &str) -> String {
    let mut lines = String::from("  ");
    let mut column = 2;
    for word in text.split_whitespace() {
        if column > 2 && column + 1 + word.len() > WIDTH {
            lines += "\n  ";
            column = 2;
        }
        if column > 2 {
            lines.push(' ');
            column += 1;
        }
        lines += word;
        column += word.len();
    }
    lines + "\n"
}

fn backups(reports: &[BackupReport]) -> String {
    let header = ["SNAPSHOT", "OF", "PARAMETERS", "READ", "CALLS", "BYTES", "SEALED", "SECONDS"];
    let mut rows = vec![header.map(ToOwned::to_owned)];
    rows.extend(reports.iter().map(|report| {
        [
            report.snapshot.clone().unwrap_or_default(),
            report.target.environment.clone(),
            grouped(report.parameter_count),
            grouped(report.parameter_count.saturating_sub(report.reused)),
            grouped(report.calls),
            grouped(report.content_bytes),
            grouped(report.bytes),
            format!("{:.2}", report.seconds),
        ]
    }));
    aligned(&rows, 2)
}

fn changes(changes: &[ChangeView]) -> String {
    let rows: Vec<_> =
        changes.iter().map(|change| [change.what.to_owned(), change.name.clone(), change.note.clone()]).collect();
    aligned(&rows, 3)
}

/// Columns, the first `left` of which begin and the others end at the same place. Where they have a header it is faint.
fn aligned<const N: usize>(rows: &[[String; N]], left: usize) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or_default();
    let widths: Vec<_> = (0..N).map(width).collect();
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| match column < left {
            true => format!("{cell:width$}"),
            false => format!("{cell:>width$}"),
        });
        format!("  {}", cells.collect::<Vec<_>>().join("  ")).trim_end().to_owned()
    };
    let is_header = |row: &[String; N]| row.iter().all(|cell| cell.chars().all(|c| c.is_ascii_uppercase()));
    rows.iter()
        .map(|row| match is_header(row) {
            true => format!("{FAINT}{}{FAINT:#}\n", line(row)),
            false => line(row) + "\n",
        })
        .collect()
}

/// What for, and below it the commands, each indented by four: they can be copied as they stand.
fn step(step: &NextStep) -> String {
    let commands = step.commands.iter().map(|command| format!("    {}\n", command.replace('\n', "\n    ")));
    format!("\n  {FAINT}{}{FAINT:#}\n{}", step.why, commands.collect::<String>())
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_columns_aligned() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        let rows = [["A", "B"], ["dev", "1"], ["x", "1,000"]].map(|row| row.map(ToOwned::to_owned));
        let text = anstream::adapter::strip_str(&aligned(&rows, 1)).to_string();
        assert_eq!(text, "  A        B\n  dev      1\n  x    1,000\n");
    }

    #[test]
    fn prose_is_broken_between_words() {
        let text = prose(&"word ".repeat(60));
        assert!(text.lines().all(|line| line.starts_with("  word") && line.len() <= WIDTH), "{text}");
        assert_eq!(text.split_whitespace().count(), 60);
    }
}
