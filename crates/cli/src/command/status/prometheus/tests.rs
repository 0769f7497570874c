//! That what is written is the text format, by its rules, and that it is written whole.

use std::collections::BTreeMap;

use parados_backup::status::{StatusReport, StatusVerdict};

use super::*;
use crate::command::status::view::UnreadView;
use crate::config::Period;

fn view(project: &str) -> StatusView {
    let target = |environment: &str, state| TargetStatus {
        project: project.to_owned(),
        environment: environment.to_owned(),
        account: Some("123456789012".to_owned()),
        region: None,
        state,
        newest: None,
        snapshot_count: 3,
        gaps: Vec::new(),
        problems: Vec::new(),
    };
    let report = StatusReport {
        repository: "s3://bucket/parados".to_owned(),
        verdict: StatusVerdict::Stale,
        targets: vec![target("dev", TargetState::Current), target("old", TargetState::NotExpected)],
    };
    let unread = UnreadView::of(&["prod".to_owned()], &Failure::failed("no"));
    let at = "2025-10-15T12:00:45Z".parse().unwrap();
    StatusView::of(at, Period::of_hours(26), vec![report], vec![unread])
}

/// A label's name and value, taken from the beginning of `text`, and what is left of it.
fn label(text: &str) -> (String, String, &str) {
    let (name, rest) = text.split_once("=\"").unwrap();
    let (mut value, mut characters) = (String::new(), rest.char_indices());
    loop {
        match characters.next().unwrap() {
            (at, '"') => return (name.to_owned(), value, &rest[at + 1..]),
            (_, '\\') => value.push(match characters.next().unwrap().1 {
                'n' => '\n',
                other @ ('\\' | '"') => other,
                other => panic!("{other} is not escaped in this format"),
            }),
            (_, other) => value.push(other),
        }
    }
}

/// The labels of a sample, and its value.
type Sample = (BTreeMap<String, String>, f64);

/// What the text says, by the rules of the format: each family once, with HELP and TYPE before its samples.
fn parse(text: &str) -> BTreeMap<String, Vec<Sample>> {
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    assert!(text.ends_with('\n'));
    let mut families = BTreeMap::<_, Vec<_>>::new();
    let (mut helped, mut family) = (None, String::new());
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            helped = Some(help.split_once(' ').unwrap().0.to_owned());
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert_eq!((helped.take().as_deref(), kind), (Some(name), "gauge"));
            assert!(is_name(name) && families.insert(name.to_owned(), Vec::new()).is_none(), "{name} is there twice");
            family = name.to_owned();
        } else {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let (name, mut labels) = series.split_once('{').unwrap_or((series, "}"));
            assert_eq!(name, family, "samples stand under their family");
            let mut parsed = BTreeMap::new();
            while labels != "}" {
                let (name, value, rest) = label(labels.trim_start_matches(','));
                assert!(is_name(&name) && parsed.insert(name, value).is_none());
                labels = rest;
            }
            families.get_mut(name).unwrap().push((parsed, value.parse().unwrap()));
        }
    }
    families
}

#[test]
fn the_text_keeps_the_format_s_rules_and_says_what_the_view_says() {
    let project = "qu\"ote\\back\nline";
    let families = parse(&text(&view(project)));
    assert_eq!(families["parados_status_timestamp_seconds"], [(BTreeMap::new(), 1_760_529_645.0)]);
    assert_eq!(families["parados_snapshot_max_age_seconds"][0].1, 93_600.0);
    let readable: Vec<_> = families["parados_repository_readable"].iter().map(|(_, value)| *value).collect();
    assert_eq!(readable, [1.0, 0.0]);
    let [(labels, current)] = families["parados_target_current"].as_slice() else { panic!("one is judged") };
    assert_eq!((labels["project"].as_str(), labels["environment"].as_str(), *current), (project, "dev", 1.0));
    assert_eq!(families["parados_snapshots"].len(), 2);
    assert!(families["parados_snapshot_timestamp_seconds"].is_empty(), "there is none");
}

#[test]
fn the_file_is_replaced_whole_and_nothing_is_left_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("parados.prom");
    write(&path, "first\n").unwrap();
    let reader = File::open(&path).unwrap();
    write(&path, "second\n").unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "second\n");
    assert_eq!(io::read_to_string(reader).unwrap(), "first\n", "whoever reads meanwhile sees what was there");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);

    let error = write(&folder.path().join("missing/parados.prom"), "").unwrap_err();
    assert!(error.text().contains("textfile"), "{error:?}");
    std::fs::create_dir(folder.path().join("folder.prom")).unwrap();
    write(&folder.path().join("folder.prom"), "").unwrap_err();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "what was staged is taken away");
}
