//! `parados reference`: the text of docs/cli.md.

use clap_markdown::MarkdownOptions;

use crate::cli::{self, GlobalArgs};
use crate::error::Result;

/// Prints the reference.
pub(crate) fn run(global: &GlobalArgs) -> Result<()> {
    let options = MarkdownOptions::new().title("Command line reference".to_owned()).show_footer(false);
    let text = clap_markdown::help_markdown_command_custom(&cli::definition(), &options);
    global.stdout().text(&format!("{}\n", text.trim_end()))
}
