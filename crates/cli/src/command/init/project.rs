//! The files of a project whose store is AWS: `parados.yaml` and a declaration of what its backups need.

use std::path::Path;

use crate::command::infra::FOLDER;
use crate::config::{DEFAULT_FILE, Name};
use crate::error::{Failure, Result};

const STARTER: &str = include_str!("starter.yaml");

/// A file to be written where there is none.
pub(super) struct ProjectFile {
    /// What it is.
    pub(super) what: &'static str,
    /// Where, from the current folder.
    pub(super) path: String,
    content: String,
}

impl ProjectFile {
    /// Writes it.
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        folder
            .and_then(|()| std::fs::write(path, &self.content))
            .map_err(|error| Failure::failed(format!("writing {}: {error}", path.display())))
    }
}

/// The files of a project.
pub(super) fn files(project: &Name, environments: &[Name], recipients: &[String]) -> Vec<ProjectFile> {
    let listed = |indent: &str, lines: &mut dyn Iterator<Item = String>| {
        lines.map(|line| format!("{indent}{line}\n")).collect::<String>()
    };
    let declared = listed("  ", &mut environments.iter().map(|name| format!("{name}: {{}}")));
    let recipients = listed("  ", &mut recipients.iter().map(|recipient| format!("- {recipient}")));
    let configuration = format!(
        "# `parados schema config` prints what each key takes.\nversion: 1\nproject: {project}\nstore: aws\n\
         # Who can open snapshots. Keep a copy of the identity elsewhere.\nrecipients:\n{recipients}\
         # Below the 30 days after which the bucket removes documents by itself (infra/backup.yaml).\n\
         keep: {{ within: 21d, grace: 7d }}\nenvironments:\n{declared}"
    );
    vec![
        ProjectFile { what: "configuration", path: DEFAULT_FILE.to_owned(), content: configuration },
        ProjectFile {
            what: "declaration",
            path: format!("{FOLDER}/backup.yaml"),
            content: STARTER.replace("ENVIRONMENTS\n", &declared),
        },
    ]
}
