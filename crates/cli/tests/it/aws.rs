//! `parados` on AWS, which moto plays.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;
use testkit::{Moto, aws_cli};

use crate::parados::{Home, stderr, stdout};

const RECIPIENT: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
const BUCKET: &str = "jenkins-ssm-backup-dev";

struct Aws {
    moto: Moto,
    home: Home,
}

impl Aws {
    /// An account with three parameters, of which two are dev's.
    fn new() -> Self {
        let aws = Self { moto: Moto::start(), home: Home::new() };
        for name in ["/jenkins/dev/db/password", "/jenkins/dev/api/key", "/jenkins/prod/db/password"] {
            let put = format!("parameter put {name} - --store aws --type SecureString");
            aws.command(&put).write_stdin("hunter2-canary").assert().success();
        }
        aws
    }

    /// And a bucket, which a parameter names.
    fn with_bucket() -> Self {
        let aws = Self::new();
        aws.cli(&format!(
            "s3api create-bucket --bucket {BUCKET} --create-bucket-configuration LocationConstraint=eu-west-1"
        ));
        let put = "parameter put /jenkins/dev/backup/s3-bucket-name - --store aws";
        aws.command(put).write_stdin(BUCKET).assert().success();
        aws
    }

    fn command(&self, arguments: &str) -> assert_cmd::Command {
        let mut command = self.home.command();
        command.envs(self.moto.env()).env("HOME", self.home.path()).args(arguments.split_whitespace());
        command
    }

    fn backup(&self, arguments: &str, code: i32) -> (Value, String) {
        let arguments = format!("backup --project jenkins --environment dev --store aws --output json {arguments}");
        let run = self.command(&arguments).assert().code(code);
        assert!(!stdout(&run).contains("hunter2") && !stderr(&run).contains("hunter2"));
        (serde_json::from_str(&stdout(&run)).unwrap_or_default(), stderr(&run))
    }

    fn cli(&self, arguments: &str) -> Value {
        let output = aws_cli(&self.moto).args(arguments.split_whitespace()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }
}

#[test]
fn a_backup_goes_into_the_bucket_that_the_store_names() {
    let aws = Aws::with_bucket();
    let (report, error) = aws.backup(&format!("--recipient {RECIPIENT} --unlimited"), 0);
    assert_eq!((&report["verdict"], &report["parameter_count"]), (&"complete".into(), &3.into()), "{report} {error}");
    let key = report["key"].as_str().unwrap();
    for key in [key, "latest.txt", "parados.json"] {
        let head = aws.cli(&format!("s3api head-object --bucket {BUCKET} --key {key}"));
        assert_eq!(head["ServerSideEncryption"], "AES256", "{key}");
    }
    let flags = "--store aws --project jenkins --environment dev";
    let listed = stdout(&aws.command(&format!("snapshots {flags}")).assert().success());
    assert!(listed.starts_with(report["snapshot"].as_str().unwrap()), "{listed}");
    let shown = stdout(&aws.command(&format!("show latest {flags}")).assert().success());
    assert!(shown.contains("/jenkins/dev/api/key") && !shown.contains("/prod/"), "{shown}");
}

#[test]
fn without_a_bucket_the_parameter_and_the_command_are_named() {
    let aws = Aws::new();
    let (report, error) = aws.backup("--dry-run", 2);
    assert_eq!((&report["verdict"], &report["dry_run"]), (&"failed".into(), &true.into()), "{report}");
    assert!(report["error"].as_str().unwrap().contains("no repository is configured"), "{report}");
    assert!(!report["hints"].as_array().unwrap().is_empty(), "{report}");
    for text in ["/jenkins/dev/backup/s3-bucket-name", "aws s3 mb", "parameter put"] {
        assert!(error.contains(text), "{text}: {error}");
    }
    let (_, error) = aws.backup("--repository s3://nobody-made-this", 1);
    assert!(error.contains("does not exist") && error.contains("create-bucket"), "{error}");
}

#[test]
fn a_permission_that_is_missing_is_named() {
    let aws = Aws::with_bucket();
    for operation in ["DescribeParameters", "GetParameters"] {
        aws.moto.deny(&format!("SSM.{operation}"));
    }
    let (report, _) = aws.backup("--recipient none --unlimited", 1);
    let text = report.to_string();
    assert!(text.contains("failed") && text.contains("ssm:DescribeParameters"), "{report}");
    let doctor = "doctor --store aws --project jenkins --environment dev --output json";
    let run = aws.command(doctor).assert().code(1);
    let view: Value = serde_json::from_str(&stdout(&run)).unwrap();
    let bad: Vec<_> = view["checks"].as_array().unwrap().iter().filter(|check| check["ok"] == false).collect();
    let named: Vec<_> = bad.iter().map(|check| check["what"].as_str().unwrap()).collect();
    assert_eq!(named, ["ssm:DescribeParameters", "ssm:GetParameters"], "{view}");
}

#[test]
fn the_doctor_tries_to_write_into_a_bucket_and_leaves_nothing() {
    let aws = Aws::with_bucket();
    let doctor = |code| {
        let run =
            aws.command("doctor --store aws --project jenkins --environment dev --output json").assert().code(code);
        let view: Value = serde_json::from_str(&stdout(&run)).unwrap();
        let bad = view["checks"].as_array().unwrap().iter().filter(|check| check["ok"] == false).cloned();
        bad.collect::<Vec<_>>()
    };
    let left = || {
        let uploads = aws.cli(&format!("s3api list-multipart-uploads --bucket {BUCKET}"));
        (aws.cli(&format!("s3api list-objects-v2 --bucket {BUCKET}"))["Contents"].clone(), uploads["Uploads"].clone())
    };
    for established in [false, true] {
        if established {
            aws.backup("--recipient none --unlimited", 0);
        }
        let (before, _) = left();
        assert_eq!((before.is_null(), doctor(0)), (!established, Vec::new()));
        let operations = ["CreateMultipartUpload", "AbortMultipartUpload", "PutObject"];
        for operation in &operations[..if established { 3 } else { 2 }] {
            aws.moto.fail(&format!("S3.{operation}"), "AccessDenied", 403, 0, 1_000);
            let bad = doctor(1);
            aws.moto.fail(&format!("S3.{operation}"), "None", 400, 0, 0);
            assert_eq!((bad.len(), &bad[0]["what"]), (1, &"repository: write".into()), "{operation}: {bad:?}");
            let hint = bad[0]["hints"][0].as_str().unwrap();
            assert!(hint.contains("s3:PutObject on its objects (and s3:AbortMultipartUpload"), "{operation}: {bad:?}");
            // What may not be given up stays: that is what was wrong.
            if let (_, Value::Array(uploads)) = left() {
                assert_eq!((*operation, uploads.len()), ("AbortMultipartUpload", 1));
                let (key, id) = (uploads[0]["Key"].as_str().unwrap(), uploads[0]["UploadId"].as_str().unwrap());
                aws.cli(&format!("s3api abort-multipart-upload --bucket {BUCKET} --key {key} --upload-id {id}"));
            }
        }
        assert_eq!(left(), (before, Value::Null), "nothing else is left");
    }
}

#[test]
fn without_credentials_it_is_said_which_were_tried() {
    let home = Home::new();
    let run = home.run("backup --environment dev --store aws --region eu-west-1 --recipient none").code(1);
    let error = stderr(&run);
    assert!(error.contains("no AWS credentials were found; tried:") && error.contains("aws configure"), "{error}");
}

#[test]
fn an_account_that_is_not_the_target_s_is_refused() {
    let aws = Aws::with_bucket();
    let (_, error) = aws.backup("--recipient none --account 999999999999", 1);
    assert!(error.contains("999999999999"), "{error}");
}

#[test]
fn ctrl_c_ends_with_130_and_nothing_is_committed() {
    let aws = Aws::with_bucket();
    aws.moto.fail("SSM.GetParameters", "ThrottlingException", 400, 0, 1_000);
    let mut child = Command::new(assert_cmd::cargo::cargo_bin("parados"))
        .env_clear()
        .envs(aws.moto.env())
        .env("HOME", aws.home.path())
        .args("backup --project jenkins --environment dev --store aws --recipient none --progress json".split(' '))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    // It has listed; its reads are throttled, and it waits to try again.
    assert!(lines.any(|line| line.unwrap().contains("\"listed\"")));
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let rest: Vec<_> = lines.map(Result::unwrap).collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest:?}");
    assert!(rest.iter().any(|line| line.contains("nothing is half committed")), "{rest:?}");
    let listed = aws.cli(&format!("s3api list-objects-v2 --bucket {BUCKET}"));
    assert_eq!(listed["Contents"], Value::Null, "{listed}");
    let uploads = aws.cli(&format!("s3api list-multipart-uploads --bucket {BUCKET}"));
    assert_eq!(uploads["Uploads"], Value::Null);
}
