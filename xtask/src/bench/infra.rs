//! The stack of `parados init` on moto: from nothing, and a preview that finds nothing to do, beside boto3, the AWS CLI and Terraform.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use testkit::{Moto, Terraform};

use super::table::Table;
use super::{Bench, output, python, script};
use crate::failure::Failure;
use crate::measure::{Cost, Probe};
use crate::venv;

const ENVIRONMENT: &str = "--environment dev";

/// One of those that are compared.
struct Peer {
    name: &'static str,
    program: PathBuf,
    /// The arguments that make the stack.
    up: Vec<String>,
    /// Those that look at it.
    preview: Vec<String>,
    folder: PathBuf,
    environment: Vec<(&'static str, String)>,
    /// What it remembers of a run, which the next one is not to know of.
    state: Option<PathBuf>,
}

pub(super) fn stack(bench: &Bench) -> Result<Vec<Table>, Failure> {
    let runs = if bench.quick { 1 } else { 5 };
    let mut made = Table::new("moto, the stack of `parados init` from nothing");
    let mut seen = Table::new("moto, the same stack, nothing to do");
    let moto = Moto::start();
    for peer in peers(bench, &moto)? {
        // Terraform waits for a minute that S3 has settled.
        let runs = if peer.state.is_some() { 1 } else { runs };
        let (mut ups, mut previews) = (Vec::new(), Vec::new());
        let (mut up_calls, mut preview_calls) = (0, 0);
        for _ in 0..runs {
            moto.reset();
            peer.forget()?;
            ups.push(peer.probe(&moto, &peer.up)?.run()?);
            up_calls = calls(&moto);
            previews.push(peer.probe(&moto, &peer.preview)?.run()?);
            preview_calls = calls(&moto) - up_calls;
        }
        made.row(peer.name, Cost::typical(&ups), Some(up_calls));
        seen.row(peer.name, Cost::typical(&previews), Some(preview_calls));
    }
    made.note("parados reads before it makes, takes a lease, and records each resource before and after; boto3 and the AWS CLI only make");
    seen.note("parados reads each setting once, all at once, and its inventory; boto3 and the AWS CLI read the same settings, and compare nothing");
    Ok(vec![made, seen])
}

fn calls(moto: &Moto) -> u64 {
    moto.calls().values().sum()
}

impl Peer {
    fn probe(&self, moto: &Moto, arguments: &[String]) -> Result<Probe, Failure> {
        let mut probe = Probe::new(&self.program)?;
        let command = probe.command().args(arguments).current_dir(&self.folder);
        command.envs(moto.env()).envs(self.environment.iter().cloned());
        Ok(probe)
    }

    fn forget(&self) -> Result<(), Failure> {
        match &self.state {
            Some(state) if state.exists() => fs::remove_file(state).map_err(Failure::file(state)),
            _ => Ok(()),
        }
    }
}

fn peers(bench: &Bench, moto: &Moto) -> Result<Vec<Peer>, Failure> {
    let folder = bench.folder.path().join("infra");
    fs::create_dir_all(&folder).map_err(Failure::file(&folder))?;
    let plain = |name, program, before: &[String]| {
        let arguments = |verb: &str| before.iter().cloned().chain([verb.to_owned()]).collect();
        let (up, preview) = (arguments("up"), arguments("preview"));
        Peer { name, program, up, preview, folder: folder.clone(), environment: vec![], state: None }
    };
    let aws = venv::folder().join("bin/aws").display().to_string();
    let boto3 = plain("boto3", python(), &[script("infra_boto3.py").display().to_string()]);
    let cli = plain("AWS CLI", "/bin/sh".into(), &[script("infra_aws_cli.sh").display().to_string(), aws]);
    if !bench.parados.exists() {
        return Ok(vec![boto3, cli]);
    }
    let parados = Peer {
        name: "parados",
        program: bench.parados.clone(),
        up: words(&format!("infra up {ENVIRONMENT} --yes")),
        preview: words(&format!("infra preview {ENVIRONMENT}")),
        folder: folder.clone(),
        environment: vec![("HOME", folder.display().to_string())],
        state: None,
    };
    parados.probe(moto, &words(&format!("init --project jenkins {ENVIRONMENT} --store aws")))?.run()?;
    let terraform = terraform(&folder, &parados, moto)?;
    Ok([parados, boto3, cli].into_iter().chain(terraform).collect())
}

/// Terraform, with what parados exports of the stack, where it and its provider are on the machine.
fn terraform(folder: &Path, parados: &Peer, moto: &Moto) -> Result<Option<Peer>, Failure> {
    let mut export = Command::new(&parados.program);
    export.args(words(&format!("infra export {ENVIRONMENT} --format terraform"))).current_dir(&parados.folder);
    export.envs(moto.env()).envs(parados.environment.iter().cloned());
    let configuration = output(&mut export)?;
    let folder = folder.join("terraform");
    fs::create_dir_all(&folder).map_err(Failure::file(&folder))?;
    let Some(terraform) = Terraform::find(moto, &folder, &configuration) else { return Ok(None) };
    terraform.run("init -no-color -input=false");
    Ok(Some(Peer {
        name: "Terraform",
        program: terraform.program.clone(),
        up: words("apply -auto-approve -no-color -input=false"),
        preview: words("plan -no-color -input=false"),
        environment: terraform.env(),
        state: Some(folder.join("terraform.tfstate")),
        folder,
    }))
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}
