//! A repository in Azure's Blob Storage, which Azurite plays.

use std::fs;

use testkit::Azurite;

use crate::cloud::Cloud;
use crate::parados::{Home, stdout};

#[test]
fn a_repository_in_azure_does_everything() {
    let azure = Azurite::start();
    azure.make_container("backups");
    Cloud::new("az://backups/parados", azure.env()).does_everything("az://backups/copy");
}

#[test]
fn two_first_backups_into_azure_at_once_make_one_repository() {
    let azure = Azurite::start();
    azure.make_container("backups");
    Cloud::new("az://backups", azure.env()).takes_two_at_once();
}

#[test]
fn what_azure_refuses_is_said_with_what_to_do() {
    let azure = Azurite::start();
    let cloud = Cloud::new("az://nobody-made-this", azure.env());
    cloud.run("backup -e dev", 1);
    let mut stranger = Cloud::new("az://backups", azure.env());
    azure.make_container("backups");
    for (name, value) in &mut stranger.env {
        if *name == "AZURE_STORAGE_ACCOUNT_KEY" {
            *value = "AAAA".repeat(21) + "AA==";
        }
    }
    stranger.run("backup -e dev", 1);
    stranger.env.retain(|(name, _)| *name != "AZURE_STORAGE_ACCOUNT_NAME");
    stranger.run("backup -e dev", 2);
}

#[test]
fn a_container_is_declared_made_and_backed_up_into() {
    let azure = Azurite::start();
    let home = Home::new();
    home.run("init").success();
    home.run_with("parameter put /shop/dev/key - --store embedded", "one").success();
    fs::create_dir(home.path().join("infra")).unwrap();
    let declaration = "version: 1\nresources:\n  backups:\n    kind: azure:storage:Container\n    account: devstoreaccount1\n    \
                       name: \"{{ project }}-{{ environment }}\"\n";
    fs::write(home.path().join("infra/backups.yaml"), declaration).unwrap();
    let run = |arguments: &str| {
        let mut command = home.command();
        command.envs(azure.env()).args(arguments.split_whitespace());
        let stack = ["--project", "shop", "--environment", "dev", "--store", "embedded", "--output", "json"];
        stdout(&command.args(stack).assert().success())
    };
    assert!(run("infra up --yes").contains(r#""verdict": "complete""#));
    assert!(run("backup --repository az://shop-dev").contains(r#""verdict": "complete""#));
    assert!(run("infra preview").contains(r#""changes": []"#));
}
