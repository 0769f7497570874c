//! boto3 and curl as clients.

use testkit::{python, tool};

use crate::listening::Listening;
use crate::served::AUTHORIZATION;

#[test]
fn boto3_finds_every_operation_as_its_model_has_it() {
    let server = Listening::start();
    let output = python().args(["-c", include_str!("clients.py"), &server.url]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn http_2_is_spoken_without_an_upgrade_and_http_1_too() {
    let server = Listening::start();
    for (flag, version) in [("--http2-prior-knowledge", "2"), ("--http1.1", "1.1")] {
        let output = tool("curl")
            .args(["--silent", flag, "--write-out", " %{http_version}", "--data", "{}", &server.url])
            .args(["--header", "content-type: application/x-amz-json-1.1"])
            .args(["--header", "x-amz-target: AmazonSSM.DescribeParameters"])
            .args(["--header", &format!("authorization: {AUTHORIZATION}")])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(said, format!("{{\"Parameters\":[]}} {version}"), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
