//! The command line itself.

use crate::parados::{Home, stderr, stdout};

#[test]
fn help() {
    insta::assert_snapshot!(stdout(&Home::new().run("--help").success()));
}

#[test]
fn a_wrong_command_line_is_code_2_and_json_where_it_is_asked_for() {
    let home = Home::new();
    let run = home.run("doctr config").code(2);
    assert!(stderr(&run).contains("a similar subcommand exists: 'doctor'"), "{}", stderr(&run));
    let run = home.run("doctr config --output json").code(2);
    let error: serde_json::Value = serde_json::from_str(&stderr(&run)).unwrap();
    assert_eq!((&error["error"]["kind"], &error["exit_code"]), (&"usage".into(), &2.into()));
    assert_eq!(stdout(&run), "");
}

#[test]
fn a_backup_that_cannot_begin_has_a_report_in_json() {
    let home = Home::new();
    let run = home.run("backup --environment dev --dry-run --output json").code(2);
    let report: serde_json::Value = serde_json::from_str(&stdout(&run)).unwrap();
    assert_eq!((&report["verdict"], &report["dry_run"]), (&"failed".into(), &true.into()), "{report}");
    let error: serde_json::Value = serde_json::from_str(&stderr(&run)).unwrap();
    assert_eq!(report["error"], error["error"]["message"]);
    assert_eq!(stdout(&home.run("backup --environment dev").code(2)), "");
}

#[test]
fn a_secret_in_a_wrong_value_is_not_repeated() {
    let home = Home::new();
    for output in ["human", "json"] {
        let arguments = format!("backup --output {output} --recipient AGE-SECRET-KEY-1HUNTER2CANARY");
        let run = home.run(&arguments).code(2);
        assert!(stderr(&run).contains("private key") && !stderr(&run).contains("CANARY"), "{}", stderr(&run));
    }
}
