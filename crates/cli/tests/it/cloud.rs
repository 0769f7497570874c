//! What a repository in any cloud has to do: everything that one in a folder does.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::parados::{Home, stderr, stdout};

/// A machine whose repository is at a URL that is reached with these variables.
pub(crate) struct Cloud {
    pub(crate) home: Home,
    pub(crate) env: Vec<(&'static str, String)>,
    pub(crate) url: String,
}

impl Cloud {
    pub(crate) fn new(url: &str, env: Vec<(&'static str, String)>) -> Self {
        let home = Home::new();
        home.run("init").success();
        for name in ["/shop/dev/key", "/shop/dev/other"] {
            home.run_with(&format!("parameter put {name} - --type SecureString"), "canary-of-clouds").success();
        }
        Self { home, env, url: url.to_owned() }
    }

    /// Runs `parados` on the repository.
    #[track_caller]
    pub(crate) fn run(&self, arguments: &str, code: i32) -> String {
        let mut command = self.home.command();
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command.args(arguments.split_whitespace()).args(["--repository", &self.url]);
        let run = command.assert();
        let text = format!("{}{}", stdout(&run), stderr(&run));
        assert!(!text.contains("canary-of-clouds"), "{text}");
        assert_eq!(run.get_output().status.code(), Some(code), "{arguments}: {text}");
        stdout(&run)
    }

    #[track_caller]
    fn json(&self, arguments: &str, code: i32) -> Value {
        let said = self.run(&format!("{arguments} --output json"), code);
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
    }

    fn snapshots(&self) -> usize {
        self.json("snapshots", 0)["snapshots"].as_array().unwrap().len()
    }

    /// Backs up, verifies, compares, plans a restore, copies, locks, prunes.
    pub(crate) fn does_everything(&self, copy_to: &str) {
        let nothing = self.json("backup -e dev --path /shop/nobody", 3);
        assert_eq!(nothing["verdict"], "nothing-matched");
        self.run("snapshots", 1);
        let first = self.json("backup -e dev", 0);
        assert_eq!((&first["verdict"], &first["sequence"]), (&"complete".into(), &1.into()), "{first}");
        assert_eq!(self.json("backup -e dev", 0)["reused"], 2, "the snapshot before is read back");
        self.home.run_with("parameter put /shop/dev/key - --overwrite", "canary-of-clouds again").success();

        self.run("verify --all --read", 0);
        let plan = self.json("restore plan latest -e dev --exit-code", 4);
        let actions: Vec<_> = plan["changes"].as_array().unwrap().iter().map(|one| &one["action"]).collect();
        assert_eq!(actions, ["update", "unchanged"], "{plan}");
        assert_eq!(self.json("diff latest live -e dev", 0)["differences"].as_array().unwrap().len(), 1);
        self.run("drill", 0);

        let copied = self.json(&format!("copy --to {copy_to}"), 0);
        assert_eq!((&copied["verdict"], &copied["copied"]), (&"complete".into(), &2.into()), "{copied}");
        assert_eq!(self.json(&format!("copy --to {copy_to} --check"), 0)["bytes"], 0);
        let there = Self { home: Home::new(), env: self.env.clone(), url: copy_to.to_owned() };
        assert_eq!(there.snapshots(), 2);

        self.run("prune --keep-last 1 --yes", 0);
        self.run("prune --keep-last 1 --grace 0s --yes", 0);
        assert_eq!(self.snapshots(), 1);
        self.run("verify --all --read", 0);
        assert_eq!(self.json("backup -e dev", 0)["sequence"], 3);
        self.run("status", 0);
    }

    /// Two backups at once: both are there, and neither has the other's place.
    pub(crate) fn takes_two_at_once(&self) {
        let spawn = || {
            let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin("parados"));
            command.env_clear().env("HOME", self.home.path()).envs(self.env.iter().map(|(name, value)| (name, value)));
            command.current_dir(self.home.path()).stdout(std::process::Stdio::piped());
            command
                .args(["backup", "-e", "dev", "--full", "--output", "json", "--repository", &self.url])
                .spawn()
                .unwrap()
        };
        let running: Vec<_> = (0..3).map(|_| spawn()).collect();
        let reports = running.into_iter().map(|child| child.wait_with_output().unwrap().stdout);
        let reports: Vec<Value> = reports.map(|said| serde_json::from_slice(&said).unwrap()).collect();
        let of = |field: &str| reports.iter().map(|report| report[field].to_string()).collect::<BTreeSet<_>>();
        assert_eq!(of("verdict").into_iter().collect::<Vec<_>>(), ["\"complete\""], "{reports:?}");
        assert_eq!((of("sequence").len(), of("key").len()), (3, 3), "{reports:?}");
        self.run("verify --all --read", 0);
    }
}
