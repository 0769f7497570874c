//! `parados status` on local folders.

use serde_json::Value;

use crate::parados::{Home, stderr, stdout};

const FILE: &str = "version: 1\nproject: jenkins\nstore: embedded\nrecipients: []\nrepository: backups\nenvironments:\n  dev: {}\n  \
                    prod: {repository: elsewhere}\n";

fn configured() -> Home {
    let home = Home::new();
    home.run("init").success();
    for name in ["/jenkins/dev/a", "/jenkins/prod/a"] {
        home.run_with(&format!("parameter put {name} -"), "value").success();
    }
    std::fs::write(home.path().join("parados.yaml"), FILE).unwrap();
    home
}

fn view(home: &Home, arguments: &str, code: i32) -> Value {
    let run = home.run(&format!("status --output json {arguments}")).code(code);
    serde_json::from_str(&stdout(&run)).unwrap_or_else(|error| panic!("{error}: {} {}", stdout(&run), stderr(&run)))
}

fn states(view: &Value) -> Vec<(&str, &str)> {
    let repositories = view["repositories"].as_array().unwrap().iter();
    let targets = repositories.flat_map(|report| report["targets"].as_array().unwrap());
    targets.map(|one| (one["environment"].as_str().unwrap(), one["state"].as_str().unwrap())).collect()
}

#[test]
fn every_environment_of_the_file_is_looked_at_in_its_repository() {
    let home = configured();
    let nothing = view(&home, "", 5);
    assert_eq!(
        (states(&nothing), &nothing["verdict"]),
        (vec![("dev", "missing"), ("prod", "missing")], &"stale".into())
    );
    home.run("backup --environment dev").success();
    assert_eq!(states(&view(&home, "", 5)), [("dev", "current"), ("prod", "missing")]);
    assert_eq!(states(&view(&home, "--environment dev", 0)), [("dev", "current")]);
    home.run("backup --environment prod").success();
    let all = view(&home, "", 0);
    assert_eq!(all["verdict"], "current");
    let newest = &all["repositories"][0]["targets"][0]["newest"];
    assert_eq!((&newest["sequence"], &newest["parameter_count"]), (&1.into(), &1.into()));
    let text = stdout(&home.run("status").success());
    assert!(text.contains("jenkins/prod\t000000000000/embedded\tcurrent\t"), "{text}");
}

#[test]
fn an_old_snapshot_is_code_5_and_a_place_that_cannot_be_read_is_code_1() {
    let home = configured();
    for environment in ["dev", "prod"] {
        home.run(&format!("backup --environment {environment}")).success();
    }
    let future = home.run("status --max-age 0h").code(2);
    assert!(stderr(&future).contains("26h, 90m or 7d"), "{}", stderr(&future));
    std::fs::write(home.path().join("elsewhere/parados.json"), "not JSON").unwrap();
    let view = view(&home, "", 1);
    assert_eq!((states(&view), &view["verdict"]), (vec![("dev", "current")], &"failed".into()));
    assert_eq!(view["unread"][0]["environments"][0], "prod");
    let run = home.run("status --prometheus -").code(1);
    assert!(stdout(&run).contains("parados_repository_readable{environments=\"prod\"} 0\n"), "{}", stdout(&run));
    assert!(stderr(&run).contains("parados.json"), "{}", stderr(&run));
}

#[test]
fn damage_is_named_with_what_to_do_and_metrics_are_written_all_the_same() {
    let home = configured();
    home.run("backup --environment dev").success();
    let report: Value =
        serde_json::from_str(&stdout(&home.run("backup --environment dev --output json").success())).unwrap();
    std::fs::remove_file(home.path().join("backups").join(report["key"].as_str().unwrap())).unwrap();
    let run = home.run("status --environment dev --prometheus metrics.prom").code(5);
    assert!(stdout(&run).contains("wrong: jenkins/dev in 000000000000/embedded: snapshot "), "{}", stdout(&run));
    assert!(stderr(&run).contains("hint: "), "{}", stderr(&run));
    let metrics = std::fs::read_to_string(home.path().join("metrics.prom")).unwrap();
    let current = metrics.lines().find(|line| line.starts_with("parados_target_current{")).unwrap();
    assert!(current.contains("environment=\"dev\"") && current.ends_with("} 0"), "{current}");
    let view = view(&home, "--environment dev", 5);
    assert_eq!(view["repositories"][0]["targets"][0]["problems"][0]["kind"], "document-missing");
    assert_eq!(view["repositories"][0]["targets"][0]["newest"]["sequence"], 1);
}

#[test]
fn a_snapshot_of_another_signer_is_not_good_where_somebody_is_trusted() {
    let home = configured();
    home.run("backup --environment dev").success();
    let theirs = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    let ours = home.data().join("keys/signing_ed25519");
    std::fs::write(home.path().join("signers"), theirs).unwrap();
    home.run(&format!("status --environment dev --trusted-signer signers --signing-key {}", ours.display())).success();
    std::fs::rename(&ours, home.path().join("away")).unwrap();
    home.run("status --environment dev").success();
    let view = view(&home, "--environment dev --trusted-signer signers", 5);
    assert_eq!(states(&view), [("dev", "missing")]);
    assert_eq!(view["repositories"][0]["targets"][0]["problems"][0]["kind"], "not-trusted");
}

#[test]
fn without_a_file_the_repository_says_what_there_is() {
    let home = Home::new();
    home.run("init").success();
    let run = home.run("status").code(5);
    assert!(stdout(&run).contains("no snapshots"), "{}", stdout(&run));
    home.run_with("parameter put /x/dev/a -", "value").success();
    home.run("backup --environment dev").success();
    assert_eq!(states(&view(&home, "", 0)), [("dev", "current")]);
    assert_eq!(states(&view(&home, "--environment stage", 5)), [("stage", "missing")]);
}

/// The parser that Prometheus's own client for Python has.
#[test]
fn the_metrics_are_read_by_a_parser_of_prometheus_s_format() {
    const READ: &str = "import json, sys\n\
        from prometheus_client.parser import text_string_to_metric_families as parse\n\
        families = {f.name: [[s.name, s.labels, s.value] for s in f.samples] for f in parse(sys.stdin.read())}\n\
        print(json.dumps(families))";
    let home = configured();
    home.run("backup --environment dev").success();
    let run = home.run("status --prometheus -").code(5);
    let mut python = testkit::python();
    python.args(["-c", READ]).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut python = python.spawn().unwrap();
    std::io::Write::write_all(&mut python.stdin.take().unwrap(), stdout(&run).as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", stdout(&run));
    let families: Value = serde_json::from_slice(&output.stdout).unwrap();
    let samples = |family: &str| families[family].as_array().unwrap_or_else(|| panic!("{family}: {families}")).clone();
    let current = samples("parados_target_current");
    let of = |environment: &str| {
        let found = current.iter().find(|sample| sample[1]["environment"] == environment);
        found.unwrap_or_else(|| panic!("{environment}: {families}"))[2].as_f64().unwrap()
    };
    assert_eq!((of("dev"), of("prod")), (1.0, 0.0), "{families}");
    for family in ["parados_status_timestamp_seconds", "parados_snapshot_timestamp_seconds", "parados_snapshot_bytes"] {
        assert!(samples(family)[0][2].as_f64().unwrap() > 0.0, "{family}: {families}");
    }
    // Each family that is in the text is one that the parser found, with a sample.
    let named = stdout(&run).lines().filter(|line| line.starts_with("# TYPE ")).count();
    assert_eq!(families.as_object().unwrap().len(), named, "{families}");
}
