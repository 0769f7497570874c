//! Every command on a store in PostgreSQL, as on the embedded one, and from one into the other and back.

use assert_cmd::assert::Assert;
use serde_json::Value;
use testkit::Postgres;

use crate::parados::{Home, stderr, stdout};

const CANARY: &str = "canary-pg-5f1c";

/// A home, and a server with an empty database.
struct Scene {
    home: Home,
    postgres: Postgres,
    url: String,
}

impl Scene {
    fn new() -> Self {
        let postgres = Postgres::start();
        let url = postgres.new_database();
        Self { home: Home::new(), postgres, url }
    }

    /// Runs `parados` where the environment names the database.
    fn run(&self, arguments: &str) -> Assert {
        self.run_with(arguments, "")
    }

    fn run_with(&self, arguments: &str, stdin: &str) -> Assert {
        let mut command = self.home.command();
        command.env("PARADOS_DATABASE_URL", &self.url).args(arguments.split_whitespace()).write_stdin(stdin);
        command.assert()
    }

    fn json(&self, arguments: &str) -> Value {
        let said = stdout(&self.run(&format!("{arguments} --output json")).success());
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
    }
}

/// A scene whose database has four parameters with all that parameters can have.
fn filled() -> Scene {
    let scene = Scene::new();
    let made = scene.run("init --store postgres").success();
    assert!(stdout(&made).contains("store") && scene.home.data().join("keys/database.master.key").exists());
    let put =
        "parameter put --store postgres /shop/dev/password --type SecureString --description secret --tag team=blue";
    scene.run_with(put, CANARY).success();
    scene.run_with("parameter put --store postgres /shop/dev/host --type String", "one").success();
    scene.run_with("parameter put --store postgres /shop/dev/host --overwrite", "two").success();
    scene.run("parameter label --store postgres /shop/dev/host --parameter-version 1 live").success();
    scene.run_with("parameter put --store postgres /shop/dev/list --type StringList", "a,b").success();
    scene
}

#[test]
fn a_store_in_postgresql_is_backed_up_verified_drilled_and_restored() {
    let scene = filled();
    let backup = scene.json("backup --store postgres --environment dev --with-history");
    assert_eq!(backup["verdict"], "complete", "{backup}");
    assert_eq!(backup["target"]["store"], "postgres", "{backup}");
    scene.run("verify latest --live --store postgres --environment dev").success();
    scene.run("diff latest live --store postgres --environment dev --exit-code").success();
    scene.run("doctor --store postgres --environment dev").success();
    let drill = scene.json("drill --store postgres --environment dev");
    assert_eq!(drill["verdict"], "passed", "{drill}");
    let drill = scene.json("drill --store postgres --into postgres --environment dev");
    assert_eq!((&drill["verdict"], &drill["into"]["kind"]), (&"passed".into(), &"postgres".into()), "{drill}");

    scene.run_with("parameter put --store postgres /shop/dev/password --overwrite", "rotated").success();
    scene.run("parameter delete --store postgres /shop/dev/list --yes").success();
    scene.run("diff latest live --store postgres --environment dev --exit-code").code(4);
    scene.run("verify latest --live --store postgres --environment dev").code(4);
    // The plan says which database it is of, and is applied where nothing else does.
    scene.run("restore plan latest --store postgres --environment dev --with-history --out plan.json").success();
    let plan = std::fs::read_to_string(scene.home.path().join("plan.json")).unwrap();
    assert!(plan.contains("postgres://postgres@localhost:5432/test_0?host=") && !plan.contains(CANARY), "{plan}");
    let applied = scene.run("restore apply plan.json --yes").success();
    assert!(!stdout(&applied).contains(CANARY), "{}", stdout(&applied));
    let again =
        scene.run("restore plan latest --store postgres --environment dev --with-history --exit-code").success();
    assert!(stdout(&again).contains("Nothing to do: 3 unchanged"), "{}", stdout(&again));
    let value =
        || scene.json("parameter get --store postgres /shop/dev/password --reveal")["Parameter"]["Value"].clone();
    assert_eq!(value(), CANARY);
    scene.run("restore undo --yes").success();
    assert_eq!(value(), "rotated");
}

#[test]
fn what_comes_from_postgresql_is_as_it_was_in_the_embedded_store_and_back_again() {
    let scene = filled();
    let folder = scene.home.path().join("embedded");
    let embedded = format!("embedded:{}", folder.display());
    scene.run(&format!("init --store {embedded}")).success();
    scene.run("backup --store postgres --environment dev --with-history").success();
    let into = |store: &str| format!("restore plan latest --environment dev --with-history --into {store}");
    scene.run(&format!("{} --out plan.json", into(&embedded))).success();
    scene.run("restore apply plan.json --yes").success();
    let again = scene.run(&format!("{} --exit-code", into(&embedded))).success();
    assert!(stdout(&again).contains("Nothing to do: 3 unchanged"), "{}", stdout(&again));

    // And into another database, and another account and Region of it.
    scene.run(&format!("backup --project second --environment dev --store {embedded} --with-history")).success();
    let other = format!("{}&account=123456789012&region=eu-west-1", scene.postgres.new_database());
    let key = scene.home.path().join("other.key");
    let key = key.display();
    scene.run(&format!("store init --database {other} --master-key {key}")).success();
    let into = format!(
        "restore plan latest --project second --environment dev --with-history --into {other} --master-key {key}"
    );
    scene.run(&format!("{into} --out second.json")).success();
    scene.run(&format!("restore apply second.json --yes --master-key {key}")).success();
    let again = scene.run(&format!("{into} --exit-code")).success();
    assert!(stdout(&again).contains("Nothing to do: 3 unchanged"), "{}", stdout(&again));
    let arn = scene.json(&format!("parameter get /shop/dev/host --store {other} --master-key {key}"));
    assert_eq!(arn["Parameter"]["ARN"], "arn:aws:ssm:eu-west-1:123456789012:parameter/shop/dev/host", "{arn}");
    let places = scene.postgres.psql("test_1", "SELECT DISTINCT account, region FROM parameter");
    assert_eq!(places, "123456789012|eu-west-1\n");
}

#[test]
fn a_password_comes_from_the_environment_and_is_never_said() {
    let scene = filled();
    scene.postgres.psql("postgres", "CREATE ROLE ada LOGIN PASSWORD 'hunter2'; GRANT ALL ON DATABASE test_0 TO ada");
    scene.postgres.psql("test_0", "GRANT ALL ON ALL TABLES IN SCHEMA public TO ada");
    let port = scene.postgres.listen("host all all 127.0.0.1/32 scram-sha-256", None);
    let (with, without) =
        (format!("postgres://ada:hunter2@127.0.0.1:{port}/test_0"), format!("postgres://ada@127.0.0.1:{port}/test_0"));
    let list = |store: &str, variables: &[(&str, &str)]| {
        let mut command = scene.home.command();
        command.envs(variables.iter().copied()).args(["parameter", "list", "--store", store]).assert()
    };
    for (store, variables) in [
        ("postgres", ("PARADOS_DATABASE_URL", with.as_str())),
        (without.as_str(), ("PARADOS_DATABASE_URL", with.as_str())),
        (without.as_str(), ("PGPASSWORD", "hunter2")),
    ] {
        assert!(stdout(&list(store, &[variables]).success()).contains("/shop/dev/host"));
    }
    let refused = list(&with, &[]).code(2);
    assert!(stderr(&refused).contains("PARADOS_DATABASE_URL"), "{}", stderr(&refused));
    let wrong = with.replace("hunter2", "hunter2-wrong");
    for refused in [
        refused,
        list("postgres", &[("PARADOS_DATABASE_URL", &wrong)]).code(1),
        list("postgres", &[("PARADOS_DATABASE_URL", "mysql://ada:hunter2@127.0.0.1/x")]).code(2),
        list("postgres", &[]).code(2),
    ] {
        let said = stdout(&refused) + &stderr(&refused);
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn a_configuration_names_a_database_without_its_password() {
    let scene = filled();
    let yaml = "version: 1\nproject: shop\nstore: postgres\nenvironments:\n  dev:\n";
    std::fs::write(scene.home.path().join("parados.yaml"), yaml).unwrap();
    scene.run("backup --environment dev").success();
    let status = scene.json("status --environment dev");
    assert!(status.to_string().contains("000000000000"), "{status}");
    let yaml = yaml.replace("store: postgres", "store: postgres://ada:hunter2@localhost/shop");
    std::fs::write(scene.home.path().join("parados.yaml"), yaml).unwrap();
    let refused = scene.run("backup --environment dev").code(2);
    assert!(
        stderr(&refused).contains("PARADOS_DATABASE_URL") && !stderr(&refused).contains("hunter2"),
        "{}",
        stderr(&refused)
    );
}
