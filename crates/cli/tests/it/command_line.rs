//! The command line itself.

use crate::parados::{Home, stderr, stdout};

#[test]
fn help() {
    insta::assert_snapshot!(stdout(&Home::new().run("--help").success()));
}

#[test]
fn a_wrong_command_line_is_code_2_and_json_where_it_is_asked_for() {
    let home = Home::new();
    let run = home.run("shema config").code(2);
    assert!(stderr(&run).contains("a similar subcommand exists: 'schema'"), "{}", stderr(&run));
    let run = home.run("shema config --output json").code(2);
    let error: serde_json::Value = serde_json::from_str(&stderr(&run)).unwrap();
    assert_eq!((&error["error"]["kind"], &error["exit_code"]), (&"usage".into(), &2.into()));
    assert_eq!(stdout(&run), "");
}
