//! An account of AWS, which moto plays, and somebody's machine from which it is backed up.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde_json::{Value, json};
use testkit::{Canary, Moto, python};

use crate::parados::Home;

pub(crate) const REGION: &str = "eu-west-1";
/// Named as the system that this one replaces names it.
pub(crate) const BUCKET: &str = "jenkins-ssm-backup-dev-123456789012-eu-west-1";

/// The account and the machine. Every run of `parados` in it is searched for the planted values.
pub(crate) struct Account {
    pub(crate) moto: Moto,
    pub(crate) home: Home,
    canary: RefCell<Canary>,
    desk: RefCell<Desk>,
}

/// What a run printed.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// All of it.
    pub(crate) fn text(&self) -> String {
        format!("{}\n{}", self.stdout, self.stderr)
    }

    /// The JSON on standard output.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// That it says each of these.
    #[track_caller]
    pub(crate) fn says(&self, texts: &[&str]) {
        for text in texts {
            assert!(self.text().contains(text), "not said: {text}\n{}", self.text());
        }
    }
}

impl Account {
    /// One with a bucket, whose policy refuses what is not encrypted, and no parameters.
    pub(crate) fn new() -> Self {
        let moto = Moto::start();
        let desk = RefCell::new(Desk::open(&moto));
        let account = Self { moto, home: Home::new(), canary: RefCell::default(), desk };
        account.make_bucket(BUCKET);
        account.moto.require_encryption("AES256");
        account
    }

    /// And with `count` parameters of dev, of all three types and with tags, and one of prod.
    pub(crate) fn filled(count: usize) -> Self {
        let account = Self::new();
        account.fill(REGION, count);
        account
    }

    /// Puts `count` parameters of dev, of all three types and with tags, and one of prod, into a Region.
    pub(crate) fn fill(&self, region: &str, count: usize) {
        for number in 0..count {
            let kind = ["String", "StringList", "SecureString"][number % 3];
            let secret = self.secret(&format!("{region} {number}"));
            let value =
                if kind == "StringList" { format!("{secret},second") } else { format!("{secret}\nü \"{number}\"") };
            let put = json!({
                "Name": format!("/jenkins/dev/app{}/p{number:03}", number % 4), "Type": kind, "Value": value,
                "Description": format!("number {number}"), "Tags": [{"Key": "number", "Value": number.to_string()}],
            });
            self.call_in(region, "ssm", "put_parameter", &put);
        }
        let value = self.secret("prod");
        self.call_in(
            region,
            "ssm",
            "put_parameter",
            &json!({"Name": "/jenkins/prod/p", "Type": "SecureString", "Value": value}),
        );
    }

    /// A value that must not be seen anywhere.
    pub(crate) fn secret(&self, label: &str) -> String {
        self.canary.borrow_mut().plant(label)
    }

    /// Makes the machine's keys, and says whom to seal to so that it can open.
    pub(crate) fn recipient(&self) -> String {
        self.run("init", 0);
        let identity = std::fs::read_to_string(self.home.data().join("keys/identity.age.txt")).unwrap();
        let public = identity.lines().find_map(|line| line.strip_prefix("# public key: "));
        public.unwrap().to_owned()
    }

    /// A bucket in the account's Region.
    pub(crate) fn make_bucket(&self, name: &str) {
        let make = json!({"Bucket": name, "CreateBucketConfiguration": {"LocationConstraint": REGION}});
        self.call("s3", "create_bucket", &make);
    }

    /// `parados` on the machine, with the account's credentials in its environment.
    pub(crate) fn command(&self, arguments: &str) -> assert_cmd::Command {
        let mut command = self.home.command();
        command.envs(self.moto.env()).args(arguments.split_whitespace());
        command
    }

    /// Runs `parados` to its end, which has to be with `code`.
    #[track_caller]
    pub(crate) fn run(&self, arguments: &str, code: i32) -> Run {
        self.ends(&mut self.command(arguments), code)
    }

    /// Runs a command to its end, which has to be with `code`.
    #[track_caller]
    pub(crate) fn ends(&self, command: &mut assert_cmd::Command, code: i32) -> Run {
        let output = command.output().unwrap();
        self.keeps_secrets(&output.stdout);
        self.keeps_secrets(&output.stderr);
        let run = Run {
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        };
        assert_eq!(output.status.code(), Some(code), "{command:?}\n{}", run.text());
        run
    }

    /// That none of the planted values is in something that `parados` printed.
    #[track_caller]
    pub(crate) fn keeps_secrets(&self, printed: &[u8]) {
        let mut canary = self.canary.borrow_mut();
        canary.plant("of every account");
        canary.assert_absent(printed, "what parados printed");
    }

    /// Backs up dev into the bucket; [`run`](Self::run).
    #[track_caller]
    pub(crate) fn back_up(&self, arguments: &str, code: i32) -> Run {
        let repository = match arguments.contains("--repository") {
            true => String::new(),
            false => format!("--repository s3://{BUCKET}"),
        };
        self.run(&format!("{BACKUP} {repository} {arguments}"), code)
    }

    /// What the AWS CLI says to a command.
    #[track_caller]
    pub(crate) fn cli(&self, arguments: &[&str]) -> Value {
        let answer = self.desk.borrow_mut().ask(&json!({"cli": arguments}));
        assert_eq!(answer["code"], 0, "aws {arguments:?}: {answer}");
        match answer["stdout"].as_str().unwrap() {
            "" => Value::Null,
            text => serde_json::from_str(text).unwrap(),
        }
    }

    /// What AWS answers to a call.
    pub(crate) fn call(&self, service: &str, operation: &str, arguments: &Value) -> Value {
        self.call_in(REGION, service, operation, arguments)
    }

    /// What AWS answers to a call in a Region.
    pub(crate) fn call_in(&self, region: &str, service: &str, operation: &str, arguments: &Value) -> Value {
        self.desk.borrow_mut().ask(&json!({"call": [service, operation, arguments, region]}))
    }

    /// From now on the AWS CLI and the calls are by the owner of this access key.
    pub(crate) fn sign_in(&self, (id, secret): &(String, String)) {
        self.desk.borrow_mut().ask(&json!({"env": {"AWS_ACCESS_KEY_ID": id, "AWS_SECRET_ACCESS_KEY": secret}}));
    }

    /// A user who may do everything but what is in `deny`, and the access key.
    pub(crate) fn make_user(&self, name: &str, deny: &[&str]) -> (String, String) {
        self.call("iam", "create_user", &json!({"UserName": name}));
        self.allow_all_but(name, deny);
        let key = self.call("iam", "create_access_key", &json!({"UserName": name}));
        let text = |field: &str| key["AccessKey"][field].as_str().unwrap().to_owned();
        (text("AccessKeyId"), text("SecretAccessKey"))
    }

    /// Lets a user do everything but what is in `deny`.
    pub(crate) fn allow_all_but(&self, user: &str, deny: &[&str]) {
        let statement = |effect: &str, actions: &[&str]| json!({"Effect": effect, "Action": actions, "Resource": "*"});
        let mut statements = vec![statement("Allow", &["*"])];
        statements.extend((!deny.is_empty()).then(|| statement("Deny", deny)));
        let policy = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        self.call("iam", "put_user_policy", &json!({"UserName": user, "PolicyName": "it", "PolicyDocument": policy}));
    }

    /// The objects of a bucket: the keys, and what tells one content, or one write, from another.
    pub(crate) fn objects(&self, bucket: &str) -> BTreeMap<String, String> {
        let listed = self.call("s3", "list_objects_v2", &json!({"Bucket": bucket}));
        let objects = listed["Contents"].as_array().cloned().unwrap_or_default();
        let uploads = self.call("s3", "list_multipart_uploads", &json!({"Bucket": bucket}));
        assert_eq!(uploads["Uploads"], Value::Null, "an upload was left open");
        objects
            .iter()
            .map(|object| {
                (object["Key"].as_str().unwrap().to_owned(), format!("{} {}", object["ETag"], object["LastModified"]))
            })
            .collect()
    }

    /// The text of an object.
    pub(crate) fn object(&self, bucket: &str, key: &str) -> String {
        self.call("s3", "get_object", &json!({"Bucket": bucket, "Key": key}))["Body"].as_str().unwrap().to_owned()
    }
}

/// A backup of dev that does not wait for quotas, which moto does not have.
pub(crate) const BACKUP: &str = "backup --project jenkins --environment dev --store aws --output json --unlimited";

/// A process that does what is asked of AWS.
struct Desk {
    process: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Desk {
    fn open(moto: &Moto) -> Self {
        let mut command = python();
        command.args(["-c", include_str!("aws_account/desk.py")]).envs(moto.env());
        command.env("AWS_PAGER", "").env("AWS_DEFAULT_OUTPUT", "json");
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let asks = process.stdin.take().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap());
        Self { process, asks, answers }
    }

    #[track_caller]
    fn ask(&mut self, ask: &Value) -> Value {
        writeln!(self.asks, "{ask}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: AWS has no answer to {ask}: {answer}"))
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        // It may have ended by itself; waiting still takes its status.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
