//! What `deploy/` holds is what it says.

use std::path::{Path, PathBuf};
use std::process::Command;

use rstest::rstest;
use serde_json::{Value, json};
use testkit::{Postgres, helm, python, tool};

use crate::parados::{Home, stdout};
use crate::serve::Server;

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

/// What the chart makes of some values.
fn rendered(mut helm: Command, settings: &[&str]) -> Vec<Value> {
    helm.args(["template", "shop"]).arg(deploy("helm/parados"));
    helm.args(settings.iter().flat_map(|setting| ["--set", setting]));
    let output = helm.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    serde_saphyr::from_multiple(&text).unwrap()
}

/// Helm's own checks, and Kubernetes' schemas of what comes out.
#[rstest]
#[case::behind_something_with_tls(&["insecureHttp=true", "existingSecret=parados"], 5)]
#[case::with_everything(
    &[
        "tls.secretName=tls",
        "existingSecret=parados",
        "podMonitor.enabled=true",
        "podMonitor.labels.release=prometheus",
        "networkPolicy.from[0].podSelector.matchLabels.app=shop",
        "networkPolicy.metricsFrom[0].namespaceSelector.matchLabels.name=monitoring",
        "extraArgs[0]=--quotas=aws",
        "imagePullSecrets[0].name=registry",
        "nodeSelector.disk=ssd",
        "tolerations[0].operator=Exists",
        "serviceAccount.annotations.role=arn",
        "service.annotations.internal=yes",
        "podAnnotations.a=b",
    ],
    6
)]
#[case::with_little(
    &["insecureHttp=true", "existingSecret=p", "networkPolicy.enabled=false", "podDisruptionBudget.enabled=false"],
    3
)]
fn the_chart_makes_what_kubernetes_takes(#[case] settings: &[&str], #[case] count: usize) {
    const VALIDATE: &str = "import json, sys, kubernetes_validate\n\
                            for one in json.load(sys.stdin):\n    \
                                kubernetes_validate.validate(one, '1.37', strict=True)";
    let (Some(mut lint), Some(helm)) = (helm(), helm()) else { return };
    lint.args(["lint", "--strict"]).arg(deploy("helm/parados"));
    lint.args(settings.iter().flat_map(|setting| ["--set", setting]));
    let output = lint.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let mut made = rendered(helm, settings);
    assert_eq!(made.len(), count);
    // A PodMonitor is Prometheus' own.
    made.retain(|one| one["kind"] != "PodMonitor");
    let validate =
        assert_cmd::Command::from_std(python()).args(["-c", VALIDATE]).write_stdin(json!(made).to_string()).assert();
    validate.success();
}

#[test]
fn the_chart_refuses_values_in_the_clear() {
    let Some(mut helm) = helm() else { return };
    let output = helm.args(["template", "shop"]).arg(deploy("helm/parados")).output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("set tls.secretName, or insecureHttp: true"));
}

/// The command of the chart's pods, but for the addresses, serves what a database has.
#[test]
fn the_chart_s_command_serves() {
    let Some(helm) = helm() else { return };
    let (home, postgres) = (Home::new(), Postgres::start());
    let database = postgres.new_database() + "&account=123456789012&region=eu-west-1";
    let made = rendered(helm, &["insecureHttp=true", "existingSecret=parados"]);
    let pod = &made.iter().find(|one| one["kind"] == "Deployment").unwrap()["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let place = ["--database", &database, "--master-key", "master.key"];
    home.command().args(["store", "init"]).args(place).assert().success();
    let create = ["store", "key", "create", "shop", "--account", "123456789012", "--output", "json"];
    let key = stdout(&home.command().args(create).args(place).assert().success());
    let key: Value = serde_json::from_str(&key).unwrap();
    let arguments: Vec<String> =
        container["args"].as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect();
    assert_eq!(arguments[..4], ["store", "serve", "--listen=0.0.0.0:4773", "--admin-listen=0.0.0.0:4774"]);
    let mount = container["volumeMounts"][0]["mountPath"].as_str().unwrap();
    let arguments: Vec<String> =
        arguments[4..].iter().map(|one| one.replace(mount, home.path().to_str().unwrap())).collect();
    assert_eq!(container["env"][0]["name"], "PARADOS_DATABASE_URL");
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let server = Server::start_in(&home, &arguments, &[("PARADOS_DATABASE_URL", database.clone())]);
    let text = |name: &str| key[name].as_str().unwrap();
    let call = |call: &[&str]| server.aws_as(text("access_key_id"), text("secret_access_key"), call).unwrap();
    call(&["ssm", "put-parameter", "--name", "/shop/a", "--value", "b", "--type", "String"]);
    assert_eq!(call(&["ssm", "get-parameter", "--name", "/shop/a"])["Parameter"]["Value"], "b");
    assert!(server.stop().success());
}

/// What the image has is what the program needs: the C library, its mathematics, and the compiler's.
#[test]
fn the_program_needs_no_library_that_the_image_does_not_have() {
    let output = tool("ldd").arg(env!("CARGO_BIN_EXE_parados")).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("libc.so."), "{said}");
    for line in said.lines() {
        let name = line.split_whitespace().next().unwrap().rsplit('/').next().unwrap();
        let known = ["libc.so.", "libm.so.", "libgcc_s.so.", "ld-linux", "linux-vdso."];
        assert!(known.iter().any(|known| name.starts_with(known)), "{said}");
    }
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
