//! What `deploy/` holds is what it says.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn deploy(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(file)
}

fn text(file: &str) -> String {
    std::fs::read_to_string(deploy(file)).unwrap()
}

/// Where there is systemd, it says what the unit may do: at most 2 of 10.
#[test]
fn the_unit_is_shut_in() {
    let unit = text("systemd/parados-store.service");
    for line in
        ["DynamicUser=yes", "NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet=", "UMask=0077"]
    {
        assert!(unit.lines().any(|found| found == line), "{line}");
    }
    let analyze = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--threshold=20"])
        .arg(deploy("systemd/parados-store.service"))
        .output();
    if let Ok(output) = analyze {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn the_image_is_for_nobody_in_particular_and_has_no_shell() {
    let dockerfile = text("docker/Dockerfile");
    let last = dockerfile.rsplit("\nFROM ").next().unwrap();
    assert!(last.starts_with("gcr.io/distroless/cc-debian12:nonroot\n"), "{last}");
    assert!(last.contains("\nUSER 65532:65532\n") && last.contains("\nSTOPSIGNAL SIGTERM\n"), "{last}");
    assert!(last.contains("\nENTRYPOINT [\"/usr/local/bin/parados\"]\n") && !last.contains("\nRUN "), "{last}");
}

#[test]
fn the_chart_s_values_fit_their_schema() {
    let schema: Value = serde_json::from_str(&text("helm/parados/values.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let values: Value = serde_saphyr::from_str(&text("helm/parados/values.yaml")).unwrap();
    let problems: Vec<_> = validator.iter_errors(&values).map(|error| error.to_string()).collect();
    assert!(problems.is_empty(), "{problems:#?}");
    let mut wrong = values.clone();
    wrong["replicaCount"] = 0.into();
    assert!(!validator.is_valid(&wrong));
    wrong = values;
    wrong["imagee"] = "x".into();
    assert!(!validator.is_valid(&wrong));
}

/// Every value that a template names is one, and every one is named.
#[test]
fn the_chart_s_templates_name_the_values_that_there_are() {
    let values: Value = serde_saphyr::from_str(&text("helm/parados/values.yaml")).unwrap();
    let mut templates = String::new();
    for file in std::fs::read_dir(deploy("helm/parados/templates")).unwrap() {
        templates += &std::fs::read_to_string(file.unwrap().path()).unwrap();
    }
    let named: Vec<&str> = templates
        .split(".Values.")
        .skip(1)
        .map(|rest| rest.split(|at: char| !at.is_ascii_alphanumeric() && at != '.').next().unwrap())
        .collect();
    for name in &named {
        let found = name.split('.').try_fold(&values, |value, key| value.get(key));
        assert!(found.is_some(), "values.yaml has no {name}");
    }
    for key in values.as_object().unwrap().keys() {
        assert!(named.iter().any(|name| name.split('.').next() == Some(key)), "no template names {key}");
    }
    for (opened, closed) in [("{{", "}}"), ("{{- if", "{{- end"), ("{{- define", "{{- end -}}")] {
        let count = |text: &str| templates.matches(text).count();
        assert!(count(opened) <= count(closed), "{opened}");
    }
}
