//! `parados backup` on AWS: what is put is read back by the AWS CLI and opened with stock tools.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use jiff::Timestamp;
use serde_json::{Value, json};
use testkit::tool;

use crate::aws_account::{Account, BACKUP, BUCKET, REGION};

/// 66 parameters, which moto lists on seven pages.
const COUNT: usize = 66;
/// Of which this one has four versions and a label on the second.
const CHANGED: &str = "/jenkins/dev/app0/p000";

/// A filled account.
fn account() -> Account {
    let account = Account::filled(COUNT);
    for version in 2..=4 {
        put_again(&account, &format!("version {version}"));
    }
    let label = json!({"Name": CHANGED, "ParameterVersion": 2, "Labels": ["blue"]});
    account.call("ssm", "label_parameter_version", &label);
    account
}

fn put_again(account: &Account, label: &str) {
    let put = json!({"Name": CHANGED, "Type": "String", "Value": account.secret(label), "Overwrite": true});
    account.call("ssm", "put_parameter", &put);
}

/// What the AWS CLI says that the parameters of dev are.
fn parameters(account: &Account) -> Vec<Value> {
    let said =
        account.cli(&["ssm", "get-parameters-by-path", "--path", "/jenkins", "--recursive", "--with-decryption"]);
    let mut parameters = said["Parameters"].as_array().unwrap().clone();
    parameters.retain(|parameter| parameter["Name"].as_str().unwrap().contains("/dev/"));
    parameters.sort_by_key(|parameter| parameter["Name"].as_str().unwrap().to_owned());
    parameters
}

fn document(account: &Account, report: &Value) -> Value {
    serde_json::from_str(&account.object(BUCKET, report["key"].as_str().unwrap())).unwrap()
}

/// That the document's parameters are those that the AWS CLI shows.
#[track_caller]
fn assert_same(document: &Value, said: &[Value]) {
    let mut stored = document["parameters"].as_array().unwrap().clone();
    stored.sort_by_key(|parameter| parameter["Name"].as_str().unwrap().to_owned());
    assert_eq!((stored.len(), document["parameter_count"].as_u64()), (said.len(), Some(said.len() as u64)));
    for (stored, said) in stored.iter().zip(said) {
        for field in ["Name", "Type", "Value", "Version", "ARN", "DataType"] {
            assert_eq!(stored[field], said[field], "{field} of {}", said["Name"]);
        }
        let date: Timestamp = stored["LastModifiedDate"].as_str().unwrap().parse().unwrap();
        let seconds = said["LastModifiedDate"].as_f64().unwrap();
        assert!((date.as_millisecond() as f64 / 1e3 - seconds).abs() < 0.001, "{date} is not {seconds}");
    }
}

#[test]
fn a_tier_of_tomorrow_is_named_and_stops_no_other() {
    let account = account();
    let put = json!({"Name": "/jenkins/dev/new", "Type": "String", "Value": account.secret("new"), "Tier": "Platinum"});
    account.call("ssm", "put_parameter", &put);
    let run = account.back_up("--recipient none", 3);
    let report = run.json();
    assert_eq!((&report["verdict"], &report["parameter_count"]), (&json!("partial"), &json!(COUNT)), "{report}");
    let missing = report["missing"].as_array().unwrap();
    assert_eq!(
        (missing.len(), &missing[0]["name"], &missing[0]["what"]),
        (1, &json!("/jenkins/dev/new"), &json!("value"))
    );
    assert!(missing[0]["reason"].as_str().unwrap().contains("Tier \"Platinum\""), "{report}");
    let listed = account.run("parameter list --store aws --name-contains /dev/ --output json", 3);
    assert_eq!(listed.json()["Parameters"].as_array().unwrap().len(), COUNT);
    assert_eq!(listed.json()["Unreadable"][0]["Name"], "/jenkins/dev/new");
    listed.says(&["not listed: /jenkins/dev/new", "Platinum"]);
}

#[test]
fn a_plain_snapshot_is_what_the_aws_cli_says() {
    let account = account();
    let said = parameters(&account);
    assert_eq!(said.len(), COUNT);

    // A dry run says where and what, and writes nothing.
    let planned = account.back_up("--recipient none --dry-run", 0).json();
    assert_eq!((&planned["dry_run"], &planned["parameter_count"]), (&json!(true), &json!(COUNT)), "{planned}");
    assert_eq!((&planned["target"]["environment"], &planned["snapshot"]), (&json!("dev"), &Value::Null), "{planned}");
    let human = BACKUP.replace("--output json", "");
    let shown = account.run(&format!("{human} --repository s3://{BUCKET} --recipient none --dry-run"), 0);
    let today = &planned["started_at"].as_str().unwrap()[..10];
    shown.says(&["Dry run: nothing was written", "jenkins/dev", "66", today, BUCKET, "ssm-backup-dev-", ".json"]);
    assert!(account.objects(BUCKET).is_empty());

    // The first backup, read back.
    let before = Timestamp::now();
    let report = account.back_up("--recipient none", 0).json();
    assert_eq!((&report["verdict"], &report["parameter_count"]), (&json!("complete"), &json!(COUNT)), "{report}");
    assert_eq!((&report["sequence"], &report["missing"], &report["reused"]), (&json!(1), &json!([]), &json!(0)));
    check_key(report["key"].as_str().unwrap(), ".json", before);
    let first = document(&account, &report);
    assert_same(&first, &said);
    for (field, value) in
        [("environment", "dev"), ("project", "jenkins"), ("region", REGION), ("account", "123456789012")]
    {
        assert_eq!(first[field], value, "{field}");
    }
    for parameter in first["parameters"].as_array().unwrap() {
        let number: usize = parameter["Name"].as_str().unwrap().rsplit('p').next().unwrap().parse().unwrap();
        assert_eq!(parameter["Tags"], json!([{"Key": "number", "Value": number.to_string()}]), "{}", parameter["Name"]);
    }
    let blue = parameter(&first, CHANGED);
    assert_eq!(
        (&blue["Name"], &blue["History"][0]["Labels"]),
        (&json!(CHANGED), &json!(["blue"])),
        "the label's version is there"
    );
    check_bucket(&account, &report, "AES256");
    check_signature(&account, 1);

    // Nothing changed: seven pages, one call for tags, and nothing more.
    let second = account.back_up("--recipient none", 0).json();
    assert_eq!((&second["reused"], &second["sequence"]), (&json!(COUNT), &json!(2)), "{second}");
    assert!(second["calls"].as_u64().unwrap() <= COUNT.div_ceil(10) as u64 + 2, "{second}");
    assert_eq!(document(&account, &second)["parameters"], first["parameters"]);

    // One did: it alone is read.
    put_again(&account, "version 5");
    let third = account.back_up("--recipient none", 0).json();
    assert_eq!((&third["reused"], &third["sequence"]), (&json!(COUNT - 1), &json!(3)), "{third}");
    let said = parameters(&account);
    assert_same(&document(&account, &third), &said);

    // Everything, and then with all that came before.
    let full = account.back_up("--recipient none --full", 0).json();
    assert_eq!(full["reused"], 0, "{full}");
    assert_same(&document(&account, &full), &said);
    let whole = account.back_up("--recipient none --with-history", 0).json();
    assert_eq!(whole["version_count"], json!(COUNT + 4), "{whole}");
    let whole = document(&account, &whole);
    assert_same(&whole, &said);
    let versions = parameter(&whole, CHANGED)["History"].as_array().unwrap();
    let told = account.cli(&["ssm", "get-parameter-history", "--name", CHANGED, "--with-decryption"]);
    let told: Vec<_> = told["Parameters"].as_array().unwrap().iter().filter(|one| one["Version"] != 5).collect();
    assert_eq!(versions.len(), 4);
    for (version, told) in versions.iter().zip(told) {
        assert_eq!((&version["Version"], &version["Value"]), (&told["Version"], &told["Value"]));
    }
    check_bucket(&account, &third, "AES256");
    check_signature(&account, 5);
}

/// A parameter of a document.
fn parameter<'a>(document: &'a Value, name: &str) -> &'a Value {
    document["parameters"].as_array().unwrap().iter().find(|parameter| parameter["Name"] == name).unwrap()
}

/// `{date}/ssm-backup-dev-{ts}…`, both of them of a moment since `begun`.
#[track_caller]
fn check_key(key: &str, suffix: &str, begun: Timestamp) {
    let (date, file) = key.split_once('/').unwrap();
    let time = file
        .strip_prefix("ssm-backup-dev-")
        .and_then(|file| file.strip_suffix(suffix))
        .unwrap_or_else(|| panic!("{key}"));
    let at = Timestamp::strptime("%Y%m%d_%H%M%S %z", format!("{time} +0000")).unwrap();
    assert_eq!((time.len(), at.strftime("%Y-%m-%d").to_string().as_str()), (15, date), "{key}");
    assert!(begun.as_second() <= at.as_second() && at <= Timestamp::now(), "{key}");
}

/// That each object is encrypted as asked, and that `latest.txt` names the newest snapshot.
#[track_caller]
fn check_bucket(account: &Account, newest_but: &Value, algorithm: &str) {
    let listed = account.cli(&["s3api", "list-objects-v2", "--bucket", BUCKET]);
    let keys: Vec<_> =
        listed["Contents"].as_array().unwrap().iter().map(|object| object["Key"].as_str().unwrap()).collect();
    for expected in ["latest.txt", "parados.json", "manifests/jenkins/dev/123456789012/eu-west-1/0000000001.manifest"] {
        assert!(keys.iter().any(|key| key.starts_with(expected)), "{expected}: {keys:?}");
    }
    // The fingerprints' key is stored sealed, or not at all.
    let sealed = newest_but["key"].as_str().unwrap().ends_with(".age");
    assert_eq!(keys.iter().any(|key| key.starts_with("keys/")), sealed, "{keys:?}");
    assert!(keys.contains(&newest_but["key"].as_str().unwrap()), "{keys:?}");
    for key in &keys {
        let head = account.cli(&["s3api", "head-object", "--bucket", BUCKET, "--key", key]);
        assert_eq!(head["ServerSideEncryption"], algorithm, "{key}");
    }
    let newest = keys.iter().filter(|key| key.contains("/ssm-backup-dev-")).max().unwrap();
    assert_eq!(account.object(BUCKET, "latest.txt"), format!("{newest}\n"));
}

/// That `ssh-keygen` takes the manifest's signature, and takes it no more when a byte is another.
#[track_caller]
fn check_signature(account: &Account, sequence: u32) {
    let key = format!("manifests/jenkins/dev/123456789012/eu-west-1/{sequence:010}.manifest");
    let manifest = account.object(BUCKET, &key);
    let (signed, signature) = manifest.split_once('\n').unwrap();
    let folder = tempfile::tempdir().unwrap();
    let public = std::fs::read_to_string(account.home.data().join("keys/signing_ed25519.pub")).unwrap();
    std::fs::write(folder.path().join("allowed_signers"), format!("parados {public}")).unwrap();
    std::fs::write(folder.path().join("signature"), signature).unwrap();
    let verify = |text: &str| {
        let mut command = tool("ssh-keygen");
        command.args("-Y verify -f allowed_signers -I parados -n parados-manifest -s signature".split(' '));
        let mut child = command
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        child.wait().unwrap().success()
    };
    assert!(verify(&format!("{signed}\n")));
    assert!(!verify(&format!("{}\n", signed.replacen("dev", "prd", 1))));
}

#[test]
fn a_sealed_snapshot_goes_where_the_store_says_and_opens_with_stock_tools() {
    let account = account();

    // Where no parameter names the bucket, the parameter and the way to the bucket are named.
    account.run(&format!("{BACKUP} --recipient none"), 2).says(&[
        "/jenkins/dev/backup/s3-bucket-name",
        "aws s3 mb",
        "parados parameter put /jenkins/dev/backup/s3-bucket-name",
        "--repository s3://",
    ]);
    assert!(account.objects(BUCKET).is_empty());
    let name = ["--name", "/jenkins/dev/backup/s3-bucket-name", "--type", "String", "--value", BUCKET];
    account.cli(&[["ssm", "put-parameter"].as_slice(), &name].concat());

    // Sealed to a key that this machine does not have, by a profile rather than the environment's credentials.
    let elsewhere = tempfile::tempdir().unwrap();
    let identity = elsewhere.path().join("identity.txt");
    let recipient = make_identity(&identity);
    profile(&account);
    let begun = Timestamp::now();
    let mut command = account.home.command();
    command.env("AWS_PROFILE", "backup").env("AWS_CONFIG_FILE", account.home.path().join("aws.config"));
    command.env("AWS_SHARED_CREDENTIALS_FILE", account.home.path().join("aws.credentials"));
    command.args(format!("{BACKUP} --recipient {recipient}").split(' '));
    let report = account.ends(&mut command, 0).json();
    assert_eq!(
        (&report["parameter_count"], &report["repository"]),
        (&json!(COUNT + 1), &json!(format!("s3://{BUCKET}")))
    );
    let key = report["key"].as_str().unwrap();
    check_key(key, ".json.zst.age", begun);
    check_bucket(&account, &report, "AES256");
    check_signature(&account, 1);

    // Downloaded and opened by what every Linux has.
    let sealed = elsewhere.path().join("snapshot");
    account.cli(&["s3api", "get-object", "--bucket", BUCKET, "--key", key, sealed.to_str().unwrap()]);
    account.keeps_secrets(&std::fs::read(&sealed).unwrap());
    assert_same(&open(&sealed, &identity), &parameters(&account));

    // The previous snapshot cannot be opened here, so everything is read again; with the identity it can.
    let again = account.run(&format!("{BACKUP} --recipient {recipient}"), 0).json();
    assert_eq!(again["reused"], 0, "{again}");
    let again = account.run(&format!("{BACKUP} --recipient {recipient} --identity {}", identity.display()), 0).json();
    assert_eq!(again["reused"], json!(COUNT + 1), "{again}");

    // Sealed to a key of KMS and stored under one.
    account.moto.require_encryption("aws:kms");
    let made = account.call("kms", "create_key", &json!({}));
    let kms = made["KeyMetadata"]["Arn"].as_str().unwrap();
    account.make_bucket("under-kms");
    let flags = format!("--repository s3://under-kms/some/prefix --recipient {kms} --s3-kms-key {kms}");
    account.back_up(&flags, 0);
    assert_eq!(account.back_up(&flags, 0).json()["sequence"], 2);
    for key in account.objects("under-kms").keys() {
        let head = account.call("s3", "head_object", &json!({"Bucket": "under-kms", "Key": key}));
        assert!(key.starts_with("some/prefix/"), "{key}");
        assert_eq!((&head["ServerSideEncryption"], &head["SSEKMSKeyId"]), (&json!("aws:kms"), &json!(kms)), "{key}");
    }
}

/// Makes an age identity, and says whom to seal to.
fn make_identity(path: &Path) -> String {
    let made = tool("age-keygen").arg("-o").arg(path).output().unwrap();
    assert!(made.status.success());
    let public = tool("age-keygen").arg("-y").arg(path).output().unwrap();
    String::from_utf8(public.stdout).unwrap().trim().to_owned()
}

/// A profile `backup` in files of the AWS CLI's.
fn profile(account: &Account) {
    let config = format!("[profile backup]\nregion = {REGION}\nendpoint_url = {}\n", account.moto.url());
    std::fs::write(account.home.path().join("aws.config"), config).unwrap();
    let credentials = "[backup]\naws_access_key_id = testing\naws_secret_access_key = testing\n";
    std::fs::write(account.home.path().join("aws.credentials"), credentials).unwrap();
}

/// The document in a sealed snapshot.
fn open(sealed: &Path, identity: &Path) -> Value {
    let script = r#"set -o pipefail; age -d -i "$1" "$2" | zstd -dc | jq ."#;
    let opened = tool("bash").args(["-c", script, "open"]).arg(identity).arg(sealed).output().unwrap();
    assert!(opened.status.success(), "{}", String::from_utf8_lossy(&opened.stderr));
    serde_json::from_slice(&opened.stdout).unwrap()
}

#[test]
fn an_embedded_store_is_backed_up_into_a_bucket() {
    let account = Account::new();
    let secret = account.secret("embedded");
    account.run("init", 0);
    account
        .command("parameter put /jenkins/dev/db --type SecureString")
        .write_stdin(secret.as_str())
        .assert()
        .success();
    let store = account.home.data().join("store");
    let flags =
        format!("backup --project jenkins --environment dev --output json --store embedded:{}", store.display());
    let report = account.run(&format!("{flags} --repository s3://{BUCKET} --recipient none"), 0).json();
    assert_eq!((&report["parameter_count"], &report["target"]["store"]), (&json!(1), &json!("embedded")), "{report}");
    assert_eq!(document(&account, &report)["parameters"][0]["Value"], secret);
    for key in account.objects(BUCKET).keys() {
        let head = account.cli(&["s3api", "head-object", "--bucket", BUCKET, "--key", key]);
        assert_eq!(head["ServerSideEncryption"], "AES256", "{key}");
    }
}

/// The reports, of one target or of several.
fn each_of(report: Value) -> Value {
    report.get("targets").cloned().unwrap_or_else(|| json!([report]))
}

#[test]
fn several_targets_are_backed_up_in_order_or_at_once() {
    let account = Account::filled(12);
    account.fill("us-east-1", 5);
    let role = "arn:aws:iam::999999999999:role/backup";
    let file = format!(
        "version: 1\nproject: jenkins\nstore: aws\nrepository: s3://{BUCKET}\nrecipients: []\nquota: {{unlimited: true}}\nenvironments:\n  \
         dev:\n    targets:\n      - {{ name: main, region: {REGION}, account: \"123456789012\" }}\n      \
         - {{ name: spare, region: us-east-1, account: \"123456789012\" }}\n  \
         other:\n    selector: {{ name_contains: [/dev/] }}\n    targets:\n      \
         - {{ name: wrong, region: {REGION}, account: \"111111111111\" }}\n      - {{ name: main, region: {REGION} }}\n      \
         - {{ name: theirs, region: {REGION}, role_arn: \"{role}\", account: \"999999999999\" }}\n"
    );
    std::fs::write(account.home.path().join("parados.yaml"), file).unwrap();
    let back_up = |flags: &str, code| each_of(account.run(&format!("backup --output json {flags}"), code).json());
    for (flags, sequence) in [("", 1), ("--parallel", 2)] {
        let targets = back_up(&format!("--environment dev {flags}"), 0);
        let of = |number: usize| {
            let one = &targets[number];
            (one["target"]["region"].clone(), one["parameter_count"].clone(), one["sequence"].clone())
        };
        assert_eq!(of(0), (json!(REGION), json!(12), json!(sequence)), "{targets}");
        assert_eq!(of(1), (json!("us-east-1"), json!(5), json!(sequence)), "{targets}");
        assert_ne!(targets[0]["key"], targets[1]["key"], "two targets do not share a data object");
    }
    let regions: Vec<_> =
        account.objects(BUCKET).into_keys().filter(|key| key.ends_with("0000000002.manifest")).collect();
    assert_eq!(regions.len(), 2, "{regions:?}");

    // In order the first failure ends it; in parallel each has its own verdict.
    let before = account.objects(BUCKET);
    let targets = back_up("--environment other", 1);
    assert_eq!((targets.as_array().unwrap().len(), &targets[0]["verdict"]), (1, &json!("failed")), "{targets}");
    assert!(targets[0]["error"].as_str().unwrap().contains("111111111111"), "{targets}");
    assert_eq!(account.objects(BUCKET), before);
    let targets = back_up("--environment other --parallel", 1);
    let verdicts: Vec<_> = targets.as_array().unwrap().iter().map(|one| one["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["failed", "complete", "nothing-matched"], "the role's account has no parameters: {targets}");
    assert_eq!(targets[2]["target"]["account"], "999999999999", "{targets}");

    // With the role's own account filled, it is read as the role, and written as whoever runs this.
    let calls = account.moto.calls();
    assert!(calls["STS.AssumeRole"] > 0, "{calls:?}");
    let session = json!({"RoleArn": role, "RoleSessionName": "it"});
    let assumed = account.call("sts", "assume_role", &session)["Credentials"].clone();
    let text = |field: &str| assumed[field].as_str().unwrap().to_owned();
    let mut put = account.command("parameter put /jenkins/dev/theirs --store aws");
    put.env("AWS_ACCESS_KEY_ID", text("AccessKeyId")).env("AWS_SECRET_ACCESS_KEY", text("SecretAccessKey"));
    put.env("AWS_SESSION_TOKEN", text("SessionToken")).write_stdin(account.secret("theirs"));
    account.ends(&mut put, 0);
    let report = account.run("backup --output json --environment other --target theirs", 0).json();
    let report = &each_of(report)[0];
    assert_eq!(
        (&report["parameter_count"], &report["target"]["account"]),
        (&json!(1), &json!("999999999999")),
        "{report}"
    );
    let chain = "manifests/jenkins/other/999999999999/eu-west-1/0000000001.manifest";
    assert!(account.objects(BUCKET).contains_key(chain));
}

#[test]
fn backups_at_once_succeed_or_say_that_they_lost_and_the_chain_stays_whole() {
    let account = Account::filled(12);
    let commands = [(); 4].map(|()| {
        let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin("parados"));
        command.env_clear().envs(account.moto.env()).env("HOME", account.home.path()).args(BACKUP.split(' '));
        command.args(["--recipient", "none", "--repository", &format!("s3://{BUCKET}")]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    });
    // One signing key and one repository, so that what they contend for is the chain.
    account.back_up("--recipient none", 0);
    let children = commands.map(|mut command| command.spawn().unwrap());
    let (mut sequences, mut keys) = (vec![1], Vec::new());
    for child in children {
        let output = child.wait_with_output().unwrap();
        account.keeps_secrets(&output.stdout);
        account.keeps_secrets(&output.stderr);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        match output.status.code() {
            Some(0) => {
                sequences.push(report["sequence"].as_u64().unwrap());
                keys.push(report["key"].as_str().unwrap().to_owned());
            }
            Some(1) => assert!(
                report["error"].as_str().unwrap().contains("is already in") && report["hints"][0] != "",
                "{report}"
            ),
            _ => panic!("{report}"),
        }
    }
    sequences.sort_unstable();
    assert!(sequences.len() > 1 && sequences.iter().zip(1..).all(|(got, wanted)| *got == wanted), "{sequences:?}");
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), sequences.len() - 1, "no two wrote the same object");
    let listed = account.run(&format!("snapshots --store aws --repository s3://{BUCKET} --output json"), 0).json();
    assert_eq!((listed["snapshots"].as_array().unwrap().len(), &listed["damaged"]), (sequences.len(), &json!([])));
    check_signature(&account, u32::try_from(sequences.len()).unwrap());
}
