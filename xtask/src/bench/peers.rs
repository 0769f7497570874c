//! `parados backup` of everything beside a boto3 loop, the AWS CLI and ssm-diff: against moto, which has no quotas and pages as it likes, and
//! against `parados store serve`, which pages as AWS does.

use std::path::PathBuf;
use std::process::Command;

use testkit::Moto;

use super::store::{Served, ServerKind};
use super::table::Table;
use super::{Bench, age_identity, output, python, script};
use crate::failure::Failure;
use crate::measure::{Cost, Probe};
use crate::venv;

const BUCKET: &str = "parados-bench";

/// Of a server, what a client's environment says.
type Environment = Vec<(&'static str, String)>;

/// Against moto.
pub(super) fn run(bench: &Bench) -> Result<Vec<Table>, Failure> {
    // At 5,000 moto itself takes a third of a minute for each run, so that one has to do.
    let sizes: &[(u32, u32)] = if bench.quick { &[(500, 1)] } else { &[(500, 5), (5_000, 1)] };
    sizes.iter().map(|&(parameters, runs)| beside_moto(bench, parameters, runs)).collect()
}

fn beside_moto(bench: &Bench, parameters: u32, runs: u32) -> Result<Table, Failure> {
    let moto = Moto::start();
    let mut fill = Command::new(python());
    fill.arg(script("fill.py")).args([&parameters.to_string(), BUCKET]).envs(moto.env());
    output(&mut fill)?;
    let calls = || Some(moto.calls().values().sum());
    let mut peers = peers(bench, &format!("s3://{BUCKET}"), &format!("moto-{parameters}"))?;
    peers.extend(bare_sockets(bench, &moto.url()));
    let mut table = Table::new(format!("moto, {parameters} parameters, read in full"));
    compare(&mut table, &peers, &moto.env(), runs, calls)?;
    table.note(
        "bare sockets: the calls of Parameter Store that a backup makes, one after the other, not signed, and the values thrown away: the \
         least that these calls can cost",
    );
    table.note("moto describes 10 parameters a page whatever was asked; AWS gives 50");
    Ok(table)
}

/// Against `parados store serve`.
pub(super) fn paged(bench: &Bench) -> Result<Vec<Table>, Failure> {
    if !bench.parados.exists() || !bench.library.exists() {
        return Ok(Vec::new());
    }
    let sizes: &[(u32, u32)] = if bench.quick { &[(500, 1)] } else { &[(500, 5), (5_000, 5)] };
    sizes.iter().map(|&(parameters, runs)| beside_pages_of_fifty(bench, parameters, runs)).collect()
}

fn beside_pages_of_fifty(bench: &Bench, parameters: u32, runs: u32) -> Result<Table, Failure> {
    let server = Served::start(bench, ServerKind::Parados, parameters)?;
    server.fill()?;
    let peers = peers(bench, &format!("file://{}", bench.folder.path().display()), &format!("paged-{parameters}"))?;
    let mut table = Table::new(format!("pages as AWS's, {parameters} parameters, read in full"));
    compare(&mut table, &peers, &server.aws_environment(), runs, || None)?;
    table.note(format!("served by `{}`, which describes 50 parameters a page, as AWS does", server.shown()));
    Ok(table)
}

/// Runs each peer so often. `calls` says how many calls the server had so far, where it counts them.
fn compare(
    table: &mut Table,
    peers: &[Peer],
    environment: &Environment,
    runs: u32,
    calls: impl Fn() -> Option<u64>,
) -> Result<(), Failure> {
    // In turns, so that what else the machine does weighs on each alike.
    let mut measured: Vec<(Vec<Cost>, Option<u64>)> = vec![Default::default(); peers.len()];
    for run in 0..runs {
        for (peer, (costs, made)) in peers.iter().zip(&mut measured) {
            let before = calls();
            costs.push(peer.probe(environment, run)?.run()?);
            *made = calls().zip(before).map(|(after, before)| after - before);
        }
    }
    for (peer, (costs, made)) in peers.iter().zip(&measured) {
        table.row(peer.name, Cost::typical(costs), *made);
        table.note(format!("{}: `{}`", peer.name, peer.shown));
    }
    Ok(())
}

/// One of those that are compared.
struct Peer {
    name: &'static str,
    program: PathBuf,
    /// `{run}` stands for the number of the run, so that each writes to a place of its own.
    arguments: Vec<String>,
    environment: Vec<(&'static str, PathBuf)>,
    shown: String,
}

impl Peer {
    fn probe(&self, environment: &Environment, run: u32) -> Result<Probe, Failure> {
        let mut probe = Probe::new(&self.program)?;
        let arguments = self.arguments.iter().map(|argument| argument.replace("{run}", &run.to_string()));
        probe.command().args(arguments).envs(environment.iter().cloned()).envs(self.environment.iter().cloned());
        Ok(probe)
    }
}

/// Each writes to a place of its own: ours to one below `repository`, the others to files. `series` tells these runs from those against another server.
fn peers(bench: &Bench, repository: &str, series: &str) -> Result<Vec<Peer>, Failure> {
    let folder = bench.folder.path();
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let mut peers = Vec::new();
    if bench.parados.exists() {
        let (_, recipient) = age_identity(folder)?;
        // The peers read neither labels nor tags. Labels cost a call for each parameter, so there is a row without them too.
        for (name, labels) in [("parados", " --no-labels"), ("parados with labels", "")] {
            let place = name.replace(' ', "-");
            let shown = format!(
                "backup --project bench --environment dev --store aws --repository {repository}/{series}-{place}-{{run}} \
                 --name-contains /dev/ --recipient {recipient} --unlimited --full{labels} --output json"
            );
            peers.push(Peer {
                name,
                program: bench.parados.clone(),
                arguments: words(&shown),
                environment: vec![("HOME", folder.to_owned()), ("XDG_DATA_HOME", folder.join("data"))],
                shown: format!("parados {shown}").replace(&folder.display().to_string(), "/DIR"),
            });
        }
    }
    let to = |name: &str| folder.join(format!("{series}-{name}-{{run}}")).display().to_string();
    peers.push(Peer {
        name: "boto3 loop",
        program: python(),
        arguments: vec![script("boto3_loop.py").display().to_string(), to("boto3")],
        environment: vec![],
        shown: "python xtask/bench/boto3_loop.py FILE".to_owned(),
    });
    let aws = "ssm get-parameters-by-path --path / --recursive --with-decryption --output json";
    peers.push(Peer {
        name: "AWS CLI",
        program: venv::folder().join("bin/aws"),
        arguments: words(aws),
        environment: vec![],
        shown: format!("aws {aws}"),
    });
    peers.push(Peer {
        name: "ssm-diff",
        program: venv::folder().join("bin/ssm-diff"),
        arguments: vec!["-f".to_owned(), to("ssm-diff"), "init".to_owned()],
        environment: vec![],
        shown: "ssm-diff -f FILE init".to_owned(),
    });
    Ok(peers)
}

/// What the calls cost alone.
fn bare_sockets(bench: &Bench, endpoint: &str) -> Option<Peer> {
    bench.library.exists().then(|| Peer {
        name: "bare sockets",
        program: bench.library.clone(),
        arguments: vec!["sockets".to_owned(), endpoint.to_owned()],
        environment: vec![],
        shown: "bench sockets ENDPOINT".to_owned(),
    })
}
