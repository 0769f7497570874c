//! `parados infra preview --graph`.

use std::fs;

use crate::infra::{Account, BUCKET};

#[test]
fn a_plan_is_a_picture_too() {
    let account = Account::new();
    let (svg, _) = account.run("infra preview --environment dev --graph", 0);
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n") && svg.contains("3 create"), "{svg}");
    account.infra("up --yes", 0);
    account.declare("versioning: true", "versioning: true\n    ownership: ObjectWriter");
    account.declare("backup/{{ region }}/s3-bucket-name", "backup/{{ region }}/bucket");
    let plan = account.infra("preview --remove --graph plan.svg", 0);
    assert_eq!(plan["changes"].as_array().unwrap().len(), 3, "{plan}");
    let svg = fs::read_to_string(account.home.path().join("plan.svg")).unwrap();
    for said in ["1 create", "1 change", "1 delete", "1 unchanged", "bucket_name needs bucket", ">ownership<", BUCKET] {
        assert!(svg.contains(said), "{said}: {svg}");
    }
    let (_, error) = account.run("infra preview --environment dev --graph no/such/folder.svg", 1);
    assert!(error.contains("no/such/folder.svg") && error.contains("hint"), "{error}");
}
