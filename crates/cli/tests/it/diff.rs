//! `parados diff` on the embedded store and a local folder.

use serde_json::Value;

use crate::parados::{Home, stderr, stdout};

const CANARY: &str = "canary-3f9a17";

/// A home with two snapshots of `dev`, between which one parameter was changed, one deleted and one made.
fn two_snapshots() -> Home {
    let home = Home::new();
    home.run("init").success();
    for name in ["/app/dev/a", "/app/dev/b", "/app/dev/c"] {
        home.run_with(&format!("parameter put {name} - --type SecureString"), &format!("{CANARY} first")).success();
    }
    home.run("backup -e dev").success();
    home.run_with("parameter put /app/dev/a - --overwrite", &format!("{CANARY} second")).success();
    home.run("parameter tag /app/dev/a team=core").success();
    home.run("parameter delete /app/dev/b --yes").success();
    home.run_with("parameter put /app/dev/d -", &format!("{CANARY} of d")).success();
    home.run("backup -e dev").success();
    home
}

/// The ids of the snapshots, oldest first.
fn ids(home: &Home) -> Vec<String> {
    let listed: Value = serde_json::from_str(&stdout(&home.run("snapshots --output json").success())).unwrap();
    let snapshots = listed["snapshots"].as_array().unwrap();
    snapshots.iter().map(|snapshot| snapshot["id"].as_str().unwrap().to_owned()).collect()
}

fn json(home: &Home, arguments: &str, code: i32) -> Value {
    let run = home.run(&format!("{arguments} --output json")).code(code);
    serde_json::from_str(&stdout(&run)).unwrap_or_else(|error| panic!("{error}: {} {}", stdout(&run), stderr(&run)))
}

fn changes(view: &Value) -> Vec<(String, String, Vec<String>)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let differences = view["differences"].as_array().unwrap();
    let fields = |one: &Value| one["fields"].as_array().unwrap().iter().map(|field| text(&field["field"])).collect();
    differences.iter().map(|one| (text(&one["kind"]), text(&one["name"]), fields(one))).collect()
}

#[test]
fn two_snapshots_are_compared_without_opening_either() {
    let home = two_snapshots();
    let [first, second] = ids(&home).try_into().unwrap();
    std::fs::remove_dir_all(home.data().join("keys")).unwrap();
    let view = json(&home, &format!("diff {first} {second}"), 0);
    let expected = [
        ("changed", "/app/dev/a", vec!["value", "tags"]),
        ("deleted", "/app/dev/b", vec![]),
        ("created", "/app/dev/d", vec![]),
    ];
    let expected = expected.map(|(kind, name, fields)| {
        (kind.to_owned(), name.to_owned(), fields.into_iter().map(str::to_owned).collect::<Vec<_>>())
    });
    assert_eq!(changes(&view), expected);
    assert_eq!((&view["by_manifest"], &view["unchanged"]), (&true.into(), &1.into()));
    assert_eq!(view["before"]["id"], first);
    home.run(&format!("diff {first} {second} --exit-code")).code(4);
    home.run(&format!("diff {second} latest --exit-code")).code(0);
}

#[test]
fn a_person_reads_a_line_for_each_change_and_values_only_on_demand() {
    let home = two_snapshots();
    let first = &ids(&home)[0];
    let run = home.run(&format!("diff {first} latest")).success();
    let lines: Vec<Vec<String>> =
        stdout(&run).lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect();
    let said: Vec<_> = lines.iter().map(|line| [0, 1, 2, 4].map(|at| line[at].as_str())).collect();
    let expected = [
        ["changed", "/app/dev/a", "1 → 2", "value, tags"],
        ["deleted", "/app/dev/b", "1", ""],
        ["created", "/app/dev/d", "1", ""],
    ];
    assert_eq!(said, expected);
    assert!(stderr(&run).contains("1 created, 1 changed, 1 deleted, 1 unchanged"), "{}", stderr(&run));

    let details = home.run(&format!("diff {first} latest --details")).success();
    assert!(stdout(&details).contains("changed\t/app/dev/a\ttags\t\tteam=core\n"), "{}", stdout(&details));
    let revealed = home.run(&format!("diff {first} latest --reveal")).success();
    let line = format!("changed\t/app/dev/a\tvalue\t{CANARY} first\t{CANARY} second\n");
    assert!(stdout(&revealed).contains(&line), "{}", stdout(&revealed));
    for quiet in [&run, &details] {
        assert!(!stdout(quiet).contains(CANARY) && !stderr(quiet).contains(CANARY));
    }
}

#[test]
fn a_snapshot_is_compared_with_the_store_as_it_is_now() {
    let home = two_snapshots();
    assert_eq!(json(&home, "diff latest live --exit-code", 0)["equal"], true);
    home.run_with("parameter put /app/dev/c - --overwrite", "other").success();
    let view = json(&home, "diff latest live --exit-code", 4);
    assert_eq!(changes(&view), [("changed".into(), "/app/dev/c".into(), vec!["value".into()])]);
    assert_eq!((&view["after"]["kind"], &view["after"]["target"]["environment"]), (&"live".into(), &"dev".into()));
    assert_eq!(json(&home, "diff live latest --path /app/dev/x", 0)["differences"], Value::Array(Vec::new()));
    home.run("diff latest live --type String").code(2);
}

#[test]
fn two_environments_are_compared_by_a_map_also_as_they_are_now() {
    let home = Home::new();
    home.run("init").success();
    for (name, value) in [("dev/a", "same"), ("staging/a", "same"), ("dev/b", CANARY), ("staging/b", "other")] {
        home.run_with(&format!("parameter put /app/{name} - --type SecureString"), value).success();
    }
    home.run("backup -e dev").success();
    home.run("backup -e staging").success();
    let map = "--map /app/dev/=/app/staging/ --exit-code";
    let changed = [("changed".to_owned(), "/app/staging/b".to_owned(), vec!["value".to_owned()])];
    for sides in ["dev:latest staging:latest", "dev:latest staging:live", "dev:live staging:latest"] {
        let view = json(&home, &format!("diff {sides} {map}"), 4);
        assert_eq!((changes(&view).as_slice(), &view["unchanged"]), (changed.as_slice(), &1.into()), "{sides}: {view}");
    }
    let run = home.run(&format!("diff dev:latest staging:latest {map} --details")).code(4);
    assert!(!stdout(&run).contains(CANARY) && !stderr(&run).contains(CANARY));
    home.run("diff dev:latest staging:latest --map /app/dev=staging").code(2);
    let run = home.run("diff dev:latest nowhere:latest").code(1);
    assert!(stderr(&run).contains("no snapshot"), "{}", stderr(&run));
}

#[test]
fn a_file_of_the_old_pipeline_is_compared_with_a_snapshot() {
    let home = two_snapshots();
    let parameter = format!(
        r#"{{"Name":"/app/dev/a","Type":"SecureString","Value":"{CANARY} second","Version":2,
            "LastModifiedDate":"2025-10-15T12:00:45.760000+00:00","ARN":"arn:x","DataType":"text"}}"#
    );
    let header = r#""backup_date":"2025-10-15","backup_timestamp":"20251015_120045","environment":"dev""#;
    let document = format!(r#"{{{header},"parameters":[{parameter}],"parameter_count":1}}"#);
    std::fs::write(home.path().join("ssm-backup-dev-20251015_120045.json"), document).unwrap();
    let view = json(&home, "diff ssm-backup-dev-20251015_120045.json latest", 0);
    let kinds: Vec<_> = changes(&view).into_iter().map(|(kind, name, _)| (kind, name)).collect();
    assert_eq!(kinds, [("created".into(), "/app/dev/c".into()), ("created".into(), "/app/dev/d".into())]);
    assert_eq!((&view["unchanged"], &view["not_compared"]["tags"]), (&1.into(), &1.into()));
    assert!(!view.to_string().contains(CANARY));
}

#[test]
fn what_cannot_be_opened_is_refused_with_a_hint() {
    let home = two_snapshots();
    std::fs::remove_dir_all(home.data().join("keys")).unwrap();
    let run = home.run("diff latest live").code(1);
    assert!(stderr(&run).contains("--identity FILE"), "{}", stderr(&run));
    let run = home.run("diff latest nothing").code(2);
    assert!(stderr(&run).contains("names no snapshot"), "{}", stderr(&run));
}

#[test]
fn the_life_of_a_parameter_and_where_its_value_is_used() {
    let home = two_snapshots();
    let log = json(&home, "log /app/dev/a", 0);
    let events = log["events"].as_array().unwrap();
    let kinds: Vec<_> = events.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["created", "changed"]);
    assert!(events.iter().all(|event| event["by"].is_string()), "{log}");
    assert_eq!(events[1]["fields"], serde_json::json!(["value", "tags"]));
    let run = home.run("log /app/dev/").success();
    assert!(stdout(&run).lines().any(|line| line.contains("/app/dev/b") && line.contains("deleted (since")));
    home.run("parameter delete /app/dev/c --yes").success();
    let live = json(&home, "log /app/dev/c --live --closed", 0);
    assert_eq!(live["events"][1]["kind"], "deleted");
    home.run("log /app/nothing").code(3);

    home.run_with("parameter put /app/dev/e -", &format!("{CANARY} of d")).success();
    home.run("backup -e dev").success();
    let found = json(&home, "search --same-value-as /app/dev/d", 0);
    let names = |view: &Value| {
        let found = view["found"].as_array().unwrap();
        found.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&found), ["/app/dev/d", "/app/dev/e"]);
    assert_eq!(names(&json(&home, "search DEV/B --all", 0)), ["/app/dev/b"]);
    assert!(names(&json(&home, "search /app/*/b", 3)).is_empty(), "it is gone");
    assert!(!stdout(&run).contains(CANARY) && !log.to_string().contains(CANARY) && !found.to_string().contains(CANARY));
}
