//! One table of the report: what was run, what it cost, and that as a ratio to the first row.

use std::fmt;

use crate::measure::Cost;

/// A row is something that was run; the first is what the others are compared with.
#[derive(Debug)]
pub(super) struct Table {
    title: String,
    rows: Vec<Row>,
    free: Option<FreeRows>,
    notes: Vec<String>,
}

/// Rows with columns of their own.
#[derive(Debug)]
struct FreeRows {
    columns: &'static [&'static str],
    rows: Vec<Vec<String>>,
}

#[derive(Debug)]
struct Row {
    name: String,
    cost: Cost,
    calls: Option<u64>,
}

impl Table {
    pub(super) fn new(title: impl Into<String>) -> Table {
        Table { title: title.into(), rows: Vec::new(), free: None, notes: Vec::new() }
    }

    /// One with columns of its own; all but the first are numbers.
    pub(super) fn free(title: impl Into<String>, columns: &'static [&'static str]) -> Table {
        Table { free: Some(FreeRows { columns, rows: Vec::new() }), ..Table::new(title) }
    }

    /// A row of a table with columns of its own.
    ///
    /// # Panics
    /// When the table has none.
    pub(super) fn free_row(&mut self, cells: Vec<String>) {
        self.free.as_mut().expect("the table was made with columns").rows.push(cells);
    }

    pub(super) fn row(&mut self, name: &str, cost: Cost, calls: Option<u64>) {
        self.rows.push(Row { name: name.to_owned(), cost, calls });
    }

    /// A line below the table.
    pub(super) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "## {}\n", self.title)?;
        if let Some(first) = self.rows.first() {
            writeln!(f, "| | wall s | CPU s | peak MiB | calls | wall ratio | CPU ratio | peak ratio |")?;
            writeln!(f, "|---|---:|---:|---:|---:|---:|---:|---:|")?;
            for Row { name, cost, calls } in &self.rows {
                let calls = calls.map_or_else(|| "–".to_owned(), |calls| calls.to_string());
                writeln!(
                    f,
                    "| {name} | {:.3} | {:.3} | {:.1} | {calls} | {:.2} | {:.2} | {:.2} |",
                    cost.wall.as_secs_f64(),
                    cost.cpu.as_secs_f64(),
                    cost.peak_mib(),
                    cost.wall.as_secs_f64() / first.cost.wall.as_secs_f64(),
                    cost.cpu.as_secs_f64() / first.cost.cpu.as_secs_f64(),
                    cost.peak_mib() / first.cost.peak_mib(),
                )?;
            }
            writeln!(f)?;
        }
        if let Some(free) = &self.free {
            writeln!(f, "| {} |", free.columns.join(" | "))?;
            writeln!(f, "|---|{}", "---:|".repeat(free.columns.len() - 1))?;
            free.rows.iter().try_for_each(|row| writeln!(f, "| {} |", row.join(" | ")))?;
            if !self.notes.is_empty() {
                writeln!(f)?;
            }
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "- {note}"))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_table_may_have_columns_of_its_own() {
        let mut table = Table::free("servers", &["", "µs"]);
        table.free_row(vec!["ours".to_owned(), "7".to_owned()]);
        assert_eq!(table.to_string(), "## servers\n\n|  | µs |\n|---|---:|\n| ours | 7 |\n");
    }

    #[test]
    fn ratios_are_to_the_first_row() {
        let cost = |millis| Cost {
            wall: Duration::from_millis(millis),
            cpu: Duration::from_millis(millis / 2),
            peak_kib: 1024 * millis,
        };
        let mut table = Table::new("sizes");
        table.row("ours", cost(100), Some(7));
        table.row("theirs", cost(250), None);
        table.note("`a command`");
        assert_eq!(
            table.to_string(),
            "## sizes\n\n\
             | | wall s | CPU s | peak MiB | calls | wall ratio | CPU ratio | peak ratio |\n\
             |---|---:|---:|---:|---:|---:|---:|---:|\n\
             | ours | 0.100 | 0.050 | 100.0 | 7 | 1.00 | 1.00 | 1.00 |\n\
             | theirs | 0.250 | 0.125 | 250.0 | – | 2.50 | 2.50 | 2.50 |\n\n\
             - `a command`\n"
        );
    }
}
