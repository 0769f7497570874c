//! What a person would type next.

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::folder::{ALLOWED_SIGNERS, IDENTITY};

/// Commands for one thing.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct NextStep {
    /// What for.
    pub(super) why: &'static str,
    /// The commands, for a shell; one may have several lines.
    pub(super) commands: Vec<String>,
}

/// What to type, the first of it in the current folder and the others in `folder`.
pub(super) fn steps(folder: &Path) -> Vec<NextStep> {
    let step = |why, commands: &[&str]| NextStep { why, commands: commands.iter().map(ToString::to_string).collect() };
    vec![
        NextStep { why: "Go there", commands: entrance(folder) },
        step(
            "The snapshots, and what is in the newest of prod",
            &["parados snapshots", "parados show latest --environment prod"],
        ),
        step(
            "The store that they are of",
            &[
                "parados parameter list --path /shop/prod",
                "parados parameter get /shop/prod/db/password --reveal",
                "parados parameter history /shop/prod/deploy/release",
            ],
        ),
        step(
            "What a backup would do now, and whether it has all that it needs",
            &["parados backup --environment dev --dry-run", "parados doctor --environment dev"],
        ),
        step(
            "Open the newest snapshot without Parados",
            &[&format!(
                "age -d -i {IDENTITY} \"repository/$(cat repository/latest.txt)\" |\n  \
             zstd -d |\n  jq '.parameters[] | select(.Name == \"/shop/prod/db/password\")'"
            )],
        ),
        step(
            "Check its signature without Parados",
            &[&format!(
                "M=$(ls repository/manifests/shop/prod/*/*/* | tail -n 1) &&\n  \
             head -n 1 $M > line && tail -n +2 $M > line.sig &&\n  \
             ssh-keygen -Y verify -f {ALLOWED_SIGNERS} -I parados \\\n    \
             -n parados-manifest -s line.sig < line"
            )],
        ),
    ]
}

/// The way into the folder, and to this binary, where `parados` would not be found, or another configuration would be.
fn entrance(folder: &Path) -> Vec<String> {
    let mut commands = vec![format!("cd {}", quoted(folder))];
    let is_here = |directory: std::path::PathBuf| directory.join("parados").is_file();
    let on_path = std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(is_here));
    if let (false, Ok(binary)) = (on_path, std::env::current_exe())
        && let Some(directory) = binary.parent()
    {
        commands.push(format!("export PATH={}:\"$PATH\"", quoted(directory)));
    }
    if std::env::var_os("PARADOS_CONFIG").is_some() {
        commands.push("unset PARADOS_CONFIG".to_owned());
    }
    commands
}

/// A path as a shell takes it for one word.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    match !text.is_empty() && text.chars().all(is_plain) && !text.starts_with('-') {
        true => text,
        // Before a leading `-` a `./` keeps it from being an option.
        false if text.starts_with('-') => format!("'./{}'", text.replace('\'', r"'\''")),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word() {
        let quoted = |text: &str| quoted(Path::new(text));
        assert_eq!(quoted("/tmp/parados-demo"), "/tmp/parados-demo");
        assert_eq!(quoted("my demo"), "'my demo'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted("-x"), "'./-x'");
        assert_eq!(quoted("$(reboot)"), "'$(reboot)'");
    }
}
