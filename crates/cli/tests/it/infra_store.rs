//! `parados infra` where there is no AWS: a folder and a parameter that names it, with the inventory in a store of our own.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use rstest::rstest;
use serde_json::{Value, json};
use testkit::Postgres;

use crate::infra::changes;
use crate::parados::{Home, stdout};

/// Where the store is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Embedded,
    Postgres,
}

struct Scene {
    home: Home,
    store: &'static str,
    database: Option<(Postgres, String)>,
}

impl Scene {
    fn new(place: Place) -> Self {
        let database = (place == Place::Postgres).then(|| {
            let postgres = Postgres::start();
            let url = postgres.new_database();
            (postgres, url)
        });
        let store = if place == Place::Postgres { "postgres" } else { "embedded" };
        let scene = Self { home: Home::new(), store, database };
        scene.run("init", 0);
        let folder = scene.folder();
        let declaration = json!({"version": 1, "resources": {
            "folder": {"kind": "local:Folder", "path": folder},
            "place": {
                "kind": "parados:store:Parameter", "name": "/{{ project }}/{{ environment }}/backup/folder",
                "value": "{{ resources.folder.url }}", "tags": {"team": "core"},
            },
        }});
        fs::create_dir(scene.home.path().join("infra")).unwrap();
        fs::write(scene.home.path().join("infra/folder.yaml"), declaration.to_string()).unwrap();
        scene
    }

    fn folder(&self) -> std::path::PathBuf {
        self.home.path().join("backups")
    }

    fn run(&self, arguments: &str, code: i32) -> String {
        let mut command = self.home.command();
        command.envs(self.database.iter().map(|(_, url)| ("PARADOS_DATABASE_URL", url)));
        let run = command.args(arguments.split_whitespace()).args(["--store", self.store]).assert().code(code);
        stdout(&run)
    }

    fn infra(&self, arguments: &str, code: i32) -> Value {
        let said = self.run(&format!("infra {arguments} --project shop --environment dev --output json"), code);
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
    }
}

#[rstest]
#[case::in_a_file(Place::Embedded)]
#[case::in_postgresql(Place::Postgres)]
fn a_stack_without_aws_is_kept_with_its_inventory_in_a_store_of_ours(#[case] place: Place) {
    let scene = Scene::new(place);
    assert_eq!(changes(&scene.infra("preview", 0)), [("folder", "create"), ("place", "create")]);
    assert_eq!(scene.infra("up --yes", 0)["verdict"], "complete");
    let value = scene.run("parameter get /shop/dev/backup/folder --reveal", 0);
    assert!(value.contains(&format!("file://{}", scene.folder().display())), "{value}");
    assert_eq!(changes(&scene.infra("preview", 0)), []);

    fs::set_permissions(scene.folder(), fs::Permissions::from_mode(0o755)).unwrap();
    scene.run("parameter delete /shop/dev/backup/folder --yes", 0);
    assert_eq!(changes(&scene.infra("refresh", 4)), [("folder", "update"), ("place", "create")]);
    scene.infra("refresh --repair --yes", 0);
    assert_eq!(fs::metadata(scene.folder()).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(changes(&scene.infra("refresh", 0)), []);

    fs::write(scene.folder().join("snapshot"), "x").unwrap();
    let plan = scene.infra("destroy --yes", 1);
    assert_eq!(changes(&plan), [("folder", "refuse"), ("place", "delete")], "{plan}");
    scene.infra("destroy --yes --with-snapshots", 0);
    assert!(!scene.folder().exists());
    let names = scene.run("parameter list", 0);
    assert!(!names.contains("/shop/dev/") && !names.contains("/inventory/"), "{names}");
}
