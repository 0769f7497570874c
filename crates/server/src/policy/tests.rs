use std::net::IpAddr;

use parados_parameter::{AccountRegion, Tag};

use super::*;

const ALICE: &str = "arn:aws:iam::123456789012:user/alice";
const NOWHERE: Circumstances =
    Circumstances { source: None, with_decryption: false, overwrite: false, recursive: false };

fn place() -> AccountRegion {
    AccountRegion::new("123456789012", "eu-west-1").unwrap()
}

fn book(text: &str) -> PolicyBook {
    check_policy("test", text).unwrap();
    PolicyBook::new([("test", text)])
}

fn asked<'a>(place: &'a AccountRegion, action: &'static str, target: Target<'a>) -> Question<'a> {
    Question { principal: ALICE, name: "alice", place, action, target, tags: &[], circumstances: NOWHERE }
}

fn get(book: &PolicyBook, name: &str) -> Decision {
    book.decide(&asked(&place(), "ssm:GetParameter", Target::Parameter(name)))
}

#[test]
fn nothing_is_allowed_that_nothing_permits() {
    assert_eq!(get(&PolicyBook::new([]), "/shop/x"), Decision::NotAllowed);
    let bob = book(&full_access("arn:aws:iam::123456789012:user/bob"));
    assert_eq!(get(&bob, "/shop/x"), Decision::NotAllowed);
    let alice = book(&full_access(ALICE));
    assert_eq!(get(&alice, "/shop/x"), Decision::Allowed);
    for (action, target) in [
        ("ssm:DescribeParameters", Target::Store),
        ("ssm:GetParametersByPath", Target::Path("/")),
        ("tag:GetResources", Target::Store),
    ] {
        assert_eq!(alice.decide(&asked(&place(), action, target)), Decision::Allowed, "{action}");
    }
}

#[test]
fn reads_are_not_writes() {
    let reader = book(&read_access(ALICE));
    assert_eq!(get(&reader, "/x"), Decision::Allowed);
    assert!(reader.decide(&asked(&place(), "ssm:DescribeParameters", Target::Store)).is_allowed());
    for action in ["ssm:PutParameter", "ssm:DeleteParameter", "ssm:AddTagsToResource", "ssm:LabelParameterVersion"] {
        assert_eq!(reader.decide(&asked(&place(), action, Target::Parameter("/x"))), Decision::NotAllowed, "{action}");
    }
}

#[test]
fn what_is_forbidden_no_other_policy_permits() {
    let book = PolicyBook::new([
        ("all", "permit(principal, action, resource);"),
        (
            "no-prod",
            r#"forbid(principal, action, resource in Path::"/shop/prod") unless { principal.name == "root" };"#,
        ),
    ]);
    assert_eq!(get(&book, "/shop/dev/x"), Decision::Allowed);
    assert_eq!(get(&book, "/shop/prod/x"), Decision::Forbidden);
    let reason = book.explain(&asked(&place(), "ssm:GetParameter", Target::Parameter("/shop/prod/x")));
    assert_eq!(reason.statements, ["no-prod"]);
    let reason = book.explain(&asked(&place(), "ssm:GetParameter", Target::Parameter("/shop/dev/x")));
    assert_eq!((reason.statements, reason.failures), (vec!["all".to_owned()], vec![]));
}

#[test]
fn a_path_holds_what_is_below_it_and_its_own_query() {
    let book = book(r#"permit(principal, action, resource in Path::"/shop/prod");"#);
    assert!(get(&book, "/shop/prod/db/password").is_allowed());
    for outside in ["/shop/prod", "/shop/production/x", "/shop/x", "/x", "/other/shop/prod/x"] {
        assert_eq!(get(&book, outside), Decision::NotAllowed, "{outside}");
    }
    let query = |path| book.decide(&asked(&place(), "ssm:GetParametersByPath", Target::Path(path))).is_allowed();
    assert!(query("/shop/prod") && query("/shop/prod/") && query("/shop/prod/db"));
    assert!(!query("/shop") && !query("/") && !query("/shop/production"));
}

#[test]
fn names_are_matched_with_like() {
    let book = book(r#"permit(principal, action, resource) when { resource.name like "/shop/*/db/*" };"#);
    assert!(get(&book, "/shop/prod/db/password").is_allowed());
    assert!(!get(&book, "/shop/prod/cache/password").is_allowed());
    assert!(!book.decide(&asked(&place(), "ssm:DescribeParameters", Target::Store)).is_allowed());
    let query = |path| book.decide(&asked(&place(), "ssm:GetParametersByPath", Target::Path(path))).is_allowed();
    assert!(query("/shop/prod/db") && !query("/shop/prod"));
}

#[test]
fn tags_account_region_and_circumstances_count() {
    let text = r#"
        permit(principal in Account::"123456789012", action, resource)
        when {
            resource.region == "eu-west-1" && context.sourceIp.isInRange(ip("10.0.0.0/8")) && !context.withDecryption
        };
        forbid(principal, action, resource is Parameter) when { resource.hasTag("env") && resource.getTag("env") == "prod" };
    "#;
    let book = book(text);
    assert!(book.reads_tags() && !self::book(&full_access(ALICE)).reads_tags());
    let decide = |region: &str, source: Option<&str>, tags: &[Tag], with_decryption| {
        let place = AccountRegion::new("123456789012", region).unwrap();
        let source = source.map(|source| source.parse::<IpAddr>().unwrap());
        let circumstances = Circumstances { source, with_decryption, ..NOWHERE };
        book.decide(&Question { tags, circumstances, ..asked(&place, "ssm:GetParameter", Target::Parameter("/x")) })
    };
    let (inside, prod) = (Some("10.1.2.3"), [Tag::new("env", "prod").unwrap()]);
    assert_eq!(decide("eu-west-1", inside, &[], false), Decision::Allowed);
    assert_eq!(decide("eu-west-1", Some("::ffff:10.1.2.3"), &[], false), Decision::Allowed);
    assert_eq!(decide("eu-west-1", inside, &[Tag::new("env", "dev").unwrap()], false), Decision::Allowed);
    assert_eq!(decide("us-east-1", inside, &[], false), Decision::NotAllowed);
    assert_eq!(decide("eu-west-1", Some("192.168.0.1"), &[], false), Decision::NotAllowed);
    assert_eq!(decide("eu-west-1", None, &[], false), Decision::NotAllowed);
    assert_eq!(decide("eu-west-1", inside, &[], true), Decision::NotAllowed);
    assert_eq!(decide("eu-west-1", inside, &prod, false), Decision::Forbidden);
}

#[test]
fn a_forbid_that_fails_forbids() {
    // It passes no check, but an older release may have stored it.
    let book = PolicyBook::new([
        ("all", "permit(principal, action, resource);"),
        ("tagged", r#"forbid(principal, action, resource) when { resource.getTag("env") == "prod" };"#),
    ]);
    assert_eq!(get(&book, "/x"), Decision::Forbidden);
    let reason = book.explain(&asked(&place(), "ssm:GetParameter", Target::Parameter("/x")));
    assert_eq!((reason.statements.len(), reason.failures.len()), (1, 1));
}

#[test]
fn a_stored_text_that_cannot_be_read_denies_everything() {
    let book = PolicyBook::new([("all", "permit(principal, action, resource);"), ("new", "forbid(who, knows, what);")]);
    assert_eq!(get(&book, "/x"), Decision::NotAllowed);
}

#[test]
fn a_policy_is_checked_when_it_is_set() {
    let refused = |text: &str| check_policy("team", text).unwrap_err().to_string();
    assert!(
        refused("permit(principal, action, resource)")
            .starts_with("policy team is not a policy in Cedar: line 1, column")
    );
    assert!(refused("// nothing").contains("no permit and no forbid"));
    assert!(refused("permit(principal == ?principal, action, resource);").contains("is a template"));
    let action = refused("\npermit(principal, action == Action::\"ssm:GetParametr\", resource);");
    assert!(
        action.contains("line 2") && action.contains("ssm:GetParametr") && action.contains("ssm:GetParameter"),
        "{action}"
    );
    assert!(refused(r#"permit(principal, action, resource) when { resource.nmae == "/x" };"#).contains("nmae"));
    assert!(
        refused(r#"permit(principal, action, resource is Parameter) when { resource.getTag("a") == "b" };"#)
            .contains("hasTag")
    );
    assert!(
        refused(r#"permit(principal, action, resource) when { context.sourceIp.isInRange(ip("10.0.0.0/99")) };"#)
            .contains("line 1, column")
    );
    assert!(refused(&"x".repeat(MAX_POLICY_BYTES + 1)).contains("at most 65536"));
    for name in ["", "a/b", "a b", "ä"] {
        assert!(
            matches!(check_policy(name, "permit(principal, action, resource);"), Err(PolicyError::Name(_))),
            "{name}"
        );
    }
    assert_eq!(check_policy("team", "permit(principal, action, resource);"), Ok(vec![]));
    let never = r#"permit(principal, action == Action::"ssm:GetParameter", resource in Path::"/x") when { resource is Store };"#;
    assert_eq!(check_policy("team", never).unwrap().len(), 1);
}

#[test]
fn every_operation_that_asks_is_in_the_schema() {
    let book = book(&full_access(ALICE));
    for action in crate::Action::ALL.iter().filter(|action| **action != crate::Action::GetCallerIdentity) {
        let text = format!("permit(principal, action == Action::\"{}\", resource);", action.iam_action());
        assert_eq!(check_policy("test", &text), Ok(vec![]), "{action}");
        let text = match TargetKind::of(*action) {
            TargetKind::Parameter => text.replace("resource)", "resource is Parameter)"),
            TargetKind::Path => text.replace("resource)", "resource is Path)"),
            TargetKind::Store => text.replace("resource)", "resource is Store)"),
        };
        assert_eq!(check_policy("test", &text), Ok(vec![]), "{action} is done to what the schema says");
        assert!(book.decide(&asked(&place(), action.iam_action(), Target::Store)).is_allowed(), "{action}");
    }
}

#[test]
fn statements_are_named_by_their_place_or_their_id() {
    let text = r#"
        permit(principal, action == Action::"ssm:PutParameter", resource);
        @id("read") permit(principal, action == Action::"ssm:GetParameter", resource);
    "#;
    let book = book(text);
    let reason = book.explain(&asked(&place(), "ssm:GetParameter", Target::Parameter("/x")));
    assert_eq!(reason.statements, ["test#2:read"]);
    let reason = book.explain(&asked(&place(), "ssm:PutParameter", Target::Parameter("/x")));
    assert_eq!(reason.statements, ["test#1"]);
}
