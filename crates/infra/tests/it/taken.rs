//! What somebody else makes between the plan and the call that would have made it: it is left as it is.

use std::collections::BTreeSet;
use std::fmt;
use std::process::Command;
use std::sync::{Arc, Mutex};

use futures::FutureExt as _;
use parados_infra::apply::{ApplyVerdict, ChangeStatus};
use parados_infra::cloud::CallGate;
use parados_infra::difference::Difference;
use parados_infra::plan::{Change, InfraAction};
use parados_infra::stack::Stack;
use parados_parameter::{ParameterType, PutRequest, Secret};
use rstest::rstest;
use testkit::{Azurite, GoogleStorage, aws_cli, python};

use crate::storage::Elsewhere;
use crate::world::{World, make, up};

/// Does something right before an operation is called for the first time.
struct Before {
    operation: &'static str,
    act: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Before {
    fn new(operation: &'static str, act: impl FnOnce() + Send + 'static) -> Arc<Self> {
        Arc::new(Self { operation, act: Mutex::new(Some(Box::new(act))) })
    }
}

impl fmt::Debug for Before {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "before {}", self.operation)
    }
}

impl CallGate for Before {
    fn before(&self, operation: &'static str) -> Result<(), &'static str> {
        if operation == self.operation
            && let Some(act) = self.act.lock().unwrap().take()
        {
            act();
        }
        Ok(())
    }

    fn after(&self, _: &'static str) -> Result<(), &'static str> {
        Ok(())
    }
}

fn run(mut command: Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Runs the AWS CLI right before `operation`.
fn cli_before(world: &World, operation: &'static str, command: &str) -> Arc<Before> {
    let mut cli = aws_cli(&world.moto);
    cli.args(command.split(' '));
    Before::new(operation, || run(cli))
}

fn declaration(resource: &str) -> String {
    format!("version: 1\nresources:\n  mine: {resource}\n")
}

/// `up` of what is taken by then does not have it, says so, and the next plan refuses it with all of its fields still to be set.
async fn is_refused(with_gate: &Stack, stack: &Stack, whose: &str) {
    let planned = make(stack, &stack.observe().await.unwrap()).changes;
    let report = up(with_gate).await.unwrap();
    let change = &report.changes[0];
    assert_eq!(change.status, ChangeStatus::Failed, "{report:#?}");
    let error = change.error.as_ref().unwrap();
    assert!(error.contains("it was not there when the plan was made") && error.ends_with(whose), "{error}");
    assert!(change.hints[0].contains("--adopt"), "{report:#?}");
    let observation = stack.observe().await.unwrap();
    assert!(observation.records.made.is_empty(), "{:?}", observation.records);
    let now = make(stack, &observation).changes;
    assert_eq!(now[0].action, InfraAction::Refuse, "{now:#?}");
    let owned = |change: &Change| {
        let fields = change.differences.iter().map(Difference::field);
        fields
            .filter(|field| ["tags", "labels", "metadata"].contains(field))
            .map(str::to_owned)
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(owned(&now[0]), owned(&planned[0]), "{now:#?}");
}

#[rstest]
#[case::bucket(
    "{ kind: aws:s3:Bucket, name: taken, versioning: true }",
    "s3:CreateBucket",
    "s3api create-bucket --bucket taken --create-bucket-configuration LocationConstraint=eu-west-1",
    "was not made by this stack"
)]
#[case::parameter(
    "{ kind: aws:ssm:Parameter, name: /taken, value: mine }",
    "ssm:PutParameter",
    "ssm put-parameter --name /taken --value theirs --type String",
    "was not made by this stack"
)]
#[case::parameter_of_another_stack(
    "{ kind: aws:ssm:Parameter, name: /taken, value: mine }",
    "ssm:PutParameter",
    "ssm put-parameter --name /taken --value theirs --type String --tags Key=parados:owner,Value=other/dev",
    "belongs to the stack other/dev"
)]
#[case::role(
    "{ kind: aws:iam:Role, name: taken, trust: { services: [ec2.amazonaws.com] } }",
    "iam:CreateRole",
    "iam create-role --role-name taken --assume-role-policy-document {}",
    "was not made by this stack"
)]
#[case::policy(
    "{ kind: aws:iam:Policy, name: taken, for_backup: { bucket: arn:aws:s3:::b } }",
    "iam:CreatePolicy",
    r#"iam create-policy --policy-name taken --policy-document {"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}"#,
    "was not made by this stack"
)]
#[tokio::test]
async fn what_another_makes_meanwhile_is_not_taken(
    #[case] resource: &str,
    #[case] operation: &'static str,
    #[case] command: &str,
    #[case] whose: &str,
) {
    let world = World::new().await;
    let declaration = declaration(resource);
    let gate = cli_before(&world, operation, command);
    is_refused(&world.stack(&declaration, Some(gate)), &world.stack(&declaration, None), whose).await;
}

/// There the answer is the same for a new bucket and for one that the account has.
#[tokio::test]
async fn in_the_first_region_a_bucket_with_tags_is_not_new() {
    let world = World::in_region("us-east-1").await;
    let declaration = declaration("{ kind: aws:s3:Bucket, name: taken, versioning: true }");
    let mut tag = aws_cli(&world.moto);
    tag.args(["s3api", "put-bucket-tagging", "--bucket", "taken", "--tagging"]);
    tag.arg("TagSet=[{Key=parados:owner,Value=other/dev}]");
    let mut create = aws_cli(&world.moto);
    create.args(["s3api", "create-bucket", "--bucket", "taken", "--region", "us-east-1"]);
    let gate = Before::new("s3:CreateBucket", || {
        run(create);
        run(tag);
    });
    let stack = world.stack(&declaration, None);
    is_refused(&world.stack(&declaration, Some(gate)), &stack, "belongs to the stack other/dev").await;
}

#[tokio::test]
async fn an_alias_of_another_key_is_not_taken() {
    let world = World::new().await;
    let output = aws_cli(&world.moto).args(["kms", "create-key", "--query", "KeyMetadata.KeyId"]).output().unwrap();
    let key: String = serde_json::from_slice(&output.stdout).unwrap();
    const KEY: &str = "version: 1\nresources:\n  key: { kind: aws:kms:Key }\n";
    world.up(KEY).await;
    let declaration =
        format!("{KEY}  mine: {{ kind: aws:kms:Alias, name: alias/taken, key: \"{{{{ resources.key.id }}}}\" }}\n");
    let command = format!("kms create-alias --alias-name alias/taken --target-key-id {key}");
    let gate = cli_before(&world, "kms:CreateAlias", &command);
    let report = up(&world.stack(&declaration, Some(gate))).await.unwrap();
    assert_eq!(report.changes[0].status, ChangeStatus::Failed, "{report:#?}");
    let plan = world.preview(&declaration).await;
    assert_eq!(plan.changes[0].action, InfraAction::Refuse, "{:#?}", plan.changes);
}

/// The answer to a first try was lost, and the second says that it is there.
#[tokio::test]
async fn what_the_stack_itself_made_is_its_own() {
    let world = World::new().await;
    let declaration = declaration("{ kind: aws:ssm:Parameter, name: /taken, value: mine }");
    let command = "ssm put-parameter --name /taken --value mine --type String --tags Key=parados:owner,Value=shop/dev";
    let gate = cli_before(&world, "ssm:PutParameter", command);
    let report = up(&world.stack(&declaration, Some(gate))).await.unwrap();
    assert_eq!(report.verdict, ApplyVerdict::Complete, "{report:#?}");
    assert!(world.preview(&declaration).await.is_empty());
}

/// A bucket gets its tags after it is made, so that one without an owner is ours only where a try before may have made it.
#[tokio::test]
async fn a_bucket_whose_making_was_not_answered_is_the_stack_s() {
    let world = World::new().await;
    let declaration = declaration("{ kind: aws:s3:Bucket, name: taken, versioning: true }");
    let command = "s3api create-bucket --bucket taken --create-bucket-configuration LocationConstraint=eu-west-1";
    let gate = cli_before(&world, "s3:CreateBucket", command);
    world.moto.fail("S3.CreateBucket", "InternalError", 500, 1, 1);
    let report = up(&world.stack(&declaration, Some(gate))).await.unwrap();
    assert_eq!(report.verdict, ApplyVerdict::Complete, "{report:#?}");
    assert_eq!(world.moto.calls()["S3.CreateBucket"], 3);
    assert!(world.preview(&declaration).await.is_empty());
}

/// A run that was interrupted right after it said what it would make does not own what another makes then.
#[tokio::test]
async fn an_intention_is_no_ownership() {
    let world = World::new().await;
    let declaration = declaration("{ kind: aws:ssm:Parameter, name: /taken, value: mine }");
    // Three calls read it for the plan, three read it again, and the next one would make it.
    let gate = crate::faults::NthCall::new(7, false);
    let report = up(&world.stack(&declaration, Some(gate.clone()))).await.unwrap();
    assert!(gate.has_failed() && report.verdict == ApplyVerdict::Failed, "{report:#?}");
    assert_eq!(world.stack(&declaration, None).observe().await.unwrap().records.made.len(), 1);
    let mut cli = aws_cli(&world.moto);
    cli.args(["ssm", "put-parameter", "--name", "/taken", "--value", "theirs", "--type", "String"]);
    run(cli);
    let plan = world.preview(&declaration).await;
    assert_eq!(plan.changes[0].action, InfraAction::Refuse, "{:#?}", plan.changes);
}

#[tokio::test]
async fn a_parameter_of_the_store_that_another_puts_is_not_taken() {
    let world = World::new().await;
    let declaration = declaration("{ kind: parados:store:Parameter, name: /taken, value: mine }");
    let store = world.store.clone();
    let gate = Before::new("PutParameter", move || {
        let put = PutRequest {
            parameter_type: Some(ParameterType::String),
            ..PutRequest::new("/taken".parse().unwrap(), Secret::new("theirs".to_owned()))
        };
        store.put(&put).now_or_never().unwrap().unwrap();
    });
    let with_gate = world.stack(&declaration, Some(gate));
    is_refused(&with_gate, &world.stack(&declaration, None), "was not made by this stack").await;
}

#[tokio::test]
async fn a_folder_that_another_makes_is_not_taken() {
    let (world, folder) = (World::new().await, tempfile::tempdir().unwrap());
    let path = folder.path().join("a/taken");
    let declaration = declaration(&format!("{{ kind: local:Folder, path: {} }}", path.display()));
    let gate = Before::new("mkdir", move || std::fs::create_dir_all(path).unwrap());
    let with_gate = world.stack(&declaration, Some(gate));
    is_refused(&with_gate, &world.stack(&declaration, None), "was not made by this stack").await;
}

#[tokio::test]
async fn a_container_that_another_makes_is_not_taken() {
    let azure = Arc::new(Azurite::start());
    let world = Elsewhere::new(azure.env());
    let declaration = declaration("{ kind: azure:storage:Container, account: devstoreaccount1, name: taken }");
    let server = azure.clone();
    let gate = Before::new("azure:CreateContainer", move || server.make_container("taken"));
    let with_gate = world.stack(&declaration, Some(gate));
    is_refused(&with_gate, &world.stack(&declaration, None), "was not made by this stack").await;
}

#[tokio::test]
async fn a_bucket_of_google_s_that_another_makes_is_not_taken() {
    let google = GoogleStorage::start();
    let world = Elsewhere::new(google.env());
    let declaration = declaration("{ kind: gcp:storage:Bucket, project: shop, name: taken, location: us }");
    const MAKE: &str = "import sys, urllib.request as r; \
                        r.urlopen(r.Request(sys.argv[1], b'{\"name\": \"taken\"}', {'Content-Type': 'application/json'}))";
    let mut make = python();
    make.args(["-c", MAKE, &format!("{}/storage/v1/b?project=theirs", google.url())]);
    let gate = Before::new("storage.buckets.create", || run(make));
    let with_gate = world.stack(&declaration, Some(gate));
    is_refused(&with_gate, &world.stack(&declaration, None), "was not made by this stack").await;
}
