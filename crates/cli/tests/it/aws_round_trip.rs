//! From one kind of store into the other and back: what a snapshot holds is what the other store has.

use serde_json::Value;
use testkit::{Moto, aws_cli};

use crate::parados::{Home, stdout};

/// It bears a policy, by which it expires.
const TOKEN: &str = "/shop/prod/partners/catalogue-token";

#[test]
fn what_comes_from_an_embedded_store_is_as_it_was_in_aws_and_back_again() {
    let (moto, home) = (Moto::start(), Home::new());
    home.run("demo").success();
    let folder = home.path().join("parados-demo");
    let parados = |arguments: &str| {
        let mut command = home.command();
        command.envs(moto.env()).current_dir(&folder).args(arguments.split_whitespace());
        command
    };
    let says = |arguments: &str| stdout(&parados(arguments).assert().success());
    let aws = |arguments: &str| -> Value {
        let output = aws_cli(&moto).args(arguments.split_whitespace()).output().unwrap();
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };

    says("restore plan latest -e prod --into aws --with-history --unlimited --out plan.json");
    // The plan names its store, though the environment's own is another one.
    let apply = ["restore", "apply", "plan.json", "--yes", "--unlimited"];
    let applied = home.command().envs(moto.env()).current_dir(&folder).args(apply).assert().success();
    assert!(stdout(&applied).contains("complete: 30 done"), "{}", stdout(&applied));
    let again = says("restore plan latest -e prod --into aws --with-history --exit-code");
    assert!(again.contains("Nothing to do: 30 unchanged"), "{again}");

    // The AWS CLI sees what the store has.
    let history = aws("ssm get-parameter-history --name /shop/prod/deploy/release");
    let versions = history["Parameters"].as_array().unwrap();
    assert_eq!(versions.len(), 3, "{history}");
    assert!(versions[2]["Labels"].as_array().unwrap().contains(&"stable".into()), "{history}");
    let tags = aws("ssm list-tags-for-resource --resource-type Parameter --resource-id /shop/prod/db/password");
    assert!(tags.to_string().contains("platform"), "{tags}");
    let policies = || {
        let listed = aws(&format!("ssm describe-parameters --filters Key=Name,Values={TOKEN}"));
        listed["Parameters"][0]["Policies"].clone()
    };
    let put = policies();
    assert_eq!(put[0]["PolicyType"], "Expiration", "{put}");
    assert!(put[0]["PolicyText"].as_str().unwrap().contains("Timestamp"), "{put}");
    let kept = aws("ssm get-parameter --name /shop/prod/db/password --with-decryption");
    assert_eq!(kept["Parameter"]["Type"], "SecureString");

    // And back: a snapshot of AWS says of the store that it came from that there is nothing to do.
    let repository = format!("--repository file://{}", home.path().join("second").display());
    says(&format!(
        "backup --project second -e prod --store aws {repository} --recipient none --name-contains /prod/ --with-history"
    ));
    let store = folder.join("store");
    let back = says(&format!(
        "restore plan latest --project second -e prod {repository} --into embedded:{} --with-history --exit-code --path /shop",
        store.display()
    ));
    assert!(back.contains("Nothing to do: 30 unchanged"), "{back}");

    // What is gone from AWS comes back there with its policy, as it was.
    let deleted = aws_cli(&moto).args(["ssm", "delete-parameter", "--name", TOKEN]).status().unwrap();
    assert!(deleted.success() && policies().is_null());
    let flags = format!("--project second -e prod --store aws {repository} --unlimited");
    says(&format!("restore plan latest {flags} --out lost.json"));
    let apply = "restore apply lost.json --yes --unlimited";
    assert!(says(apply).contains("complete: 1 done"));
    assert_eq!(policies(), put);
    let again = says(&format!("restore plan latest {flags} --exit-code"));
    assert!(again.contains("Nothing to do: "), "{again}");
}
