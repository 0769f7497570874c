//! Where the workspace's things are.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;

/// The folder with the workspace's `Cargo.toml`.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is a folder of the workspace")
}

/// Where cargo builds.
pub(crate) fn target() -> PathBuf {
    root().join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

/// The cargo that runs us, at the workspace's root.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    command
}

/// The files that belong to the repository and exist, as paths relative to the root.
///
/// # Errors
/// When git cannot list them.
pub(crate) fn tracked_files() -> Result<Vec<PathBuf>, Failure> {
    let mut command = Command::new("git");
    // A checkout may be owned by somebody else, as in a container; it is only listed.
    command.args(["-c", "safe.directory=*", "ls-files", "-z"]).current_dir(root());
    let output = command.output().map_err(|source| Failure::Run { program: "git".to_owned(), source })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::Other(format!("git ls-files: {}", said.trim())));
    }
    let listed = String::from_utf8_lossy(&output.stdout);
    Ok(listed.split_terminator('\0').map(PathBuf::from).filter(|path| root().join(path).is_file()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_file_is_tracked() {
        assert!(tracked_files().unwrap().contains(&PathBuf::from("xtask/src/main.rs")));
    }
}
