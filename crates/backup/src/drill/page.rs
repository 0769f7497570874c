//! The evidence of a drill as one page of HTML: for whoever signs it off, on a screen or on one sheet of A4.
//!
//! The page needs nothing beside itself, and says how to check what it says: it is a view of the signed line, and not evidence
//! by itself.

use std::sync::LazyLock;

use jiff::Timestamp;
use minijinja::{Environment, context};
use ssh_key::HashAlg;

use super::evidence::{DrillVerdict, Evidence, SignedEvidence};
use crate::document::Digest;
use crate::restore::PlanSource;
use crate::signature;
use crate::target::StoreKind;

const TEMPLATE: &str = "page.html";
/// Rows of differences and of what could not be restored, together: what fits on the sheet.
const ROWS: usize = 8;
/// The same where an error takes three lines of it.
const ROWS_BELOW_ERROR: usize = 5;

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut templates = Environment::new();
    templates.add_template(TEMPLATE, include_str!("page.html")).expect("the template is a part of the program");
    templates
});

/// The page of `evidence`, whose signed form is `signed` and is kept as the file `file`.
pub fn page(evidence: &Evidence, signed: &SignedEvidence, file: &str) -> String {
    let counts = &evidence.counts;
    // Differences weigh more, so they get the rows first; a few stay for the others.
    let rows = if evidence.error.is_some() { ROWS_BELOW_ERROR } else { ROWS };
    let kept = rows - evidence.unrestored.len().min(rows / 3);
    let differences: Vec<_> = evidence.differences.iter().take(kept).map(difference).collect();
    let unrestored: Vec<_> = evidence.unrestored.iter().take(rows - differences.len()).collect();
    let template = TEMPLATES.get_template(TEMPLATE).expect("it was added");
    let page = template.render(context! {
        id => evidence.id.as_str(),
        verdict => evidence.verdict.as_str(),
        title => title(evidence.verdict),
        summary => summary(evidence),
        source => source(evidence),
        into => into(evidence),
        tiles => tiles(evidence),
        steps => steps(evidence),
        started_at => minute(evidence.started_at),
        compared => evidence.compared.iter().map(ToString::to_string).collect::<Vec<_>>(),
        versions => grouped(counts.versions),
        more_differences => grouped((evidence.differences.len() - differences.len()) as u64),
        more_unrestored => grouped((evidence.unrestored.len() - unrestored.len()) as u64),
        differences,
        unrestored,
        left_behind => grouped(evidence.left_behind.len() as u64),
        error => evidence.error,
        tool => evidence.tool,
        signer => signature::parse_public_key(&evidence.signer).map_or_else(
            |_| evidence.signer.clone(),
            |key| format!("{} {}", key.fingerprint(HashAlg::Sha256), key.comment()),
        ),
        digest => hexadecimal(Digest::of(&signed.line)),
        namespace => <Evidence as crate::signed_line::SignedLine>::NAMESPACE,
        file,
    });
    page.expect("the template asks for nothing that is not given")
}

fn title(verdict: DrillVerdict) -> &'static str {
    match verdict {
        DrillVerdict::Passed => "Recovery proved",
        DrillVerdict::Partial => "Recovery proved in part",
        DrillVerdict::Different | DrillVerdict::Failed => "Recovery not proved",
    }
}

fn summary(evidence: &Evidence) -> String {
    if evidence.times.compared.is_none() {
        return "The drill came to no comparison, so nothing is known of whether a restore would work.".to_owned();
    }
    let counts = &evidence.counts;
    let what = match evidence.source {
        PlanSource::Snapshot { .. } => "The snapshot",
        PlanSource::Document { .. } => "The document",
    };
    let place = match (&evidence.into.prefix, evidence.into.kind) {
        (Some(_), _) => "under a scratch prefix of a real store",
        (None, StoreKind::Embedded) => "into a store made for it and thrown away after it",
        (None, StoreKind::Aws | StoreKind::Postgres) => "into a real store",
    };
    format!(
        "{what} was restored {place}, and all of it was read back and compared: {} of {} parameters came back as they were.",
        grouped(counts.equal),
        grouped(counts.wanted)
    )
}

type Row = (&'static str, String);

fn source(evidence: &Evidence) -> Vec<Row> {
    let mut rows = Vec::new();
    match &evidence.source {
        PlanSource::Snapshot { repository, snapshot, manifest_digest, target, started_at, .. } => {
            rows.push(("Snapshot", snapshot.to_string()));
            let age = evidence.started_at.duration_since(*started_at).as_secs();
            rows.push(("Taken", format!("{}, {} before the drill", minute(*started_at), age_in_words(age))));
            rows.push(("Of", target.to_string()));
            rows.push(("Repository", repository.clone()));
            rows.push(("Manifest SHA-256", hexadecimal(*manifest_digest)));
        }
        PlanSource::Document { path, digest } => {
            rows.push(("Document", path.clone()));
            rows.push(("SHA-256", hexadecimal(*digest)));
        }
    }
    if let Some(snapshot) = &evidence.snapshot {
        rows.push(("Number in chain", snapshot.sequence.to_string()));
        let signer = signature::parse_public_key(&snapshot.signer);
        rows.push((
            "Signed by",
            signer.map_or_else(|_| snapshot.signer.clone(), |key| key.fingerprint(HashAlg::Sha256).to_string()),
        ));
    }
    rows.push(("Selection", evidence.selector.clone()));
    rows
}

fn into(evidence: &Evidence) -> Vec<Row> {
    let place = &evidence.into;
    let mut rows = match place.kind {
        StoreKind::Embedded => vec![("Store", "embedded, made for the drill".to_owned())],
        StoreKind::Aws => vec![
            ("Store", "AWS SSM Parameter Store".to_owned()),
            ("Account, Region", format!("{}, {}", place.account, place.region)),
        ],
        StoreKind::Postgres => vec![
            ("Store", "a store in PostgreSQL".to_owned()),
            ("Account, Region", format!("{}, {}", place.account, place.region)),
        ],
    };
    rows.extend(place.prefix.clone().map(|prefix| ("Scratch prefix", prefix)));
    rows.push((
        "Removed after",
        match evidence.left_behind.len() {
            0 => "yes, all of it".to_owned(),
            left => format!("NO: {} parameters are left", grouped(left as u64)),
        },
    ));
    rows.push(("Calls", grouped(evidence.counts.calls)));
    rows.push(("Throttles", grouped(evidence.counts.throttles)));
    rows.extend(evidence.plan.map(|plan| ("Plan SHA-256", hexadecimal(plan.0))));
    rows
}

fn tiles(evidence: &Evidence) -> Vec<Row> {
    let (counts, times) = (&evidence.counts, &evidence.times);
    let time = |seconds: Option<f64>| seconds.map_or_else(|| "–".to_owned(), duration);
    vec![
        ("came back equal", grouped(counts.equal)),
        ("different", grouped(counts.different)),
        ("not restored", grouped(counts.unrestored)),
        ("to the first parameter", time(times.first)),
        ("to the last parameter", time(times.last)),
    ]
}

/// The steps on the time line: what, when, and where on it, in per cent.
fn steps(evidence: &Evidence) -> Vec<(&'static str, String, f64)> {
    let times = &evidence.times;
    let whole = times.ended.max(f64::EPSILON);
    let steps = [
        ("planned", times.planned),
        ("first parameter", times.first),
        ("last parameter", times.last),
        ("compared", times.compared),
        ("removed", Some(times.ended)),
    ];
    let at =
        |(what, seconds): (_, Option<f64>)| Some((what, duration(seconds?), (seconds? / whole * 100.0).min(100.0)));
    steps.into_iter().filter_map(at).collect()
}

fn difference(difference: &super::evidence::Difference) -> (String, String) {
    let fields: Vec<_> = difference.fields.iter().map(|field| field.as_str()).collect();
    let words = if fields.is_empty() { "is there and should not be".to_owned() } else { fields.join(", ") };
    (difference.name.to_string(), words)
}

/// As `sha256sum` says it.
fn hexadecimal(digest: Digest) -> String {
    digest.to_string().trim_start_matches("sha256:").to_owned()
}

fn minute(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

fn age_in_words(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn duration(seconds: f64) -> String {
    match seconds {
        ..1.0 => format!("{:.0} ms", seconds * 1000.0),
        1.0..120.0 => format!("{seconds:.1} s"),
        _ => format!("{:.0} min {:02.0} s", (seconds / 60.0).floor(), (seconds % 60.0).floor()),
    }
}

/// Digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let (head, rest) = digits.split_at(first);
    let groups = rest.as_bytes().chunks(3).map(|group| String::from_utf8_lossy(group).into_owned());
    let groups: Vec<_> = (!head.is_empty()).then(|| head.to_owned()).into_iter().chain(groups).collect();
    groups.join("\u{202f}")
}

#[cfg(test)]
mod tests;
