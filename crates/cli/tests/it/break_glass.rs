//! `docs/break-glass.md`, run as it stands against what `parados` wrote, with stock tools and the AWS CLI alone.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;
use testkit::{Moto, aws_cli, tool};

use crate::parados::{Home, stdout};

const PAGE: &str = include_str!("../../../../docs/break-glass.md");

/// The shell blocks of the page, in order.
fn blocks() -> Vec<String> {
    let parts = PAGE.split("\n```").skip(1).step_by(2);
    let blocks: Vec<_> =
        parts.map(|part| part.strip_prefix("sh\n").expect("every block is shell").to_owned()).collect();
    assert!(blocks.len() > 12 && PAGE.matches("\n```").count() == 2 * blocks.len());
    blocks
}

/// The block that has `part` in it.
fn block(part: &str) -> String {
    blocks().into_iter().find(|block| block.contains(part)).unwrap()
}

/// A machine on which there is nothing but stock tools, a bucket, and the keys that were kept elsewhere.
struct Rescue {
    moto: Moto,
    home: Home,
}

impl Rescue {
    /// After the demo, and a snapshot of prod that is sealed to an age, an OpenSSH and a KMS key, and of dev one that is not sealed.
    fn new() -> Self {
        let rescue = Self { moto: Moto::start(), home: Home::new() };
        rescue.home.run("demo").success();
        let (demo, keys) = (rescue.demo(), rescue.folder().join("keys"));
        fs::create_dir_all(&keys).unwrap();
        for kept in ["identity.age.txt", "signing_ed25519.pub"] {
            fs::copy(demo.join("keys").join(kept), keys.join(kept)).unwrap();
        }
        let made =
            tool("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", "id_ed25519"]).current_dir(&keys).status();
        assert!(made.unwrap().success());
        let identity = fs::read_to_string(keys.join("identity.age.txt")).unwrap();
        let age = identity.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap();
        let ssh = fs::read_to_string(keys.join("id_ed25519.pub")).unwrap();
        let kms: Value = serde_json::from_str(&rescue.aws("kms create-key")).unwrap();
        let kms = kms["KeyMetadata"]["Arn"].as_str().unwrap();
        rescue.parados(&["backup", "-e", "prod", "--recipient", age, "--recipient", ssh.trim(), "--recipient", kms]);
        rescue.parados(&["backup", "-e", "dev", "--recipient", "none"]);
        rescue.aws("s3 mb s3://example-ssm-backup");
        rescue.aws(&format!("s3 sync --quiet {} s3://example-ssm-backup", demo.join("repository").display()));
        rescue.install_aws();
        rescue
    }

    fn folder(&self) -> PathBuf {
        self.home.path().join("rescue")
    }

    fn demo(&self) -> PathBuf {
        self.home.path().join("parados-demo")
    }

    fn parados(&self, arguments: &[&str]) -> String {
        let mut command = self.home.command();
        stdout(&command.envs(self.moto.env()).current_dir(self.demo()).args(arguments).assert().success())
    }

    fn aws(&self, arguments: &str) -> String {
        let output = aws_cli(&self.moto).args(arguments.split_whitespace()).output().unwrap();
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Puts the AWS CLI on the path.
    fn install_aws(&self) {
        let python = aws_cli(&self.moto).get_program().to_owned();
        let path = self.bin().join("aws");
        fs::create_dir_all(self.bin()).unwrap();
        fs::write(&path, format!("#!/bin/sh\nexec '{}' -m awscli \"$@\"\n", Path::new(&python).display())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn bin(&self) -> PathBuf {
        self.home.path().join("bin")
    }
}

/// Runs blocks in one shell in the folder `folder`, with `parados` far away; it ends at the first command that fails.
fn run(folder: &Path, environment: &[(&str, String)], blocks: &[String]) -> Output {
    let script = folder.with_extension("sh");
    fs::write(&script, blocks.join("\n")).unwrap();
    let (path, bin) = (std::env::var_os("PATH").unwrap(), folder.with_file_name("bin"));
    let path = std::env::join_paths(std::iter::once(bin).chain(std::env::split_paths(&path))).unwrap();
    let mut sh = tool("sh");
    sh.env_clear().envs(environment.iter().map(|(name, value)| (name, value))).env("PATH", path).env("HOME", folder);
    sh.arg("-eu").arg(script).current_dir(folder).output().unwrap()
}

#[test]
fn the_page_for_the_day_when_nothing_else_is_left_works_as_it_stands() {
    let rescue = Rescue::new();
    let output = run(&rescue.folder(), &rescue.moto.env(), &blocks());
    let (said, complained) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{complained}");
    for words in [
        "Good \"parados-manifest\" signature for parados",
        "Good \"parados-manifest\" signature with",
        "the document is the one that was signed",
        "the chain is read",
        "the content is the one that was signed",
        "db.prod.shop.example",
        "the value is back",
    ] {
        assert!(said.contains(words), "{words}: {said}\n{complained}");
    }
    assert!(!said.contains("does not follow") && !said.contains("not put"), "{said}");
    let opened = said.matches("\"parameter_count\": 30").count();
    assert_eq!(opened, 4, "by each of the three keys, and one without a key: {said}");

    // What is in AWS now is what the store has.
    let stored = rescue.parados(&["parameter", "get", "/shop/prod/db/password", "--reveal", "--output", "json"]);
    let stored: Value = serde_json::from_str(&stored).unwrap();
    let restored = rescue.aws("ssm get-parameter --name /shop/prod/db/password --with-decryption");
    let restored: Value = serde_json::from_str(&restored).unwrap();
    assert_eq!(restored["Parameter"]["Value"], stored["Parameter"]["Value"]);
    assert!(!said.contains(stored["Parameter"]["Value"].as_str().unwrap()), "the page shows no secret");
    let tags = rescue.aws("ssm list-tags-for-resource --resource-type Parameter --resource-id /shop/prod/db/password");
    assert!(tags.contains("platform"), "{tags}");
    let history = rescue.aws("ssm get-parameter-history --name /shop/prod/deploy/release");
    assert!(history.contains("stable"), "{history}");
    let policies = rescue.aws("ssm describe-parameters --filters Key=Name,Values=/shop/prod/partners/catalogue-token");
    assert!(policies.contains("expires"), "{policies}");
}

#[test]
fn the_page_notices_what_was_tampered_with() {
    let home = Home::new();
    home.run("demo").success();
    let folder = home.path().join("parados-demo");
    let after = |change: &str, check: &[&str]| {
        let mut blocks = vec![block("M=$(ls"), block("SAYS=amendment"), change.to_owned()];
        blocks.extend(check.iter().map(|part| block(part)));
        let output = run(&folder, &[], &blocks);
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    let checks = ["ssh-keygen -Y verify", ".document.digest", ".previous.digest"];
    let (succeeds, said) = after("true", &checks);
    assert!(succeeds && said.contains("the document is the one") && !said.contains("does not follow"), "{said}");

    let forge = "sed s/complete/partial/ manifest.json > forged; mv forged manifest.json";
    let (succeeds, _) = after(forge, &checks[..1]);
    assert!(!succeeds, "a forged manifest");
    let (_, said) = after("cp $D kept; printf x >> $D", &checks[1..2]);
    assert!(!said.contains("the document is the one"), "a damaged document: {said}");
    let (_, said) = after("mv kept $D; rm ${M%2.manifest}1.manifest", &checks[1..]);
    assert!(said.contains("the document is the one") && said.contains("2.manifest does not follow"), "{said}");
}

#[test]
fn the_page_reads_what_was_sealed_again_and_a_chain_that_was_pruned() {
    let home = Home::new();
    home.run("demo").success();
    let folder = home.path().join("parados-demo");
    let parados = |arguments: &[&str]| {
        home.command().current_dir(&folder).args(arguments).assert().success();
    };
    let made = tool("age-keygen").args(["-o", "second.txt"]).current_dir(&folder).output().unwrap();
    assert!(made.status.success());
    let second = fs::read_to_string(folder.join("second.txt")).unwrap();
    let second = second.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap();
    for _ in 0..2 {
        parados(&["prune", "--keep-last", "1", "--grace", "0s", "--yes"]);
    }
    parados(&["key", "add", second, "--yes"]);
    // Only the second key is left.
    fs::rename(folder.join("second.txt"), folder.join("keys/identity.age.txt")).unwrap();

    let parts = [
        "M=$(ls",
        "allowed_signers\n",
        "SAYS=amendment",
        ".document.digest",
        ".previous.digest",
        "-i keys/identity",
        "content_digest",
    ];
    let output = run(&folder, &[], &parts.map(block));
    let (said, complained) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{complained}");
    for words in [
        "Good \"parados-amendment\" signature",
        "the document is the one",
        "the chain is read",
        "the content is the one",
    ] {
        assert!(said.contains(words), "{words}: {said}\n{complained}");
    }
    assert!(!said.contains("does not follow"), "{said}");
}
