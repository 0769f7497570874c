//! `parados infra` on a fresh account, which moto plays, read back with the AWS CLI.

use std::fs;

use serde_json::{Value, json};
use testkit::{Moto, aws_cli};

use crate::parados::{Home, stderr, stdout};

pub(crate) const BUCKET: &str = "jenkins-ssm-backup-dev-123456789012-eu-west-1";

/// A fresh account, and a project.
pub(crate) struct Account {
    pub(crate) moto: Moto,
    pub(crate) home: Home,
}

impl Account {
    /// A fresh account, and a project with a declaration as `parados init` writes it.
    pub(crate) fn new() -> Self {
        let account = Self { moto: Moto::start(), home: Home::new() };
        account.run("init --project jenkins --environment dev --store aws", 0);
        account
    }

    /// Runs `parados` and gives what it printed.
    pub(crate) fn run(&self, arguments: &str, code: i32) -> (String, String) {
        let mut command = self.home.command();
        command.envs(self.moto.env()).env("HOME", self.home.path()).args(arguments.split_whitespace());
        let run = command.assert().code(code);
        (stdout(&run), stderr(&run))
    }

    /// Runs `parados infra …` of the environment dev, and gives its JSON.
    pub(crate) fn infra(&self, arguments: &str, code: i32) -> Value {
        let (out, error) = self.run(&format!("infra {arguments} --environment dev --output json"), code);
        serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{error}"))
    }

    pub(crate) fn aws(&self, arguments: &str) -> Value {
        let output = aws_cli(&self.moto).args(arguments.split_whitespace()).output().unwrap();
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    pub(crate) fn bucket(&self, what: &str) -> Value {
        self.aws(&format!("s3api get-{what} --bucket {BUCKET}"))
    }

    /// Changes the declaration's text.
    pub(crate) fn declare(&self, from: &str, to: &str) {
        let path = self.home.path().join("infra/backup.yaml");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(path, text.replace(from, to)).unwrap();
    }
}

/// The changes of a plan: the resources, and what is done with them.
pub(crate) fn changes(plan: &Value) -> Vec<(&str, &str)> {
    let changes = plan["changes"].as_array().unwrap();
    changes.iter().map(|one| (one["resource"].as_str().unwrap(), one["action"].as_str().unwrap())).collect()
}

#[test]
fn a_fresh_account_needs_two_commands() {
    let account = Account::new();
    let preview = account.infra("preview", 0);
    assert_eq!(
        changes(&preview),
        [("bucket", "create"), ("bucket_name", "create"), ("bucket_name_of_region", "create")],
        "{preview}"
    );
    let report = account.infra("up --yes", 0);
    assert_eq!(report["verdict"], "complete", "{report}");
    assert_eq!(report["outputs"]["bucket_name"], BUCKET);
    let (report, _) = account.run("backup --environment dev --output json", 0);
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!((&report["verdict"], &report["parameter_count"]), (&json!("complete"), &json!(2)), "{report}");
    assert_eq!(changes(&account.infra("preview", 0)), []);
    assert_eq!(changes(&account.infra("up", 0)), [], "nothing is asked where nothing is to be done");
}

#[test]
fn the_bucket_is_what_the_aws_cli_reads() {
    let account = Account::new();
    account.infra("up --yes", 0);
    assert_eq!(account.bucket("bucket-location")["LocationConstraint"], "eu-west-1");
    assert_eq!(account.bucket("bucket-versioning")["Status"], "Enabled");
    let encryption = &account.bucket("bucket-encryption")["ServerSideEncryptionConfiguration"]["Rules"][0];
    assert_eq!(encryption["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"], "AES256");
    assert_eq!(encryption["BucketKeyEnabled"], true);
    let block = &account.bucket("public-access-block")["PublicAccessBlockConfiguration"];
    for one in ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"] {
        assert_eq!(block[one], true, "{one}");
    }
    let rules = account.bucket("bucket-lifecycle-configuration")["Rules"].clone();
    assert_eq!(rules[0]["ID"], "delete-old-backups");
    assert_eq!(rules[0]["Expiration"]["Days"], 30);
    assert_eq!(rules[0]["NoncurrentVersionExpiration"]["NoncurrentDays"], 7);
    assert_eq!(rules[1]["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"], 7);
    assert_eq!(rules[1]["Expiration"]["ExpiredObjectDeleteMarker"], true);
    let ownership = &account.bucket("bucket-ownership-controls")["OwnershipControls"]["Rules"][0];
    assert_eq!(ownership["ObjectOwnership"], "BucketOwnerEnforced");
    let policy: Value = serde_json::from_str(account.bucket("bucket-policy")["Policy"].as_str().unwrap()).unwrap();
    let arn = format!("arn:aws:s3:::{BUCKET}");
    assert_eq!(
        policy["Statement"],
        json!([
            {
                "Sid": "DenyInsecureConnections", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
                "Resource": [arn, format!("{arn}/*")], "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            },
            {
                "Sid": "DenyUnencryptedObjectUploads", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject",
                "Resource": format!("{arn}/*"),
                "Condition": {"StringNotEquals": {"s3:x-amz-server-side-encryption": "AES256"}},
            },
        ])
    );
    let tags = account.bucket("bucket-tagging")["TagSet"].clone();
    for (key, value) in [
        ("Name", BUCKET),
        ("Environment", "dev"),
        ("Purpose", "SSM Parameter Store Backup Storage"),
        ("DataClassification", "Confidential"),
        ("parados:owner", "jenkins/dev"),
    ] {
        assert!(tags.as_array().unwrap().contains(&json!({"Key": key, "Value": value})), "{key}: {tags}");
    }
    for name in ["/jenkins/dev/backup/s3-bucket-name", "/jenkins/dev/backup/eu-west-1/s3-bucket-name"] {
        let parameter = account.aws(&format!("ssm get-parameter --name {name}"));
        assert_eq!(
            (&parameter["Parameter"]["Value"], &parameter["Parameter"]["Type"]),
            (&json!(BUCKET), &json!("String"))
        );
    }
}

#[test]
fn drift_is_found_field_by_field_and_mended() {
    let account = Account::new();
    account.infra("up --yes", 0);
    account.aws(&format!("s3api put-bucket-versioning --bucket {BUCKET} --versioning-configuration Status=Suspended"));
    account.aws(&format!("s3api delete-bucket-policy --bucket {BUCKET}"));
    account.aws("ssm put-parameter --name /jenkins/dev/backup/s3-bucket-name --value other --overwrite");
    let drift = account.infra("refresh", 4);
    assert_eq!(changes(&drift), [("bucket", "update"), ("bucket_name", "update")]);
    let paths = |index: usize| {
        let differences = drift["changes"][index]["differences"].as_array().unwrap();
        differences.iter().map(|one| one["path"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((paths(0), paths(1)), (vec!["versioning".into(), "policy".into()], vec!["value".into()]), "{drift}");
    // moto does not know who it was.
    assert_eq!(drift["changes"][1]["changed"]["by"], "N/A", "{drift}");
    account.infra("refresh --repair --yes", 0);
    assert_eq!(changes(&account.infra("refresh", 0)), []);
    assert_eq!(account.bucket("bucket-versioning")["Status"], "Enabled");
}

#[test]
fn what_is_somebody_else_s_is_refused_until_it_is_adopted() {
    let account = Account::new();
    account.aws(&format!(
        "s3api create-bucket --bucket {BUCKET} --create-bucket-configuration LocationConstraint=eu-west-1"
    ));
    let plan = account.infra("preview", 1);
    assert_eq!(changes(&plan)[0], ("bucket", "refuse"));
    assert!(plan["changes"][0]["reason"].as_str().unwrap().contains("--adopt"), "{plan}");
    account.infra("up --yes", 1);
    assert_eq!(account.moto.calls().get("SSM.PutParameter"), None, "nothing is written, not even a lease");
    assert_eq!(changes(&account.infra("preview --adopt", 0))[0], ("bucket", "adopt"));
    account.infra("up --yes --adopt", 0);
    assert_eq!(changes(&account.infra("preview", 0)), []);
}

#[test]
fn what_left_the_declaration_is_found_and_on_request_removed() {
    let account = Account::new();
    account.infra("up --yes", 0);
    account.declare("backup/{{ region }}/s3-bucket-name", "backup/{{ region }}/bucket");
    let plan = account.infra("preview", 0);
    assert_eq!(changes(&plan), [("bucket_name_of_region", "create")]);
    assert_eq!(plan["left"][0]["id"], "/jenkins/dev/backup/eu-west-1/s3-bucket-name", "{plan}");
    account.infra("up --yes --remove", 0);
    let plan = account.infra("preview", 0);
    assert_eq!((changes(&plan), &plan["left"]), (vec![], &json!([])));
    let names = account.aws("ssm describe-parameters").to_string();
    assert!(names.contains("eu-west-1/bucket") && !names.contains("eu-west-1/s3-bucket-name"), "{names}");
}

#[test]
fn what_is_called_otherwise_is_not_what_left() {
    let account = Account::new();
    account.infra("up --yes", 0);
    account.run("backup --environment dev", 0);
    account.declare("  bucket:\n", "  snapshots:\n");
    account.declare("resources.bucket.", "resources.snapshots.");
    let plan = account.infra("preview --remove", 0);
    assert_eq!(changes(&plan), [("snapshots", "record")]);
    assert_eq!((&plan["changes"][0]["reason"], &plan["left"]), (&json!("it was called bucket"), &json!([])), "{plan}");
    account.infra("up --yes --remove", 0);
    assert_eq!(changes(&account.infra("preview --remove", 0)), []);
    assert_eq!(account.bucket("bucket-versioning")["Status"], "Enabled");
}

#[test]
fn what_left_and_holds_snapshots_goes_only_when_that_is_said_twice() {
    let account = Account::new();
    account.infra("up --yes", 0);
    account.run("backup --environment dev", 0);
    account.declare("name: \"{{ project }}-ssm-backup-", "name: \"{{ project }}-new-backup-");
    let plan = account.infra("up --yes --remove", 1);
    let refused = plan["changes"].as_array().unwrap().iter().find(|one| one["action"] == "refuse").unwrap();
    assert_eq!((&refused["id"], &refused["resource"]), (&json!(BUCKET), &json!("bucket")), "{plan}");
    assert!(refused["reason"].as_str().unwrap().contains("versions of objects"), "{plan}");
    assert_eq!(account.aws("s3api list-buckets")["Buckets"].as_array().unwrap().len(), 1, "nothing is done");
    account.infra("up --yes --remove --with-snapshots", 0);
    let buckets = account.aws("s3api list-buckets")["Buckets"].to_string();
    assert!(buckets.contains("jenkins-new-backup") && !buckets.contains(BUCKET), "{buckets}");
}

#[test]
fn a_destruction_is_refused_while_there_are_snapshots() {
    let account = Account::new();
    account.infra("up --yes", 0);
    account.run("backup --environment dev", 0);
    account.aws(&format!("s3api create-multipart-upload --bucket {BUCKET} --key unfinished"));
    let plan = account.infra("destroy --yes", 1);
    assert!(plan["changes"].to_string().contains("versions of objects"), "{plan}");
    assert_eq!(account.bucket("bucket-versioning")["Status"], "Enabled");
    let report = account.infra("destroy --yes --with-snapshots", 0);
    assert_eq!(report["verdict"], "complete", "{report}");
    assert_eq!(account.aws("s3api list-buckets")["Buckets"], json!([]));
    let names = account.aws("ssm describe-parameters").to_string();
    assert!(names.contains("/parados/infra/jenkins.dev/lease/") && !names.contains("s3-bucket-name"), "{names}");
    account.infra("up --yes", 0);
}

#[test]
fn a_plan_that_was_approved_is_the_one_that_is_done() {
    let account = Account::new();
    let hash = account.infra("preview", 0)["hash"].as_str().unwrap().to_owned();
    account.declare("Confidential", "Secret");
    let (_, error) = account.run(&format!("infra up --environment dev --hash {hash}"), 1);
    assert!(error.contains(&hash) && error.contains("preview"), "{error}");
    let hash = account.infra("preview", 0)["hash"].as_str().unwrap().to_owned();
    account.infra(&format!("up --hash {hash}"), 0);
}

#[test]
fn a_declaration_that_is_wrong_is_said_with_its_place() {
    let account = Account::new();
    account.declare("versioning: true", "versionig: true");
    let (_, error) = account.run("infra preview --environment dev", 2);
    assert!(error.contains("infra/backup.yaml:10:5: unknown key `versionig`"), "{error}");
    assert!(error.contains("did you mean `versioning`?"), "{error}");
    assert_eq!(account.moto.calls().get("S3.GetBucketTagging"), None);
}

#[test]
fn a_plan_is_a_tree_for_people() {
    let account = Account::new();
    let (plan, _) = account.run("infra preview --environment dev", 0);
    assert!(plan.starts_with("jenkins/dev in account 123456789012, eu-west-1\n├─ + bucket  aws:s3:Bucket  "), "{plan}");
    assert!(plan.contains("│      + lifecycle[delete-old-backups].expiration_days: 30"), "{plan}");
    assert!(plan.contains("└─ + bucket_name_of_region"), "{plan}");
    let (out, error) = account.run("infra up --environment dev", 2);
    assert!(out.is_empty() && error.contains("add --yes"), "{error}");
}
