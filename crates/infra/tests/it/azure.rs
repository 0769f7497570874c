//! `azure:storage:Container` against Azurite.

use object_store::azure::MicrosoftAzureBuilder;
use object_store::{ObjectStoreExt as _, PutPayload};
use testkit::{Azurite, python};

use crate::storage::Elsewhere;

const CONTAINER: &str = r#"
version: 1
resources:
  backups:
    kind: azure:storage:Container
    account: devstoreaccount1
    name: "{{ project }}-backups"
    metadata: { team: core }
outputs: { url: "{{ resources.backups.url }}" }
"#;

/// Whether somebody who does not say who it is is given the list of what there is.
fn anybody_lists(azure: &Azurite) -> bool {
    const ASK: &str = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1])";
    let endpoint = azure.env().into_iter().find(|(name, _)| *name == "AZURE_STORAGE_ENDPOINT").unwrap().1;
    let url = format!("{endpoint}/shop-backups?restype=container&comp=list");
    python().args(["-c", ASK, &url]).output().unwrap().status.success()
}

#[tokio::test]
async fn what_a_container_lets_in_is_what_is_declared() {
    let azure = Azurite::start();
    let world = Elsewhere::new(azure.env());
    world.up(&CONTAINER.replace("metadata", "public_access: container\n    metadata")).await;
    assert!(anybody_lists(&azure));
    world.up(CONTAINER).await;
    assert!(!anybody_lists(&azure));
}

#[tokio::test]
async fn what_is_in_a_container_is_not_lost_by_mistake() {
    let azure = Azurite::start();
    let world = Elsewhere::new(azure.env());
    world.up(CONTAINER).await;
    let settings = azure.env().into_iter();
    let builder = settings
        .fold(MicrosoftAzureBuilder::new().with_container_name("shop-backups"), |builder, (name, value)| {
            builder.with_config(name.to_lowercase().parse().unwrap(), value)
        });
    builder.build().unwrap().put(&"a/b".into(), PutPayload::from_static(b"x")).await.unwrap();
    assert_eq!(world.contents(CONTAINER).await, ["1 blobs"]);
    world.destroy(CONTAINER).await;
    assert_eq!(world.contents(CONTAINER).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_container_is_made_mended_and_destroyed() {
    let azure = Azurite::start();
    let world = Elsewhere::new(azure.env());
    world.up(CONTAINER).await;
    // Another program lets everybody in and takes the tags.
    let theirs =
        CONTAINER.replace("team: core", "other: theirs").replace("metadata", "public_access: blob\n    metadata");
    world.up(&theirs).await;
    let differences = world.differences(CONTAINER).await;
    assert_eq!(differences["backups"], ["public_access", "metadata.other", "metadata.team"]);
    world.up(CONTAINER).await;
    world.destroy(CONTAINER).await;
}

#[tokio::test]
async fn a_container_that_is_not_the_stack_s_is_refused() {
    let azure = Azurite::start();
    azure.make_container("shop-backups");
    let world = Elsewhere::new(azure.env());
    let stack = world.stack(CONTAINER, None);
    let plan = crate::world::make(&stack, &stack.observe().await.unwrap());
    assert!(plan.refusals().next().unwrap().reason.as_ref().unwrap().contains("--adopt"), "{plan:#?}");
}

#[tokio::test]
async fn whichever_call_to_azure_fails_the_next_run_finishes() {
    let azure = Azurite::start();
    Elsewhere::new(azure.env()).survives_a_fault_at_every_call(CONTAINER).await;
}

#[tokio::test]
async fn what_azure_refuses_is_said_with_what_to_do() {
    let azure = Azurite::start();
    let mut settings = azure.env();
    for (name, value) in &mut settings {
        if *name == "AZURE_STORAGE_ACCOUNT_KEY" {
            *value = "AAAA".repeat(21) + "AA==";
        }
    }
    let error = Elsewhere::new(settings).stack(CONTAINER, None).observe().await.unwrap_err().to_string();
    assert!(error.contains("azure:GetContainerProperties") && error.contains("AuthorizationFailure"), "{error}");
    let other = CONTAINER.replace("devstoreaccount1", "another");
    let error = Elsewhere::new(azure.env()).stack(&other, None).observe().await.unwrap_err().to_string();
    assert!(error.contains("the credentials are the account devstoreaccount1's"), "{error}");
}
