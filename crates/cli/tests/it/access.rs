//! Who may call a server, and what that may do, with the AWS CLI and boto3 as the clients.

use std::fs;
use std::process::Command;

use serde_json::Value;
use testkit::{Canary, python, tool};

use crate::parados::{Home, stderr, stdout};
use crate::serve::Server;

const ACCOUNT: &str = "123456789012";

/// A key that `store key create` or `rotate` printed.
struct Key {
    id: String,
    secret: String,
}

fn key(home: &Home, arguments: &str) -> Key {
    let run = home.run(&format!("store key {arguments} --data data --output json")).success();
    let view: Value = serde_json::from_str(&stdout(&run)).unwrap();
    let text = |name: &str| view[name].as_str().unwrap().to_owned();
    Key { id: text("access_key_id"), secret: text("secret_access_key") }
}

fn set_policy(home: &Home, name: &str, text: &str) {
    home.run_with(&format!("store policy set {name} - --data data"), text).success();
}

impl Server {
    fn call(&self, key: &Key, arguments: &[&str]) -> Result<Value, String> {
        self.aws_as(&key.id, &key.secret, arguments)
    }

    /// Calls until what it is answered holds `expected`: what is changed by another process is taken over within five seconds.
    fn call_until(&self, key: &Key, arguments: &[&str], expected: &str) -> String {
        for _ in 0..100 {
            if let Err(refused) = self.call(key, arguments)
                && refused.contains(expected)
            {
                return refused;
            }
        }
        panic!("it was never refused with {expected}");
    }
}

const GET: [&str; 5] = ["ssm", "get-parameter", "--name", "/shop/x", "--with-decryption"];

fn put(name: &str) -> [&str; 9] {
    ["ssm", "put-parameter", "--name", name, "--value", "hunter2", "--type", "SecureString", "--overwrite"]
}

#[test]
fn a_team_begins_and_everybody_does_what_policies_permit() {
    let home = Home::new();
    let admin = key(&home, &format!("create admin --account {ACCOUNT}"));
    let reader = key(&home, &format!("create reader --account {ACCOUNT} --grant read"));
    let other = key(&home, "create other --account 210987654321 --grant full");
    set_policy(
        &home,
        "no-prod",
        "forbid(principal, action, resource in Path::\"/prod\") unless { principal.name == \"admin\" };",
    );
    let server = Server::start(&home, &["--data", "data"]);

    server.call(&admin, &put("/shop/x")).unwrap();
    server.call(&admin, &put("/prod/x")).unwrap();
    assert_eq!(server.call(&reader, &GET).unwrap()["Parameter"]["Value"], "hunter2");
    let who = server.call(&reader, &["sts", "get-caller-identity"]).unwrap();
    assert_eq!(who["Arn"], "arn:aws:iam::123456789012:user/reader");

    let denied = server.call(&reader, &put("/shop/x")).unwrap_err();
    assert!(
        denied.contains(
            "An error occurred (AccessDeniedException) when calling the PutParameter operation: User: \
             arn:aws:iam::123456789012:user/reader is not authorized to perform: ssm:PutParameter on resource: \
             arn:aws:ssm:eu-west-1:123456789012:parameter/shop/x because no identity-based policy allows the ssm:PutParameter action"
        ),
        "{denied}"
    );
    let forbidden = server.call(&reader, &["ssm", "get-parameter", "--name", "/prod/x"]).unwrap_err();
    assert!(forbidden.contains("with an explicit deny in an identity-based policy"), "{forbidden}");

    let unseen = server.call(&other, &GET).unwrap_err();
    assert!(unseen.contains("(ParameterNotFound)"), "another account's: {unseen}");
    let unseen = server.call(&admin, &[&GET[..], &["--region", "us-east-1"]].concat()).unwrap_err();
    assert!(unseen.contains("(ParameterNotFound)"), "another Region's: {unseen}");

    let wrong = server.aws_as(&reader.id, &admin.secret, &GET).unwrap_err();
    assert!(
        wrong.contains("(InvalidSignatureException)") && wrong.contains("does not match the signature you provided"),
        "{wrong}"
    );
    let unknown = server.aws_as("PRDSAAAAAAAAAAAAAAAA", &admin.secret, &GET).unwrap_err();
    assert!(unknown.contains("(UnrecognizedClientException)"), "{unknown}");
    let unknown = server.aws_as("PRDSAAAAAAAAAAAAAAAA", &admin.secret, &["sts", "get-caller-identity"]).unwrap_err();
    assert!(unknown.contains("(InvalidClientTokenId)"), "{unknown}");
    assert!(server.stop().success());

    // The audit says which key was tried, and of whom it is not known to be nothing more.
    let tried = |key: &str, outcome: &str| {
        let query = format!("store audit query --data data --principal {key} --outcome {outcome} --output json");
        let view: Value = serde_json::from_str(&stdout(&home.run(&query).success())).unwrap();
        view["entries"].as_array().unwrap().clone()
    };
    let wrong = tried(&reader.id, "InvalidSignatureException");
    assert_eq!((wrong.len(), &wrong[0]["operation"]), (1, &"GetParameter".into()), "{wrong:?}");
    assert!(wrong[0]["principal"].is_null() && wrong[0]["arn"].is_null(), "{wrong:?}");
    assert_eq!(tried("PRDSAAAAAAAAAAAAAAAA", "denied").len(), 2);
}

#[test]
fn a_key_is_rotated_and_revoked_while_the_server_runs_and_its_secret_is_nowhere() {
    let home = Home::new();
    let first = key(&home, &format!("create deploy --account {ACCOUNT}"));
    let server = Server::start(&home, &["--data", "data"]);
    server.call(&first, &put("/shop/x")).unwrap();

    let second = key(&home, &format!("rotate deploy --account {ACCOUNT}"));
    let third = home.run(&format!("store key rotate deploy --account {ACCOUNT} --data data")).code(1);
    assert!(stderr(&third).contains("has 2 active access keys already"), "{}", stderr(&third));
    home.run(&format!("store key delete {} --data data", first.id)).code(1);
    home.run(&format!("store key revoke {} --data data", first.id)).success();
    server.call_until(&first, &GET, "(UnrecognizedClientException)");
    assert_eq!(server.call(&second, &GET).unwrap()["Parameter"]["Value"], "hunter2");
    home.run(&format!("store key delete {} --data data", first.id)).success();
    assert!(server.stop().success());

    let list = stdout(&home.run("store key list --data data --output json").success());
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list[0]["keys"][0]["access_key_id"], second.id.as_str());
    assert_eq!(list[0]["keys"][0]["state"], "active");
    assert!(list[0]["keys"][0]["last_used_at"].is_string(), "it was noted when the server ended: {list}");
    let mut canary = Canary::new();
    canary.watch(&*first.secret);
    canary.watch(&*second.secret);
    canary.assert_absent_in_tree(home.path());
    canary.assert_absent(list.to_string().as_bytes(), "the list of keys");

    home.run(&format!("store key revoke --principal deploy --account {ACCOUNT} --data data")).success();
    home.run(&format!("store key delete {} --data data", second.id)).success();
    assert_eq!(stdout(&home.run("store key list --data data").success()), "");
}

#[test]
fn a_policy_is_checked_when_it_is_set_and_says_what_it_permits() {
    let home = Home::new();
    key(&home, &format!("create admin --account {ACCOUNT}"));
    let wrong = home
        .run_with("store policy set team - --data data", "permit(principal, action == Action::\"ssm:Get\", resource);")
        .code(2);
    assert!(stderr(&wrong).contains("line 1, column") && stderr(&wrong).contains("ssm:Get"), "{}", stderr(&wrong));

    let text = "permit(principal == User::\"arn:aws:iam::123456789012:user/app\", action == Action::\"ssm:GetParameter\", resource in Path::\"/app\");\n";
    set_policy(&home, "team", text);
    assert_eq!(stdout(&home.run("store policy show team --data data").success()), text);
    let check = |name: &str, action: &str| {
        let run = home.run(&format!(
            "store policy check app {name} --account {ACCOUNT} --region eu-west-1 --action {action} --data data --output json"
        ));
        let view: Value = serde_json::from_str(&stdout(&run.success())).unwrap();
        (view[0]["decision"].as_str().unwrap().to_owned(), view[0]["because"].to_string())
    };
    assert_eq!(check("/app/x", "ssm:GetParameter"), ("allowed".to_owned(), r#"["team"]"#.to_owned()));
    assert_eq!(check("/app/x", "ssm:PutParameter"), ("not-allowed".to_owned(), "[]".to_owned()));
    assert_eq!(check("/other", "ssm:GetParameter"), ("not-allowed".to_owned(), "[]".to_owned()));
    let all = home
        .run(&format!("store policy check app /app/x --account {ACCOUNT} --region eu-west-1 --data data"))
        .success();
    assert!(stdout(&all).contains("ssm:GetParameter\tallowed\tteam\n"), "{}", stdout(&all));
    let unknown = home
        .run(&format!(
            "store policy check app /app/x --account {ACCOUNT} --region eu-west-1 --action ssm:Get --data data"
        ))
        .code(2);
    assert!(stderr(&unknown).contains("it is one of ssm:PutParameter"), "{}", stderr(&unknown));
    assert!(stdout(&home.run("store policy schema").success()).contains("entity Parameter"));
    home.run("store policy delete team --data data").success();
    home.run("store policy show team --data data").code(1);
}

/// Signs with botocore's own signers: presigned addresses of STS, and with a clock that is off.
const BOTOCORE: &str = r#"
import datetime, sys, urllib.error, urllib.request
import boto3, botocore.auth
url, key, secret = sys.argv[1:]
session = boto3.Session(key, secret, region_name="eu-west-1")

def send(url):
    try:
        return urllib.request.urlopen(url).read().decode()
    except urllib.error.HTTPError as error:
        return error.read().decode()

sts = session.client("sts", endpoint_url=url)
def presigned(expires):
    return sts.generate_presigned_url("get_caller_identity", ExpiresIn=expires, HttpMethod="GET")
print(send(presigned(604800)))
print(send(presigned(604801)))
print(send(presigned(60).replace("X-Amz-Expires=60", "X-Amz-Expires=61")))

real = botocore.auth.get_current_datetime
botocore.auth.get_current_datetime = lambda remove_tzinfo=True: real(remove_tzinfo) - datetime.timedelta(minutes=6)
config = botocore.client.Config(retries={"max_attempts": 0})
try:
    session.client("ssm", endpoint_url=url, config=config).get_parameter(Name="/shop/x")
except Exception as error:
    print(error)
"#;

#[test]
fn what_botocore_presigns_is_taken_and_a_clock_that_is_off_is_told() {
    let home = Home::new();
    let admin = key(&home, &format!("create admin --account {ACCOUNT}"));
    let server = Server::start(&home, &["--data", "data"]);
    let output = python().args(["-c", BOTOCORE, &server.url, &admin.id, &admin.secret]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 4, "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(lines[0].contains("<Arn>arn:aws:iam::123456789012:user/admin</Arn>"), "{}", lines[0]);
    assert!(lines[1].contains("X-Amz-Expires must be a number of seconds from 1 to 604800."), "{}", lines[1]);
    assert!(lines[2].contains("<Code>SignatureDoesNotMatch</Code>"), "{}", lines[2]);
    assert!(
        lines[3].contains("(InvalidSignatureException)") && lines[3].contains("Signature expired: "),
        "{}",
        lines[3]
    );
}

#[test]
fn quotas_throttle_as_aws_does() {
    let home = Home::new();
    let admin = key(&home, &format!("create admin --account {ACCOUNT}"));
    fs::write(home.path().join("quotas.yaml"), "principal: { put: { per_second: 0.001, burst: 2 } }\n").unwrap();
    let server = Server::start(&home, &["--data", "data", "--quotas", "quotas.yaml"]);
    for name in ["/a", "/b"] {
        server.call(&admin, &put(name)).unwrap();
    }
    let refused = server.call(&admin, &put("/c")).unwrap_err();
    assert!(refused.contains("(ThrottlingException)") && refused.contains("Rate exceeded"), "{refused}");
    fs::write(home.path().join("quotas.yaml"), "principal: { puts: { per_second: 1, burst: 2 } }\n").unwrap();
    let wrong =
        home.run("store serve --listen 127.0.0.1:0 --admin-listen none --data data --quotas quotas.yaml").code(2);
    assert!(stderr(&wrong).contains("puts"), "{}", stderr(&wrong));
}

fn openssl(home: &Home, arguments: &str) {
    let mut openssl: Command = tool("openssl");
    let output = openssl.current_dir(home.path()).args(arguments.split_whitespace()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_aws_cli_speaks_tls_with_it() {
    let home = Home::new();
    let admin = key(&home, &format!("create admin --account {ACCOUNT}"));
    openssl(
        &home,
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout tls.key -out tls.pem -days 2 -subj /CN=parados \
         -addext subjectAltName=IP:127.0.0.1",
    );
    let server = Server::start(&home, &["--data", "data", "--tls-cert", "tls.pem", "--tls-key", "tls.key"]);
    assert!(server.url.starts_with("https://"));
    let bundle = home.path().join("tls.pem");
    let who = [&["--ca-bundle", bundle.to_str().unwrap()][..], &["sts", "get-caller-identity"]].concat();
    assert_eq!(server.call(&admin, &who).unwrap()["Account"], ACCOUNT);
    let mistrusted = server.call(&admin, &["sts", "get-caller-identity"]).unwrap_err();
    assert!(mistrusted.contains("CERTIFICATE_VERIFY_FAILED"), "{mistrusted}");
}

#[test]
fn values_do_not_go_by_in_the_clear_unless_that_is_said() {
    let home = Home::new();
    let refused = home.run("store serve --listen 0.0.0.0:0 --data data").code(2);
    assert!(
        stderr(&refused).contains("--insecure-http") && stderr(&refused).contains("--tls-cert"),
        "{}",
        stderr(&refused)
    );
    assert!(!home.path().join("data").exists(), "nothing was begun");
    let missing = home.run("store serve --listen 0.0.0.0:0 --data data --tls-cert tls.pem --tls-key tls.key").code(2);
    assert!(stderr(&missing).contains("cannot read tls.pem"), "{}", stderr(&missing));
}
