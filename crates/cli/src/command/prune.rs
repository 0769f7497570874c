//! `parados prune`.

use std::sync::Arc;

use parados_backup::prune::{
    Action, Outcome, PlannedLeftover, PlannedSnapshot, PruneContext, PruneReport, PruneRequest, TargetPlan, apply, plan,
};
use parados_backup::repository::SnapshotFilter;
use parados_backup::signature::SigningKey;
use parados_backup::verdict::Verdict;
use parados_backup::verify::VerifyContext;
use parados_parameter::SystemClock;

use super::snapshots;
use crate::cli::GlobalArgs;
use crate::config::{EnvironmentFlags, KeepFlags, ReadingSettings, StoreFlags, TrustFlags, prune_rules};
use crate::confirm::confirm_or_signal;
use crate::directories::Directories;
use crate::error::{Failure, Result};
use crate::output::{self, Output};
use crate::progress::Progress;
use crate::{exit_code, runtime, wiring};

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Say what would be done, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    keep: KeepFlags,
    #[command(flatten)]
    environment: EnvironmentFlags,
    #[command(flatten)]
    store: StoreFlags,
    #[command(flatten)]
    trust: TrustFlags,
}

/// Plans, asks, prunes, and says with what code the process ends.
pub(crate) fn run(args: &Args, global: &GlobalArgs) -> Result<u8> {
    let (config, directories) = (global.configuration()?, Directories::of_user());
    let rules = prune_rules(config.as_ref(), &args.keep, &args.environment)?;
    let settings = ReadingSettings::resolve(config.as_ref(), &directories, &args.environment, &args.trust)?;
    let trust = wiring::trust(&settings)?;
    let signing_key = settings.signing_key.as_deref().map(SigningKey::load).transpose()?.ok_or_else(no_key)?;
    let progress = Progress::new(global.progress);
    let output = global.stdout();
    let report = runtime::run(async {
        let repository = snapshots::open(&args.environment, &args.store, global).await?;
        let context = PruneContext {
            verify: VerifyContext {
                // This machine's own key alone says nothing of who else backs up into the same place.
                repository: Arc::new(match settings.trusted_signers.is_empty() {
                    true => repository,
                    false => repository.trusting(trust.signers.clone()),
                }),
                trusted: if settings.trusted_signers.is_empty() { Default::default() } else { trust.signers },
                signing_key: trust.signing_key,
                identities: Default::default(),
                pins: wiring::pins(&directories),
                clock: Arc::new(SystemClock),
            },
            signing_key,
            tool: wiring::TOOL.to_owned(),
        };
        // The chains that restores write are of environments of their own, so the rules choose, and not the filter.
        let filter = SnapshotFilter { environment: None, ..snapshots::filter(&args.environment) };
        // Nothing says of which target an object is that nothing names.
        let leftovers = filter == SnapshotFilter::default() && args.environment.environment.is_none();
        let request = PruneRequest { filter, rules, leftovers };
        let mut made = plan(&context, &request, &progress.observer()).await?;
        if args.environment.environment.is_some() {
            made.report.targets.retain(|target| target.policy.is_some());
        }
        if args.dry_run || made.is_empty() {
            return Ok(made.report);
        }
        if !args.yes {
            output::note(text(output, &made.report).trim_end());
            confirm_or_signal(&question(&made.report), "nothing was pruned").await?;
        }
        Ok(apply(&context, made, rand::random(), &progress.observer()).await?)
    })?;
    drop(progress);
    output.result(&report, || text(output, &report))?;
    if !output.is_json() {
        complain(&report);
    }
    Ok(match report.verdict {
        Verdict::Complete => exit_code::COMPLETE,
        Verdict::Partial | Verdict::NothingMatched => exit_code::PARTIAL,
        Verdict::Failed => exit_code::FAILED,
    })
}

fn no_key() -> Failure {
    Failure::configuration("there is no key to sign with")
        .hint("make one with `parados init`, or name it with --signing-key")
}

fn count(report: &PruneReport, action: Action) -> usize {
    let targets = report.targets.iter().filter(|target| target.refused.is_empty());
    targets.map(|target| target.count(action)).sum()
}

fn question(report: &PruneReport) -> String {
    let gone = count(report, Action::Remove) + count(report, Action::Finish);
    let snapshots = format!(
        "Remove {gone} snapshots for good, mark {} and take the mark from {}",
        count(report, Action::Mark),
        count(report, Action::Unmark)
    );
    match report.leftovers.as_ref().filter(|leftovers| leftovers.changes()) {
        None => format!("{snapshots}?"),
        Some(leftovers) => format!(
            "{snapshots}; of what nothing names remove {} and mark {}?",
            leftovers.count(Action::Remove),
            leftovers.count(Action::Mark)
        ),
    }
}

fn text(output: Output, report: &PruneReport) -> String {
    let mut text = String::new();
    if !report.applied {
        text.push_str("Nothing is done yet. The plan:\n");
    }
    for target in &report.targets {
        let kept = target.snapshots.iter().filter(|one| !one.kept_by.is_empty()).count();
        let policy = match &target.policy {
            Some(policy) => format!("keep {policy}: {kept} of {}", target.snapshots.len()),
            None => "no rule speaks of it: all of it stays".to_owned(),
        };
        text.push_str(&format!("{}: {policy}\n", output::printable(&target.target.to_string())));
        target.refused.iter().for_each(|why| text.push_str(&format!("refused: {}\n", output::printable(why))));
        if target.policy.is_some() {
            text.push_str(&output.table(
                &["SNAPSHOT", "NO", "BEGUN", "VERDICT", "BYTES", "ACTION", "WHY", "OUTCOME"],
                target.snapshots.iter().map(|snapshot| row(target, snapshot)),
            ));
        }
    }
    if let Some(leftovers) = &report.leftovers {
        let (objects, staged) = (&leftovers.objects, &leftovers.staged);
        leftovers_text(&mut text, output, "objects that nothing names", objects, &leftovers.refused);
        leftovers_text(&mut text, output, "files that were never completed", staged, &[]);
    }
    text
}

fn leftovers_text(text: &mut String, output: Output, what: &str, all: &[PlannedLeftover], refused: &[String]) {
    if all.is_empty() {
        return;
    }
    text.push_str(&format!("{what}: {}\n", all.len()));
    refused.iter().for_each(|why| text.push_str(&format!("refused: {}\n", output::printable(why))));
    let rows = all.iter().map(|one| leftover_row(one, refused.is_empty()));
    text.push_str(&output.table(&["OBJECT", "WRITTEN", "BYTES", "ACTION", "WHY", "OUTCOME"], rows));
}

fn leftover_row(object: &PlannedLeftover, is_done: bool) -> Vec<String> {
    let due = object.due.map(|due| format!("{} on {}", due_words(object.action), due.strftime("%Y-%m-%d %H:%M:%SZ")));
    let why = match object.action {
        Action::Keep => "it is too young".to_owned(),
        Action::Unmark => "it is the mark of none".to_owned(),
        _ => due.unwrap_or_default(),
    };
    vec![
        output::printable(&object.key).to_string(),
        object.written_at.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
        object.bytes.to_string(),
        if is_done { object.action.to_string() } else { "none".to_owned() },
        why,
        object.outcome.as_ref().map(said).unwrap_or_default(),
    ]
}

fn said(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Done => "done".to_owned(),
        Outcome::Left(why) => format!("left: {why}"),
        Outcome::Failed(why) => format!("failed: {why}"),
    }
}

fn row(target: &TargetPlan, snapshot: &PlannedSnapshot) -> Vec<String> {
    let kept_by: Vec<_> = snapshot.kept_by.iter().map(ToString::to_string).collect();
    let due =
        || snapshot.due.map(|due| format!("{} on {}", due_words(snapshot.action), due.strftime("%Y-%m-%d %H:%M:%SZ")));
    let why = match (kept_by.is_empty(), snapshot.action) {
        (false, _) => kept_by.join(" "),
        (true, Action::Finish) => "its removal was begun".to_owned(),
        (true, _) => due().unwrap_or_default(),
    };
    let outcome = snapshot.outcome.as_ref().map(said).unwrap_or_default();
    let action = match target.refused.is_empty() {
        true => snapshot.action.to_string(),
        false => "none".to_owned(),
    };
    vec![
        snapshot.id.to_string(),
        snapshot.sequence.to_string(),
        snapshot.started_at.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
        snapshot.verdict.map(|verdict| verdict.to_string()).unwrap_or_default(),
        snapshot.bytes.to_string(),
        action,
        why,
        outcome,
    ]
}

fn due_words(action: Action) -> &'static str {
    match action {
        Action::Remove => "was due",
        _ => "due",
    }
}

/// What whoever runs this should know, and do.
fn complain(report: &PruneReport) {
    if report.targets.is_empty() {
        output::note("there are no snapshots that a rule speaks of");
    }
    if report.targets.iter().any(|target| !target.refused.is_empty()) {
        output::note(
            "hint: nothing is removed from a chain that is not right; `parados verify --all` says what is wrong",
        );
    }
    for target in &report.targets {
        target.failures.iter().for_each(|why| output::note(&format!("{}: a mark stays: {why}", target.target)));
    }
    if report.applied && count(report, Action::Mark) > 0 {
        output::note(
            "hint: what is marked now is removed by a run after its grace time; widen the policy, or `parados lock add`, to keep it",
        );
    }
}
