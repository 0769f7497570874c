//! Where credentials come from that are in no variable and no file: a web identity's token, a container's endpoint, an instance's
//! metadata. Each works, and each failure says what was tried.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use testkit::Moto;

use crate::parados::{Home, stderr, stdout};

const KEYS: &str = r#"{"Code": "Success", "Type": "AWS-HMAC", "LastUpdated": "2025-10-15T12:00:00Z", "RoleArn": "arn:aws:iam::123456789012:role/r",
    "AccessKeyId": "ASIACANARY0000000000", "SecretAccessKey": "canary-of-the-loopback-secret", "Token": "canary-of-the-loopback-token",
    "Expiration": "2099-01-01T00:00:00Z"}"#;

/// A server on the loopback interface that answers `status` and a body by method and path. Its thread ends with the test's process.
fn serve(answer: fn(&str) -> (u16, &'static str)) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            answer_one(&stream, answer);
        }
    });
    url
}

/// One request, one answer; a client that goes away is not the server's affair.
fn answer_one(mut stream: &TcpStream, answer: fn(&str) -> (u16, &'static str)) {
    let mut reader = BufReader::new(stream);
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first).ok();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    reader.take(length).read_to_end(&mut Vec::new()).ok();
    let (status, body) = answer(first.trim_end().trim_end_matches(" HTTP/1.1"));
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nContent-Type: application/json\r\n\
         x-aws-ec2-metadata-token-ttl-seconds: 21600\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok();
}

/// Lists the parameters of an account with these variables and no keys; its code, and all that it printed, which shows no secret.
fn list(moto: &Moto, home: &Home, variables: &[(&str, &str)]) -> (i32, String) {
    let mut command = home.command();
    command.env("AWS_ENDPOINT_URL", moto.url()).env("AWS_REGION", "eu-west-1");
    for (name, value) in variables {
        match value.is_empty() {
            true => command.env_remove(name),
            false => command.env(name, value),
        };
    }
    let run = command.args(["parameter", "list", "--store", "aws", "--log", "trace"]).assert();
    let text = format!("{}{}", stdout(&run), stderr(&run));
    assert!(!text.contains("canary-of-the-loopback"), "{text}");
    (run.get_output().status.code().unwrap(), text)
}

/// An account with one parameter.
fn account() -> (Moto, Home) {
    let (moto, home) = (Moto::start(), Home::new());
    let mut put = home.command();
    put.envs(moto.env())
        .args(["parameter", "put", "/found/it", "-", "--store", "aws"])
        .write_stdin("x")
        .assert()
        .success();
    (moto, home)
}

#[test]
fn a_web_identity_is_exchanged_for_credentials() {
    let (moto, home) = account();
    let token = home.path().join("token");
    std::fs::write(&token, "canary-of-the-loopback-token").unwrap();
    let role = ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/backup");
    let file = |path: &std::path::Path| path.display().to_string();
    let (code, text) = list(&moto, &home, &[role, ("AWS_WEB_IDENTITY_TOKEN_FILE", &file(&token))]);
    assert!(code == 0 && text.contains("/found/it"), "{text}");
    assert_eq!(moto.calls()["STS.AssumeRoleWithWebIdentity"], 1);

    let (code, text) = list(&moto, &home, &[role, ("AWS_WEB_IDENTITY_TOKEN_FILE", &file(&home.path().join("gone")))]);
    assert!(code == 1 && text.contains("AWS_WEB_IDENTITY_TOKEN_FILE") && text.contains("hint"), "{text}");
    moto.deny("STS.AssumeRoleWithWebIdentity");
    let (code, text) = list(&moto, &home, &[role, ("AWS_WEB_IDENTITY_TOKEN_FILE", &file(&token))]);
    assert!(code == 1 && text.contains("AccessDenied") && text.contains("hint"), "{text}");
}

#[test]
fn a_container_s_endpoint_gives_credentials() {
    let (moto, home) = account();
    let url = serve(|asked| match asked {
        "GET /keys" => (200, KEYS),
        _ => (404, "{}"),
    });
    let at = |path: &str| format!("{url}{path}");
    let (code, text) = list(&moto, &home, &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &at("/keys"))]);
    assert!(code == 0 && text.contains("/found/it"), "{text}");
    let (code, text) = list(&moto, &home, &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &at("/nothing"))]);
    assert!(code == 1 && text.contains("AWS_CONTAINER_CREDENTIALS_FULL_URI") && text.contains("hint"), "{text}");
}

#[test]
fn an_instance_s_metadata_give_credentials() {
    let (moto, home) = account();
    let instance = |url: &str| {
        list(&moto, &home, &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", url), ("AWS_EC2_METADATA_DISABLED", "")])
    };
    let (code, text) = instance(&serve(|asked| match asked {
        "PUT /latest/api/token" => (200, "session"),
        "GET /latest/meta-data/iam/security-credentials/" => (200, "backup"),
        "GET /latest/meta-data/iam/security-credentials/backup" => (200, KEYS),
        _ => (404, ""),
    }));
    assert!(code == 0 && text.contains("/found/it"), "{text}");
    // An instance without a role.
    let (code, text) = instance(&serve(|asked| match asked {
        "PUT /latest/api/token" => (200, "session"),
        _ => (404, ""),
    }));
    assert!(code == 1 && text.contains("no AWS credentials were found; tried:") && text.contains("hint"), "{text}");
}

/// `aws sso login` leaves a token in the cache; what it is worth is asked of the portal, whose requests bear it.
#[test]
fn a_session_of_single_sign_on_gives_credentials() {
    const ROLE: &str = r#"{"roleCredentials": {"accessKeyId": "ASIACANARY0000000000", "secretAccessKey": "canary-of-the-loopback-secret",
        "sessionToken": "canary-of-the-loopback-token", "expiration": 4070908800000}}"#;
    let (moto, home) = account();
    let folder = home.path().join(".aws/sso/cache");
    std::fs::create_dir_all(&folder).unwrap();
    let profile = "[profile shop]\nregion = eu-west-1\nsso_session = work\nsso_account_id = 123456789012\nsso_role_name = backup\n\
                   [sso-session work]\nsso_region = eu-west-1\nsso_start_url = https://shop.awsapps.com/start\n";
    std::fs::write(home.path().join(".aws/config"), profile).unwrap();
    let portal = serve(|asked| match asked {
        "GET /federation/credentials?role_name=backup&account_id=123456789012" => (200, ROLE),
        _ => (404, "{}"),
    });
    let sign_on = || list(&moto, &home, &[("AWS_PROFILE", "shop"), ("AWS_ENDPOINT_URL_SSO", &portal)]);

    let (code, text) = sign_on();
    assert!(code == 1 && text.contains("aws sso login"), "nobody has signed on yet: {text}");
    // The file is called after the SHA-1 of the session's name.
    let token = r#"{"startUrl": "https://shop.awsapps.com/start", "region": "eu-west-1", "accessToken": "canary-of-the-loopback-sign-on",
        "expiresAt": "EXPIRES"}"#;
    let cache = folder.join("e274eeff768c6396088ec6eb091f4bf4d47ab1e0.json");
    std::fs::write(&cache, token.replace("EXPIRES", "2099-01-01T00:00:00Z")).unwrap();
    let (code, text) = sign_on();
    assert!(code == 0 && text.contains("/found/it"), "{text}");
    std::fs::write(&cache, token.replace("EXPIRES", "2020-01-01T00:00:00Z")).unwrap();
    let (code, text) = sign_on();
    assert!(code == 1 && text.contains("aws sso login"), "it has expired: {text}");
}
