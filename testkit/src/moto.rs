//! An AWS of one's own: moto's server as a child process. What moto answers is moto's; this owns its life, the
//! way to it, and the gate in front of it that counts calls and refuses chosen ones (`moto/server.py`).
//!
//! Known of moto 5.2.1: DescribeParameters gives 10 a page whatever MaxResults asks for.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use crate::tool::python;

const SERVER: &str = include_str!("moto/server.py");

/// A running moto server (S3, SSM, STS, KMS, tagging) with nothing in it, killed when dropped and also when the test's
/// process ends in any other way. Its account is 123456789012; a role assumed in another account acts in that one.
#[derive(Debug)]
pub struct Moto {
    server: Child,
    port: u16,
}

impl Moto {
    /// Starts a server on a free port of the loopback interface and waits until it answers.
    ///
    /// # Panics
    /// When the virtual environment is missing or the server does not start.
    pub fn start() -> Moto {
        let mut command = python();
        command.args(["-c", SERVER]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut server = command.spawn().unwrap_or_else(|error| panic!("cannot start moto: {error}"));
        let output = server.stdout.take().expect("stdout is piped");
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).unwrap_or_else(|error| panic!("cannot hear moto: {error}"));
        let port = line.trim().parse().unwrap_or_else(|_| {
            panic!("moto ended before it listened (its error is above); is the virtual environment whole? `cargo xtask venv` makes it")
        });
        Moto { server, port }
    }

    /// Where the server listens, e.g. `http://127.0.0.1:40123`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The environment of a process that is to talk to this server and to nothing else: endpoint, credentials, Region
    /// `eu-west-1`, no configuration files, no instance metadata.
    pub fn env(&self) -> Vec<(&'static str, String)> {
        [
            ("AWS_ENDPOINT_URL", self.url().as_str()),
            ("AWS_ACCESS_KEY_ID", "testing"),
            ("AWS_SECRET_ACCESS_KEY", "testing"),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_DEFAULT_REGION", "eu-west-1"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_CONFIG_FILE", "/dev/null"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
        ]
        .map(|(name, value)| (name, value.to_owned()))
        .to_vec()
    }

    /// The environment, or the settings, of a process for which this server is Google Cloud Storage.
    ///
    /// Its XML interface is S3's but for the names of a few headers, which the gate puts into S3's: the condition of a create. No
    /// emulator that is on PyPI or npm speaks that interface whole (tried: gcp-storage-emulator 2026.7.19, fake-gcs-server 0.1.1).
    pub fn google_env(&self) -> Vec<(&'static str, String)> {
        vec![("GOOGLE_BASE_URL", self.url()), ("GOOGLE_BEARER_TOKEN", "testing".to_owned())]
    }

    /// Forgets everything: resources, counted calls, failures asked for, what is enforced and the clock's offset.
    pub fn reset(&self) {
        self.request("POST", "/moto-api/reset");
        self.request("POST", "/testkit/reset");
    }

    /// How often each operation was called since the start or the last reset, e.g. `SSM.GetParameters`, `S3.PutObject`,
    /// `STS.GetCallerIdentity`, `KMS.Encrypt`, `ResourceGroupsTagging.GetResources`.
    pub fn calls(&self) -> BTreeMap<String, u64> {
        self.request("GET", "/testkit/calls")
            .lines()
            .map(|line| {
                let (operation, count) = line.split_once(' ').expect("the gate writes two words a line");
                (operation.to_owned(), count.parse().expect("the gate writes a count"))
            })
            .collect()
    }

    /// From now on refuses every call of `operation` with this error code: 403 and S3's or STS's form, or 400 and JSON's
    /// (`AccessDenied` for S3 and STS, `AccessDeniedException` for the others).
    pub fn deny(&self, operation: &str) {
        let (code, status) = if operation.starts_with("S3.") || operation.starts_with("STS.") {
            ("AccessDenied", 403)
        } else {
            ("AccessDeniedException", 400)
        };
        self.fail(operation, code, status, 0, u64::from(u32::MAX));
    }

    /// Lets `after` more calls of `operation` through, answers the next `times` with the error `code` and HTTP `status`
    /// (they do not reach moto), then lets all through again. A later call for the same operation replaces this one.
    pub fn fail(&self, operation: &str, code: &str, status: u16, after: u64, times: u64) {
        self.request(
            "POST",
            &format!("/testkit/fail?operation={operation}&code={code}&status={status}&after={after}&times={times}"),
        );
    }

    /// From now on refuses what is put into S3 without `x-amz-server-side-encryption: algorithm` (`AES256`, `aws:kms`), as a bucket
    /// policy does that moto, which does not look at conditions, cannot be given.
    pub fn require_encryption(&self, algorithm: &str) {
        self.request("POST", &format!("/testkit/encryption?algorithm={algorithm}"));
    }

    /// From now on refuses what is put into S3 without a SHA-256 checksum, as a bucket does whose object lock retains by default;
    /// moto's does not.
    pub fn require_checksum(&self) {
        self.request("POST", "/testkit/checksum");
    }

    /// From now on checks each call's signature, and whether IAM allows it to whom it is by: a user or role that was made before, by the
    /// policies of IAM alone. `testing` is nobody then.
    ///
    /// Known of moto 5.2.1: it does not look at conditions, and calls the service of `tag:GetResources` `tagging`.
    pub fn enforce_permissions(&self) {
        self.request("POST", "/testkit/permissions");
    }

    /// Makes the `Date` of every answer this many seconds wrong (positive: the server's clock is ahead of ours).
    pub fn set_clock_offset(&self, seconds: i64) {
        self.request("POST", &format!("/testkit/clock?offset={seconds}"));
    }

    /// One exchange with the server, off the AWS protocols. Returns the body of the answer.
    fn request(&self, method: &str, path: &str) -> String {
        let exchange = || {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
            write!(
                stream,
                "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            )?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            std::io::Result::Ok(answer)
        };
        let answer = exchange().unwrap_or_else(|error| panic!("{method} {path}: moto does not answer: {error}"));
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        assert!(head.starts_with("HTTP/1.1 200 "), "{method} {path}: {answer}");
        body.to_owned()
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill, and waiting still takes its status.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws_cli;

    fn aws(moto: &Moto, arguments: &[&str]) -> (bool, String) {
        let output = aws_cli(moto).args(arguments).output().unwrap();
        (output.status.success(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    }

    #[test]
    fn two_servers_are_apart_and_reset_empties_one() {
        let (one, other) = (Moto::start(), Moto::start());
        assert_ne!(one.url(), other.url());
        let put = ["ssm", "put-parameter", "--name", "/dev/a", "--type", "String", "--value", "1"];
        let get = ["ssm", "get-parameter", "--name", "/dev/a"];
        assert!(aws(&one, &put).0);
        assert!(aws(&one, &get).1.contains("\"Value\": \"1\""));
        assert!(aws(&other, &get).1.contains("ParameterNotFound"));
        assert_eq!(
            one.calls(),
            BTreeMap::from([("SSM.GetParameter".to_owned(), 1), ("SSM.PutParameter".to_owned(), 1)])
        );
        one.reset();
        assert!(one.calls().is_empty());
        assert!(aws(&one, &get).1.contains("ParameterNotFound"));
    }

    #[test]
    fn chosen_calls_are_refused_in_the_manner_of_their_service() {
        let moto = Moto::start();
        for operation in ["SSM.DescribeParameters", "S3.CreateBucket", "STS.GetCallerIdentity"] {
            moto.deny(operation);
        }
        for arguments in
            [["ssm", "describe-parameters"].as_slice(), &["s3", "mb", "s3://b"], &["sts", "get-caller-identity"]]
        {
            let (success, said) = aws(&moto, arguments);
            assert!(!success && said.contains("AccessDenied"), "{arguments:?}: {said}");
        }
        moto.fail("SSM.DescribeParameters", "ThrottlingException", 400, 0, 1);
        assert!(aws(&moto, &["ssm", "describe-parameters"]).0, "the client tries again after one throttle");
        assert_eq!(moto.calls()["SSM.DescribeParameters"], 3);
    }

    #[test]
    fn what_is_not_encrypted_is_refused_on_request() {
        let moto = Moto::start();
        let make = ["s3api", "create-bucket", "--bucket", "bucket", "--region", "us-east-1"];
        assert!(aws(&moto, &make).0);
        moto.require_encryption("AES256");
        let mut put = vec!["s3api", "put-object", "--bucket", "bucket", "--key", "k"];
        let (success, said) = aws(&moto, &put);
        assert!(!success && said.contains("no unencrypted uploads"), "{said}");
        put.extend(["--server-side-encryption", "AES256"]);
        let (success, said) = aws(&moto, &put);
        assert!(success && said.contains("AES256"), "{said}");
    }

    #[test]
    fn permissions_are_enforced_on_request() {
        let moto = Moto::start();
        let list = ["s3api", "list-buckets"];
        assert!(aws(&moto, &list).0);
        moto.enforce_permissions();
        let (success, said) = aws(&moto, &list);
        assert!(!success && said.contains("InvalidAccessKeyId"), "{said}");
        let (_, said) = aws(&moto, &["ssm", "describe-parameters"]);
        assert!(said.contains("UnrecognizedClientException"), "{said}");
        moto.reset();
        assert!(aws(&moto, &list).0);
    }

    #[test]
    fn the_clock_can_be_wrong() {
        let moto = Moto::start();
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
        moto.set_clock_offset(-i64::try_from(now).unwrap());
        let (_, said) = aws(&moto, &["ssm", "describe-parameters", "--debug"]);
        assert!(said.contains("'Date': 'Thu, 01 Jan 1970"), "{said}");
    }

    #[test]
    fn a_server_does_not_outlive_the_test() {
        let moto = Moto::start();
        let port = moto.port;
        drop(moto);
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    }
}
