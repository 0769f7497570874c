//! What is generated and checked in is what the binary generates. `UPDATE=1` writes it anew.

use std::path::{Path, PathBuf};

use rstest::rstest;

use crate::parados::{Home, stdout};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn check(file: &str, generated: &str) {
    let path = workspace().join(file);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, generated).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(stored == generated, "{file} is not what `parados` generates; run the test with UPDATE=1 and commit it");
}

#[rstest]
#[case("schemas/parados.schema.json", "schema config")]
#[case("schemas/error.schema.json", "schema error")]
#[case("schemas/store-export.schema.json", "schema store-export")]
#[case("schemas/store-rekey.schema.json", "schema store-rekey")]
#[case("schemas/parameter-put.schema.json", "schema parameter-put")]
#[case("schemas/parameter-get.schema.json", "schema parameter-get")]
#[case("schemas/parameter-list.schema.json", "schema parameter-list")]
#[case("schemas/parameter-history.schema.json", "schema parameter-history")]
#[case("schemas/parameter-label.schema.json", "schema parameter-label")]
#[case("schemas/parameter-unlabel.schema.json", "schema parameter-unlabel")]
#[case("schemas/parameter-tag.schema.json", "schema parameter-tag")]
#[case("schemas/parameter-untag.schema.json", "schema parameter-untag")]
#[case("schemas/parameter-delete.schema.json", "schema parameter-delete")]
#[case("schemas/backup.schema.json", "schema backup")]
#[case("schemas/event.schema.json", "schema event")]
#[case("schemas/snapshots.schema.json", "schema snapshots")]
#[case("schemas/show.schema.json", "schema show")]
#[case("schemas/diff.schema.json", "schema diff")]
#[case("schemas/log.schema.json", "schema log")]
#[case("schemas/search.schema.json", "schema search")]
#[case("schemas/copy.schema.json", "schema copy")]
#[case("schemas/key-change.schema.json", "schema key-change")]
#[case("schemas/key-check.schema.json", "schema key-check")]
#[case("schemas/verify.schema.json", "schema verify")]
#[case("schemas/import.schema.json", "schema import")]
#[case("schemas/prune.schema.json", "schema prune")]
#[case("schemas/lock.schema.json", "schema lock")]
#[case("schemas/status.schema.json", "schema status")]
#[case("schemas/restore-plan.schema.json", "schema restore-plan")]
#[case("schemas/restore-apply.schema.json", "schema restore-apply")]
#[case("schemas/drill.schema.json", "schema drill")]
#[case("schemas/doctor.schema.json", "schema doctor")]
#[case("schemas/demo.schema.json", "schema demo")]
#[case("schemas/init.schema.json", "schema init")]
#[case("schemas/infra.schema.json", "schema infra")]
#[case("schemas/infra-preview.schema.json", "schema infra-preview")]
#[case("schemas/infra-up.schema.json", "schema infra-up")]
#[case("schemas/infra-outputs.schema.json", "schema infra-outputs")]
#[case("docs/cli.md", "reference")]
fn generated_files_do_not_drift(#[case] file: &str, #[case] arguments: &str) {
    check(file, &stdout(&Home::new().run(arguments).success()));
}

#[test]
fn a_configuration_fits_the_schema() {
    let schema = serde_json::from_str(&stdout(&Home::new().run("schema config").success())).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let text = std::fs::read_to_string(workspace().join("crates/cli/tests/config/whole.yaml")).unwrap();
    let instance: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
    let problems: Vec<_> = validator.iter_errors(&instance).map(|error| error.to_string()).collect();
    assert!(problems.is_empty(), "{problems:#?}");
    assert!(!validator.is_valid(&serde_json::json!({"version": 1, "project": "a", "environments": {}, "colour": 1})));
}

#[test]
fn every_shell_and_every_page_is_generated() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = stdout(&home.run(&format!("completions {shell}")).success());
        assert!(script.contains("completions"), "{shell}");
    }
    home.run("man --dir man").success();
    let page = std::fs::read_to_string(home.path().join("man/parados.1")).unwrap();
    assert!(page.contains("Exit codes"), "{page}");
}
