//! What is wrong ends a backup with a code and a message that says what to do, and nothing is written.

use serde_json::{Value, json};

use crate::aws_account::{Account, BACKUP, BUCKET, REGION};

/// Backs up with `arguments`, which has to fail, say each of `texts` and change nothing in the bucket.
#[track_caller]
fn refused(account: &Account, arguments: &str, code: i32, texts: &[&str]) {
    let before = account.objects(BUCKET);
    account.back_up(arguments, code).says(texts);
    assert_eq!(account.objects(BUCKET), before, "{arguments}");
}

#[test]
fn each_permission_that_is_missing_is_named() {
    let account = Account::filled(12);
    let key = account.call("kms", "create_key", &json!({}));
    let sealed = format!("--full --recipient {}", key["KeyMetadata"]["Arn"].as_str().unwrap());
    let named = json!({"Name": "/jenkins/dev/backup/s3-bucket-name", "Type": "String", "Value": BUCKET});
    account.call("ssm", "put_parameter", &named);
    let role = "--full --recipient none --role-arn arn:aws:iam::123456789012:role/backup";
    let trust = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}});
    account.call("iam", "create_role", &json!({"RoleName": "backup", "AssumeRolePolicyDocument": trust.to_string()}));
    let administrator = account.make_user("administrator", &[]);
    let (id, secret) = account.make_user("backup", &[]);
    account.moto.enforce_permissions();
    account.sign_in(&administrator);
    let back_up = |arguments: &str, code| {
        let mut command = account.command(&format!("{BACKUP} {arguments}"));
        command.env("AWS_ACCESS_KEY_ID", &id).env("AWS_SECRET_ACCESS_KEY", &secret);
        account.ends(&mut command, code)
    };
    let here = format!("--repository s3://{BUCKET}");

    // With everything allowed each of the ways works, signatures checked, so that what fails below fails for the denial.
    for flags in ["--full --recipient none", &sealed] {
        assert_eq!(back_up(&format!("{here} {flags}"), 0).json()["verdict"], "complete");
    }
    back_up("--recipient none", 0);

    let plain = format!("{here} --full --recipient none");
    let (sealed, role) = (format!("{here} {sealed}"), format!("{here} {role}"));
    // moto's name for the service of `tag:GetResources` is `tagging`.
    let table: [(&[&str], &str, &[&str]); 11] = [
        (&["ssm:DescribeParameters"], &plain, &["allow ssm:DescribeParameters"]),
        (&["ssm:GetParameters"], &plain, &["allow ssm:GetParameters "]),
        (&["ssm:GetParameterHistory"], &plain, &["allow ssm:GetParameterHistory"]),
        (&["tagging:GetResources", "ssm:ListTagsForResource"], &plain, &["allow ssm:ListTagsForResource"]),
        (&["s3:ListBucket"], &plain, &["s3:ListBucket on the bucket"]),
        (&["s3:GetObject"], &plain, &["s3:GetObject on its objects"]),
        (&["s3:PutObject"], &plain, &["s3:PutObject on its objects"]),
        (&["s3:*"], &plain, &["the bucket is another account's: check its name, and its policy"]),
        (
            &["ssm:GetParameter"],
            "--full --recipient none",
            &["looking for the repository's bucket", "ssm:GetParameter "],
        ),
        (&["kms:Encrypt"], &sealed, &["kms:Encrypt"]),
        (
            &["sts:AssumeRole"],
            &role,
            &["the role arn:aws:iam::123456789012:role/backup could not be assumed", "sts:AssumeRole"],
        ),
    ];
    let before = account.objects(BUCKET);
    for (denied, arguments, texts) in table {
        account.allow_all_but("backup", denied);
        back_up(arguments, 1).says(texts);
        assert_eq!(account.objects(BUCKET), before, "{denied:?}");
    }

    // One way to the tags is enough.
    account.allow_all_but("backup", &["tagging:GetResources"]);
    let report = back_up(&plain, 0).json();
    let document: Value = serde_json::from_str(&account.object(BUCKET, report["key"].as_str().unwrap())).unwrap();
    let mut tags = document["parameters"].as_array().unwrap().iter().map(|parameter| &parameter["Tags"]);
    assert!(tags.any(|tags| *tags == json!([{"Key": "number", "Value": "7"}])), "{report}");

    // Credentials that AWS does not know, or that do not fit each other.
    let before = account.objects(BUCKET);
    for (name, value) in [
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"),
    ] {
        let mut command = account.command(&format!("{BACKUP} {plain}"));
        command.env("AWS_ACCESS_KEY_ID", &id).env("AWS_SECRET_ACCESS_KEY", &secret).env(name, value);
        let run = account.ends(&mut command, 1);
        run.says(&[
            "AWS refused the credentials",
            "environment variables (AWS_ACCESS_KEY_ID set",
            "check that the access key exists",
        ]);
        assert!(!run.text().contains(&secret) && !run.text().contains("wJalrXUtnFEMI"), "{}", run.text());
    }
    assert_eq!(account.objects(BUCKET), before);
}

#[test]
fn nothing_is_written_where_anything_is_wrong() {
    let account = Account::filled(3);

    // A bucket without a repository yet.
    account.moto.deny("SSM.DescribeParameters");
    account.back_up("--recipient none", 1).says(&["ssm:DescribeParameters"]);
    account.moto.fail("SSM.DescribeParameters", "None", 400, 0, 0);
    assert!(account.objects(BUCKET).is_empty());
    // One that may not be written into is told before anything is read, and one that stops taking objects at the end.
    account.moto.fail("S3.CreateMultipartUpload", "AccessDenied", 403, 0, 9);
    let asked = account.moto.calls().get("SSM.DescribeParameters").copied();
    account.back_up("--recipient none", 1).says(&["s3:PutObject"]);
    assert_eq!(account.moto.calls().get("SSM.DescribeParameters").copied(), asked);
    account.moto.fail("S3.CreateMultipartUpload", "None", 400, 0, 0);
    account.moto.deny("S3.PutObject");
    account.back_up("--recipient none", 1).says(&["s3:PutObject"]);
    account.moto.fail("S3.PutObject", "None", 400, 0, 0);
    account.back_up("--recipient none --name-contains /nobody/", 3).says(&["nothing there matches"]);
    assert!(account.objects(BUCKET).is_empty());

    account.back_up("--recipient none", 0);

    // Credentials that expire, before and in the middle.
    for (operation, code, status, texts) in [
        ("STS.GetCallerIdentity", "ExpiredToken", 403, ["expired", "aws sso login"]),
        (
            "STS.GetCallerIdentity",
            "InvalidClientTokenId",
            403,
            ["AWS refused the credentials", "check that the access key exists"],
        ),
        ("SSM.DescribeParameters", "ExpiredTokenException", 400, ["ExpiredToken", "aws sso login"]),
        ("SSM.GetParameters", "ExpiredTokenException", 400, ["ExpiredToken", "aws sso login"]),
        ("S3.PutObject", "ExpiredToken", 400, ["ExpiredToken", "log in again"]),
    ] {
        account.moto.fail(operation, code, status, 0, 1_000);
        refused(&account, "--recipient none --full", 1, &texts);
        account.moto.fail(operation, code, status, 0, 0);
    }

    // None at all.
    let mut command = account.command(&format!("{BACKUP} --recipient none --repository s3://{BUCKET}"));
    let run = account.ends(command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY"), 1);
    run.says(&[
        "no AWS credentials were found; tried: environment variables (AWS_ACCESS_KEY_ID not set",
        "aws configure",
    ]);

    // Another Region: nothing is there.
    let before = account.objects(BUCKET);
    let run = account.back_up(
        &format!("--recipient none --region us-west-2 --repository s3://{BUCKET} --repository-region {REGION}"),
        3,
    );
    assert_eq!((&run.json()["verdict"], &run.json()["snapshot"]), (&json!("nothing-matched"), &Value::Null));
    run.says(&["us-west-2", "/dev/"]);
    assert_eq!(account.objects(BUCKET), before);
    // No Region at all, and one that is none.
    let mut command = account.command(&format!("{BACKUP} --recipient none --repository s3://{BUCKET}"));
    account.ends(command.env_remove("AWS_REGION").env_remove("AWS_DEFAULT_REGION"), 1).says(&["AWS_REGION"]);
    refused(&account, "--recipient none --region Ireland", 2, &["Ireland"]);
    // The bucket is in another, as AWS answers then.
    for (code, status) in [("PermanentRedirect", 301), ("AuthorizationHeaderMalformed", 400)] {
        account.moto.fail("S3.GetObject", code, status, 0, 1_000);
        refused(&account, "--recipient none", 1, &["is in another Region", "give the bucket's own Region"]);
        account.moto.fail("S3.GetObject", code, status, 0, 0);
    }

    // An environment that is not there.
    let run =
        account.run(&format!("{} --repository s3://{BUCKET} --recipient none", BACKUP.replace("dev", "stage")), 3);
    run.says(&["nothing-matched", "/stage/"]);
    let file =
        format!("version: 1\nproject: jenkins\nrepository: s3://{BUCKET}\nenvironments:\n  dev: {{}}\n  prod: {{}}\n");
    std::fs::write(account.home.path().join("parados.yaml"), file).unwrap();
    account.run("backup --environment prd", 2).says(&["parados.yaml has no environment `prd`", "did you mean `prod`?"]);
    account.run("backup --environment stage", 2).says(&["no environment `stage`", "it has dev, prod"]);
    std::fs::remove_file(account.home.path().join("parados.yaml")).unwrap();
    assert_eq!(account.objects(BUCKET), before);

    // A bucket that is not there, and one that is somebody else's.
    let run = account.back_up("--recipient none --repository s3://nobody-made-this-one", 1);
    run.says(&[
        "the bucket of s3://nobody-made-this-one does not exist",
        "aws s3api create-bucket --bucket nobody-made-this-one",
    ]);
    account.make_bucket("somebody-else-s");
    let all = ["arn:aws:s3:::somebody-else-s", "arn:aws:s3:::somebody-else-s/*"];
    let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": all}]});
    account.call("s3", "put_bucket_policy", &json!({"Bucket": "somebody-else-s", "Policy": policy.to_string()}));
    let run = account.back_up("--recipient none --repository s3://somebody-else-s", 1);
    run.says(&["not allowed to read", "s3://somebody-else-s", "the bucket is another account's: check its name"]);
    assert!(account.objects("somebody-else-s").is_empty());

    // A clock that is an hour off, either way.
    for (offset, text) in [(3_600, "60 minutes behind"), (-3_600, "60 minutes ahead of")] {
        account.moto.set_clock_offset(offset);
        refused(&account, "--recipient none", 1, &["the clock of this machine", "timedatectl"]);
        let said = account.back_up("--recipient none", 1).text();
        let nearly = text.replace("60", "59");
        assert!(said.contains(text) || said.contains(&nearly), "{said}");
    }
    account.moto.set_clock_offset(0);

    // Keys that cannot be used.
    let home = account.home.path();
    std::fs::create_dir(home.join("folder")).unwrap();
    std::fs::write(home.join("malformed"), "-----BEGIN OPENSSH PRIVATE KEY-----\nnothing\n").unwrap();
    set_mode(&home.join("malformed"), 0o600);
    let good = account.home.data().join("keys/signing_ed25519");
    std::fs::copy(&good, home.join("open")).unwrap();
    set_mode(&home.join("open"), 0o644);
    for (flags, texts) in [
        ("--signing-key missing", ["missing", "ssh-keygen -t ed25519"]),
        ("--signing-key folder", ["folder", "ssh-keygen -t ed25519"]),
        ("--signing-key malformed", ["malformed", "OpenSSH ed25519 key without a passphrase"]),
        ("--signing-key open", ["open", "chmod 600 open"]),
        ("--identity missing", ["missing", "--identity FILE"]),
        ("--identity folder", ["folder", "--identity FILE"]),
        ("--identity malformed", ["malformed", "--identity FILE"]),
        ("--recipient age1nobody", ["age1nobody", "age1"]),
    ] {
        let recipient = if flags.contains("--recipient") { "" } else { "--recipient none" };
        refused(&account, &format!("{recipient} {flags}"), 2, &texts);
    }

    // A newer Parados was here: at this target, and then at the repository.
    let manifest = |sequence: u32| format!("manifests/jenkins/dev/123456789012/eu-west-1/{sequence:010}.manifest");
    for (key, old) in [(manifest(2), manifest(1)), ("parados.json".to_owned(), "parados.json".to_owned())] {
        let newer = account.object(BUCKET, &old).replacen("\"format_version\":1", "\"format_version\":2", 1);
        let put = json!({"Bucket": BUCKET, "Key": key, "Body": newer, "ServerSideEncryption": "AES256"});
        account.call("s3", "put_object", &put);
        refused(&account, "--recipient none", 1, &["install a newer Parados"]);
    }

    // A disk that fills, which a limit to the size of files stands for.
    for number in 0..25 {
        let value = account.secret(&format!("large {number}")).repeat(100);
        account.call(
            "ssm",
            "put_parameter",
            &json!({"Name": format!("/large/dev/{number}"), "Type": "String", "Value": value}),
        );
    }
    let mut command = account.command("");
    let program = command.get_program().to_owned();
    let mut limited = assert_cmd::Command::new("bash");
    limited.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?)))).current_dir(home);
    limited.args(["-c", "trap '' XFSZ; ulimit -f 64; exec \"$0\" \"$@\""]).arg(program);
    limited.args(BACKUP.split(' ')).args(["--recipient", "none", "--repository"]).arg(home.join("disk"));
    account.ends(&mut limited, 1).says(&["the disk of", "is full", "make room on the disk and run it again"]);
    assert!(files(&home.join("disk")).is_empty());
    command.args(BACKUP.split(' ')).args(["--recipient", "none", "--repository"]).arg(home.join("disk"));
    assert_eq!(account.ends(&mut command, 0).json()["sequence"], 1);
}

/// The files below a folder.
fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn set_mode(path: &std::path::Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;

    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}
