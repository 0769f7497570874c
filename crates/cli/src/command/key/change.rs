//! `parados key add`, `remove` and `rotate`.

use std::sync::Arc;

use parados_backup::reseal::{RecipientChange, ResealContext, ResealPlan, ResealReport, apply, plan};
use parados_backup::seal::Recipient;
use parados_backup::verdict::Verdict;
use parados_parameter::SystemClock;
use schemars::JsonSchema;
use serde::Serialize;

use super::super::snapshots;
use super::ChangeFlags;
use crate::cli::GlobalArgs;
use crate::config::{KeySettings, RecipientSource};
use crate::confirm::confirm_or_signal;
use crate::directories::Directories;
use crate::error::{Failure, Result};
use crate::output::{self, Output};
use crate::progress::Progress;
use crate::wiring::{self, keys};
use crate::{exit_code, runtime};

/// What a change of keys prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct KeyChangeView {
    /// Whether it was a dry run, which writes nothing.
    dry_run: bool,
    /// Whom new snapshots are sealed to from now on, as far as this machine decides.
    new_snapshots: Vec<String>,
    /// What was planned.
    plan: ResealPlan,
    /// What was done; absent on a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<ResealReport>,
    /// What is left to do, one line each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hints: Vec<String>,
}

/// The change of `key rotate` without keys.
pub(super) fn become_as_configured(configured: &[Recipient]) -> Result<RecipientChange> {
    match configured {
        [] => Err(Failure::configuration("new snapshots are not sealed, so there is nobody to seal the others to")
            .hint("write `recipients:` into parados.yaml, or name the keys: parados key rotate OLD NEW")),
        keys => Ok(RecipientChange::Become(keys.to_vec())),
    }
}

/// Plans, asks, and does it. `change` is made of whom new snapshots are sealed to.
pub(super) fn run(
    flags: &ChangeFlags,
    change: impl FnOnce(&[Recipient]) -> Result<RecipientChange>,
    global: &GlobalArgs,
) -> Result<u8> {
    let (config, directories) = (global.configuration()?, Directories::of_user());
    let settings = KeySettings::resolve(config.as_ref(), &directories, &flags.store, &flags.environment, &flags.trust)?;
    let configured = keys::recipients(&settings.recipients)?;
    let change = change(&configured)?;
    let wanted = change.applied_to(&configured);
    if wanted.is_empty() && !configured.is_empty() {
        return Err(Failure::usage("nobody would be left to open new snapshots").hint("add somebody first"));
    }
    let trust = wiring::trust(&settings.reading)?;
    let signing_key = trust.signing_key.ok_or_else(|| {
        Failure::configuration("there is no key to sign with")
            .hint("make one with `parados init`, or name it with --signing-key")
    })?;
    let progress = Progress::new(global.progress);
    let view = runtime::run(async {
        let repository = snapshots::open(&flags.environment, &flags.store, global).await?;
        // This machine's own key alone says nothing of who else backs up into the same place.
        let repository = Arc::new(match settings.reading.trusted_signers.is_empty() {
            true => repository,
            false => repository.trusting(trust.signers),
        });
        let plan = plan(&repository, &snapshots::filter(&flags.environment), &change).await?;
        let hints = hints(&settings.source, &configured, &wanted);
        let new_snapshots = wanted.iter().map(ToString::to_string).collect();
        let mut view = KeyChangeView { dry_run: flags.dry_run, new_snapshots, plan, report: None, hints };
        if flags.dry_run {
            return Ok(view);
        }
        if !flags.yes && !view.plan.snapshots.is_empty() {
            confirm_or_signal(&question(&view.plan), "nothing was sealed again").await?;
        }
        if let RecipientSource::List(path) = &settings.source {
            keys::write_recipients(path, &configured, &wanted)?;
        }
        let of_plan = view.plan.snapshots.iter().flat_map(|one| one.from.iter().chain(&one.to));
        let key_management = keys::key_management(of_plan).await?;
        let context = ResealContext {
            identities: keys::identities(&settings.reading.identities, key_management.clone())?,
            repository,
            key_management,
            signing_key,
            clock: Arc::new(SystemClock),
            tool: wiring::TOOL.to_owned(),
        };
        view.report = Some(apply(&context, &view.plan, &progress.observer()).await);
        Ok(view)
    })?;
    drop(progress);
    let output = global.stdout();
    output.result(&view, || text(output, &view))?;
    if !output.is_json() {
        let more = view.report.iter().flat_map(|report| &report.hints);
        view.hints.iter().chain(more).for_each(|hint| output::note(&format!("hint: {hint}")));
    }
    Ok(view.exit_code())
}

impl KeyChangeView {
    fn exit_code(&self) -> u8 {
        match self.report.as_ref().map(|report| report.verdict) {
            None if self.plan.refused.is_empty() => exit_code::COMPLETE,
            None | Some(Verdict::Partial) => exit_code::PARTIAL,
            Some(Verdict::Complete | Verdict::NothingMatched) => exit_code::COMPLETE,
            Some(Verdict::Failed) => exit_code::FAILED,
        }
    }
}

fn question(plan: &ResealPlan) -> String {
    let bytes: u64 = plan.snapshots.iter().map(|one| one.bytes).sum();
    format!("Seal {} snapshots of {bytes} bytes again? What they are in now stays beside.", plan.snapshots.len())
}

/// What whoever runs this has to write, so that new snapshots are sealed as the others now are.
fn hints(source: &RecipientSource, configured: &[Recipient], wanted: &[Recipient]) -> Vec<String> {
    let same = configured.iter().all(|one| wanted.contains(one)) && wanted.iter().all(|one| configured.contains(one));
    if same {
        return Vec::new();
    }
    let list: Vec<_> = wanted.iter().map(|one| format!("\"{one}\"")).collect();
    match source {
        RecipientSource::List(_) => Vec::new(),
        RecipientSource::File { file, environment: Some(environment) } => vec![format!(
            "so that new snapshots are sealed so too, write into {file} under `environments: {environment}:` \
             recipients: [{}]",
            list.join(", ")
        )],
        RecipientSource::File { file, environment: None } => {
            vec![format!(
                "so that new snapshots are sealed so too, write into {file}: recipients: [{}]",
                list.join(", ")
            )]
        }
        RecipientSource::Flags => {
            vec![format!(
                "so that new snapshots are sealed so too, give each to `parados backup` as --recipient: {}",
                list.join(" ")
            )]
        }
    }
}

fn text(output: Output, view: &KeyChangeView) -> String {
    let mut text = String::new();
    if view.dry_run {
        text.push_str("Dry run: nothing was written. Sealed again would be:\n");
    }
    let done = view.report.as_ref();
    let rows = view.plan.snapshots.iter().enumerate().map(|(at, planned)| {
        let became = done.and_then(|report| report.snapshots.get(at));
        let outcome = became.map_or("planned", |one| match one.reason {
            None => "sealed",
            Some(_) => "failed",
        });
        vec![
            planned.snapshot.clone(),
            planned.target.to_string(),
            outcome.to_owned(),
            planned.to.join(", "),
            became.and_then(|one| one.reason.clone()).unwrap_or_default(),
        ]
    });
    let refused =
        view.plan.refused.iter().map(|one| {
            vec![one.snapshot.clone(), String::new(), "refused".to_owned(), String::new(), one.reason.clone()]
        });
    let rows: Vec<_> = rows.chain(refused).collect();
    if !rows.is_empty() {
        text.push_str(&output.table(&["SNAPSHOT", "OF", "OUTCOME", "RECIPIENTS", "WHY"], rows));
    }
    let replaced = done.map(|report| report.replaced.len().to_string()).unwrap_or_default();
    let facts = [
        ("Unchanged", view.plan.unchanged.to_string()),
        (
            "New snapshots",
            if view.new_snapshots.is_empty() { "not sealed".into() } else { view.new_snapshots.join(", ") },
        ),
        ("Objects that stay", replaced),
    ];
    text.push_str(&output.facts(facts.into_iter().filter(|(_, value)| !value.is_empty())));
    text
}
