//! The store on moto: the conformance suite, and what it does not reach.

use std::process::Command;
use std::sync::Arc;

use parados_aws::{Permission, check_read_permissions};
use parados_parameter::conformance::{self, Capabilities};
use parados_parameter::{
    DescribeRequest, Operation, ParameterReference, ParameterStore, ParameterType, PutRequest, Secret, SharedStore,
    StoreErrorKind, Tag,
};
use testkit::{Moto, aws_cli};

use crate::wire::{Answer, Wire};
use crate::{name, session};

fn run(mut command: Command, arguments: &[&str]) {
    let output = command.args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn keeps_the_contract_as_far_as_moto_does() {
    let moto = Moto::start();
    let store: SharedStore = Arc::new(session(&moto.url()).await.store());
    let empty = async || {
        moto.reset();
        store.clone()
    };
    conformance::run(empty, capabilities_of_moto()).await;
}

/// Where moto 5.2 is not like AWS.
fn capabilities_of_moto() -> Capabilities {
    Capabilities::all()
        .except("a_page_is_not_too_long", "moto answers ten a page, whatever MaxResults says")
        .except("a_foreign_token_is_refused", "moto answers a token that is not its own with a bare HTTP 500")
        .except("filters_choose", "moto's filter by Tier finds nothing")
        .except("by_path_takes_three_filters", "moto's filter by Label finds nothing but newest versions")
        .except("by_path_checks_its_path_and_page_size", "moto takes a path without its leading slash")
        .except("a_leading_slash_makes_no_other_parameter", "moto keeps foo and /foo apart")
        .except("get_says_what_is_not_there", "moto says ParameterNotFound of a label that is not there")
        .except("everything_put_reads_back", "moto's DescribeParameters lacks the ARN")
        .except("a_tier_never_goes_down", "moto lets a tier go down")
        .except("intelligent_tiering_picks_a_tier", "moto reads Intelligent-Tiering back")
        .except("values_are_limited_by_tier", "moto takes values of any length")
        .except("references_in_values_are_refused", "moto takes {{…}}")
        .except("values_match_the_pattern", "moto does not look at the pattern")
        .except("policies_need_the_advanced_tier", "moto takes policies in any tier")
        .except("a_put_that_fails_changes_nothing", "moto refuses none of the puts that AWS would")
        .except("a_delete_takes_everything", "moto leaves the tags of a deleted parameter behind")
        .except("fifty_tags_are_the_most", "moto takes any number of tags")
}

#[tokio::test]
async fn what_the_aws_cli_put_reads_back_with_every_field() {
    let moto = Moto::start();
    let put = "ssm put-parameter --name /app/dev/db --type SecureString --value hunter2 --description words \
               --allowed-pattern ^h.*$ --tier Advanced --tags Key=team,Value=a";
    run(aws_cli(&moto), &put.split_whitespace().collect::<Vec<_>>());
    let store = session(&moto.url()).await.store();
    let page = store.describe(&DescribeRequest::default()).await.unwrap();
    let metadata = &page.items[0];
    assert_eq!(metadata.name, name("/app/dev/db"));
    assert_eq!(metadata.parameter_type, ParameterType::SecureString);
    assert_eq!(metadata.key_id.as_ref().unwrap().as_str(), "alias/aws/ssm");
    assert_eq!(metadata.description.as_ref().unwrap().as_str(), "words");
    assert_eq!(metadata.allowed_pattern.as_ref().unwrap().as_str(), "^h.*$");
    assert_eq!(metadata.tier.as_str(), "Advanced");
    let parameter = store.get(&ParameterReference::newest(name("/app/dev/db"))).await.unwrap();
    assert_eq!(parameter.value.reveal(), "hunter2", "it is decrypted");
    assert_eq!(parameter.arn.as_deref(), Some("arn:aws:ssm:eu-west-1:123456789012:parameter/app/dev/db"));
    let tags = store.tags(&[name("/app/dev/db"), name("/not/there")]).await.unwrap();
    assert_eq!(tags.into_iter().collect::<Vec<_>>(), [(name("/app/dev/db"), vec![Tag::new("team", "a").unwrap()])]);
}

#[tokio::test]
async fn tags_that_come_in_pages_are_all_read() {
    let moto = Moto::start();
    let store = session(&moto.url()).await.store();
    let mut names = Vec::new();
    for number in 0..52 {
        let mut put = PutRequest::new(name(&format!("/many/{number:02}")), Secret::new("v"));
        put.tags = vec![Tag::new("number", &number.to_string()).unwrap()];
        store.put(&put).await.unwrap();
        names.push(put.name);
    }
    let tags = store.tags(&names).await.unwrap();
    assert_eq!(tags.len(), 52);
    assert_eq!(tags[&name("/many/51")][0].value(), "51");
    assert!(moto.calls()["ResourceGroupsTagging.GetResources"] > 1, "moto pages what AWS does not");
}

#[tokio::test]
async fn all_tags_are_read_where_one_answer_holds_them() {
    let moto = Moto::start();
    let store = session(&moto.url()).await.store();
    let put = async |text: &str, tags: Vec<Tag>| {
        store.put(&PutRequest { tags, ..PutRequest::new(name(text), Secret::new("v")) }).await.unwrap();
    };
    put("/untagged", vec![]).await;
    put("flat", vec![Tag::new("team", "a").unwrap()]).await;
    put("/deep/er", vec![Tag::new("team", "b").unwrap(), Tag::new("cost", "").unwrap()]).await;
    let all = store.all_tags().await.unwrap().unwrap();
    assert_eq!(all.len(), 2);
    for (name, tags) in all {
        assert_eq!(store.list_tags(&name).await.unwrap(), tags, "{name}");
    }
    assert_eq!(moto.calls()["ResourceGroupsTagging.GetResources"], 1);
}

#[tokio::test]
async fn tags_of_what_is_no_parameter_are_refused() {
    let wire = Wire::start();
    let store = session(wire.url()).await.store();
    let answer = |arn: &str, token: &str| {
        let tags = r#"[{"Key":"k","Value":"v"}]"#;
        format!(r#"{{"PaginationToken":"{token}","ResourceTagMappingList":[{{"ResourceARN":"{arn}","Tags":{tags}}}]}}"#)
    };
    let ours = "arn:aws:ssm:eu-west-1:123456789012:parameter/a/b";
    wire.answer(Answer::Body(200, answer(ours, "")));
    assert_eq!(store.all_tags().await.unwrap().unwrap().into_keys().collect::<Vec<_>>(), [name("/a/b")]);
    assert_eq!(wire.asked()[0].1, r#"{"ResourcesPerPage":100,"ResourceTypeFilters":["ssm:parameter"]}"#);
    wire.answer(Answer::Body(200, answer(ours, "more")));
    assert_eq!(store.all_tags().await, Ok(None));
    for other in ["arn:aws:ssm:eu-west-1:999999999999:parameter/a/b", "arn:aws:ssm:eu-west-1:123456789012:parameterx"] {
        wire.answer(Answer::Body(200, answer(other, "")));
        let error = store.all_tags().await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::InvalidResponse, "{error}");
    }
}

#[tokio::test]
async fn permissions_are_asked_one_by_one() {
    let moto = Moto::start();
    let store = session(&moto.url()).await.store();
    let checks = check_read_permissions(&store, &name("/not/there")).await;
    assert_eq!(checks.len(), Operation::ALL.iter().filter(|operation| !operation.is_write()).count());
    for check in &checks {
        assert_eq!(check.permission, Permission::Granted, "{}", check.operation);
    }
    for denied in &checks {
        let service = match denied.operation {
            Operation::GetResources => "ResourceGroupsTagging",
            _ => "SSM",
        };
        moto.reset();
        moto.deny(&format!("{service}.{}", denied.operation));
        for check in check_read_permissions(&store, &name("/not/there")).await {
            match check.permission {
                Permission::Denied(error) => {
                    assert_eq!((check.operation, error.kind), (denied.operation, StoreErrorKind::AccessDenied));
                }
                Permission::Granted => assert_ne!(check.operation, denied.operation),
                Permission::Unknown(error) => panic!("{error}"),
            }
        }
    }
    moto.fail("SSM.GetParameter", "ThrottlingException", 400, 0, 9);
    let checks = check_read_permissions(&store, &name("/not/there")).await;
    assert!(matches!(checks[1].permission, Permission::Unknown(_)));
}
