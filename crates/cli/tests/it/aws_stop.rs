//! A backup that is stopped in the middle: wherever it stands, nothing is half committed.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;

use serde_json::json;

use crate::aws_account::{Account, BACKUP, BUCKET};

/// Stands between `parados` and moto, passes requests on, and keeps the first that is asked for: then nothing more is answered.
pub(crate) struct Gate {
    pub(crate) url: String,
    pub(crate) stalled: mpsc::Receiver<()>,
}

/// What happens with the request that is kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kept {
    /// It does not reach moto.
    OnTheWay,
    /// Moto does it, and the answer is not passed on.
    AtTheAnswer,
}

impl Gate {
    pub(crate) fn before(moto: &str, wanted: &'static str, kept: Kept) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let moto = moto.strip_prefix("http://").unwrap().to_owned();
        let (sender, stalled) = mpsc::channel();
        // It ends with the test's process.
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (moto, sender) = (moto.clone(), sender.clone());
                // A client that goes away in the middle is what this is for.
                thread::spawn(move || serve(client, &moto, wanted, kept, &sender).ok());
            }
        });
        Self { url, stalled }
    }
}

/// One connection: a request that is passed on, and its answer.
fn serve(
    mut client: TcpStream,
    moto: &str,
    wanted: &str,
    kept: Kept,
    stalled: &mpsc::Sender<()>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let lower = line.to_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if lower.trim().is_empty() {
            break;
        }
        if !lower.starts_with("connection:") {
            head.push_str(&line);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let is_wanted = head.contains(wanted) || String::from_utf8_lossy(&body).contains(wanted);
    if is_wanted && kept == Kept::OnTheWay {
        return keep(&mut reader, stalled);
    }
    let mut server = TcpStream::connect(moto)?;
    write!(server, "{head}Connection: close\r\n\r\n")?;
    server.write_all(&body)?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    if is_wanted {
        return keep(&mut reader, stalled);
    }
    client.write_all(&answer)?;
    client.shutdown(Shutdown::Write)
}

/// Says that the request is here, and holds the connection until the client ends it.
fn keep(reader: &mut impl std::io::Read, stalled: &mpsc::Sender<()>) -> std::io::Result<()> {
    stalled.send(()).ok();
    reader.read_to_end(&mut Vec::new()).map(|_| ())
}

#[test]
fn a_stop_in_the_middle_commits_nothing_by_halves() {
    use Kept::{AtTheAnswer, OnTheWay};

    let account = Account::filled(25);
    account.back_up("--recipient none", 0);
    let manifest = |sequence: u32| format!("manifests/jenkins/dev/123456789012/eu-west-1/{sequence:010}.manifest");
    let mut sequence = 1;
    for (wanted, kept, signal, commits) in [
        ("GetCallerIdentity", OnTheWay, "-INT", false),
        ("AmazonSSM.DescribeParameters", OnTheWay, "-TERM", false),
        ("AmazonSSM.GetParameters", OnTheWay, "-INT", false),
        ("AmazonSSM.GetParameterHistory", AtTheAnswer, "-INT", false),
        ("/ssm-backup-dev-", OnTheWay, "-INT", false),
        ("/ssm-backup-dev-", AtTheAnswer, "-TERM", false),
        (".manifest HTTP", OnTheWay, "-INT", false),
        ("0002.manifest HTTP", OnTheWay, "-INT", false),
        ("0002.manifest HTTP", AtTheAnswer, "-INT", true),
        ("PUT /", AtTheAnswer, "-INT", false),
        ("latest.txt", OnTheWay, "-INT", true),
    ] {
        let gate = Gate::before(&account.moto.url(), wanted, kept);
        let before = account.objects(BUCKET);
        let mut child = Command::new(assert_cmd::cargo::cargo_bin("parados"))
            .env_clear()
            .envs(account.moto.env())
            .env("HOME", account.home.path())
            .env("AWS_ENDPOINT_URL", &gate.url)
            .args(BACKUP.split(' '))
            .args(["--full", "--recipient", "none", "--repository", &format!("s3://{BUCKET}")])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        gate.stalled.recv().unwrap();
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        let (mut stdout, mut stderr) = (String::new(), String::new());
        child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        let at = format!("{wanted} {kept:?}: {stdout}{stderr}");
        assert_eq!(child.wait().unwrap().code(), Some(130), "{at}");
        let error: serde_json::Value = serde_json::from_str(&stderr).unwrap();
        assert_eq!((&error["error"]["kind"], &error["exit_code"]), (&json!("interrupted"), &json!(130)), "{at}");
        assert!(error["error"]["message"].as_str().unwrap().contains("nothing is half committed"), "{at}");
        account.keeps_secrets(stdout.as_bytes());
        account.keeps_secrets(stderr.as_bytes());

        // What was there still is; the snapshot is there, whole, or it is not.
        let after = account.objects(BUCKET);
        assert!(before.iter().all(|(key, written)| after.get(key) == Some(written)), "{at}");
        assert_eq!(after.contains_key(&manifest(sequence + 1)), commits, "{at}");
        let listed = account.run(&format!("snapshots --store aws --repository s3://{BUCKET} --output json"), 0).json();
        sequence += u32::from(commits);
        assert_eq!(listed["snapshots"].as_array().unwrap().len(), sequence as usize, "{at}");
        assert_eq!(listed["damaged"], json!([]), "{at}");
    }

    // The next backup goes on as if nothing had been.
    let next = account.back_up("--recipient none", 0).json();
    assert_eq!((&next["sequence"], &next["reused"]), (&json!(sequence + 1), &json!(25)), "{next}");
}
