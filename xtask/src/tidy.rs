//! The rules about sources, links and dependencies that neither the compiler nor clippy knows. Each rule is a function
//! from what it reads to what it found, so that its test can show it a bad sample; [`violations`] holds them against the workspace.

mod crates;
mod licences;
mod links;
mod promises;
mod sources;

use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{CargoOpt, Metadata, MetadataCommand};

use crate::failure::Failure;
use crate::workspace;

/// Prints every violation in the workspace.
///
/// # Errors
/// When there is one, or the workspace cannot be read.
pub(crate) fn check() -> Result<(), Failure> {
    let found = violations()?;
    for violation in &found {
        eprintln!("{violation}");
    }
    if found.is_empty() { Ok(()) } else { Err(Failure::Untidy(found.len())) }
}

/// Every violation in the workspace, each with its file and line where it has one.
fn violations() -> Result<Vec<String>, Failure> {
    let metadata = metadata()?;
    let mut found = crates::violations(&metadata);
    found.extend(licences::violations(&metadata, &licences::allowed(&read(Path::new("deny.toml"))?)?));
    let files = texts()?;
    found.extend(links::violations(&files, workspace::root()));
    found.extend(promises::violations(&files));
    for (path, text) in &files {
        found.extend(sources::violations(path, text));
    }
    Ok(found)
}

/// With every dependency on the platforms that are released for.
fn metadata() -> Result<Metadata, Failure> {
    let platforms = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"];
    MetadataCommand::new()
        .manifest_path(workspace::root().join("Cargo.toml"))
        .features(CargoOpt::AllFeatures)
        .other_options(platforms.map(|platform| format!("--filter-platform={platform}")))
        .exec()
        .map_err(|error| Failure::Other(format!("cargo metadata: {error}")))
}

/// The tracked files that are text, with what they hold.
fn texts() -> Result<Vec<(PathBuf, String)>, Failure> {
    let mut texts = Vec::new();
    for path in workspace::tracked_files()? {
        let absolute = workspace::root().join(&path);
        let bytes = fs::read(&absolute).map_err(Failure::file(absolute))?;
        if let Ok(text) = String::from_utf8(bytes) {
            texts.push((path, text));
        }
    }
    Ok(texts)
}

fn read(path: &Path) -> Result<String, Failure> {
    let path = workspace::root().join(path);
    fs::read_to_string(&path).map_err(Failure::file(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_is_tidy() {
        let found = violations().unwrap();
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
}
