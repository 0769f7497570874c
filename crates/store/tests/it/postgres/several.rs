//! Several servers on one database.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use parados_parameter::{
    DescribeRequest, ParameterReference, Policy, PutRequest, SharedStore, StoreErrorKind, TierRequest,
};
use parados_store::{ChangeCursor, ChangeKind, ParameterDatabase as _, PostgresDatabase, SweepReport};

use super::{Home, place};
use crate::database::{FEW, assert_tiers_are_limited};
use crate::{name, overwrite, request};

async fn three(home: &Home) -> Vec<Arc<PostgresDatabase>> {
    let mut opened = Vec::new();
    for _ in 0..3 {
        opened.push(Arc::new(home.open().await));
    }
    opened
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_at_once_lose_no_write_and_read_what_was_written() {
    const EACH: usize = 20;
    let home = Home::new();
    let servers = three(&home).await;
    let write = |store: SharedStore| async move {
        let mut versions = Vec::new();
        for _ in 0..EACH {
            let put = store.put(&overwrite("/a", "v")).await.unwrap().version.get();
            let seen = store.get(&ParameterReference::newest(name("/a"))).await.unwrap().version.get();
            assert!(seen >= put, "a read sees what was written before it");
            versions.push(put);
        }
        versions
    };
    let writers: Vec<_> = servers.iter().map(|server| tokio::spawn(write(server.store(&place(1), "tester")))).collect();
    let mut versions = BTreeSet::new();
    for writer in writers {
        versions.extend(writer.await.unwrap());
    }
    assert_eq!(versions, (1..=3 * EACH as i64).collect::<BTreeSet<_>>(), "each version was made once");

    let changes = servers[0].changes(&ChangeCursor::default(), 1000).await.unwrap().changes;
    let recorded: Vec<_> = changes.iter().map(|change| change.version.get()).collect();
    assert_eq!(recorded, (1..=3 * EACH as i64).collect::<Vec<_>>(), "changes of a name are in the order of its writes");
    assert_eq!(changes[0].kind, ChangeKind::Create);
    assert!(changes[1..].iter().all(|change| change.kind == ChangeKind::Update));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_servers_that_create_a_name_at_once_one_does() {
    let home = Home::new();
    let servers = three(&home).await;
    for round in 0..10 {
        let text = format!("/round/{round}");
        let puts: Vec<_> = servers
            .iter()
            .map(|server| {
                let (store, request) = (server.store(&place(1), "tester"), request(&text, "v"));
                tokio::spawn(async move { store.put(&request).await })
            })
            .collect();
        let mut made = 0;
        for put in puts {
            match put.await.unwrap() {
                Ok(outcome) => made += i32::from(outcome.version.get() == 1),
                Err(error) => assert_eq!(error.kind, StoreErrorKind::ParameterAlreadyExists, "{error}"),
            }
        }
        assert_eq!(made, 1);
    }
}

#[tokio::test]
async fn accounts_and_regions_know_nothing_of_each_other() {
    let home = Home::new();
    let database = home.open().await;
    assert!(database.places().await.unwrap().is_empty());
    let london = parados_parameter::AccountRegion::new(place(1).account(), "eu-west-2").unwrap();
    for at in [&place(2), &london, &place(1)] {
        database.store(at, "tester").put(&request("/a", &at.to_string())).await.unwrap();
    }
    assert_eq!(database.places().await.unwrap(), [place(1), london.clone(), place(2)]);
    let read = database.store(&london, "tester").get(&ParameterReference::newest(name("/a"))).await.unwrap();
    assert_eq!(read.value.reveal(), london.to_string());
    assert_eq!(read.arn.unwrap(), format!("arn:aws:ssm:eu-west-2:{}:parameter/a", london.account()));
    database.store(&london, "tester").delete(&name("/a")).await.unwrap();
    assert_eq!(database.places().await.unwrap(), [place(1), place(2)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_acts_once_however_many_servers_sweep() {
    let home = Home::new();
    let servers = three(&home).await;
    let policies = r#"[{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":"2100-01-02T00:00:00.000Z"}},
        {"Type":"ExpirationNotification","Version":"1.0","Attributes":{"Before":"1","Unit":"Days"}}]"#;
    let store = servers[0].store(&place(1), "tester");
    for n in 0..10 {
        let put = PutRequest {
            tier: Some(TierRequest::Advanced),
            policies: Some(Policy::parse_list(policies).unwrap()),
            ..request(&format!("/expires/{n}"), "v")
        };
        store.put(&put).await.unwrap();
    }
    let sweep = async |now: &str| {
        let now: Timestamp = now.parse().unwrap();
        let sweeps: Vec<_> = servers
            .iter()
            .map(|server| {
                let server = server.clone();
                tokio::spawn(async move { server.sweep(now).await.unwrap() })
            })
            .collect();
        let mut total = SweepReport::default();
        for sweep in sweeps {
            let report = sweep.await.unwrap();
            total.expired += report.expired;
            total.notified += report.notified;
        }
        total
    };
    assert_eq!(sweep("2099-12-31T23:59:59Z").await, SweepReport::default());
    assert_eq!(sweep("2100-01-01T00:00:00Z").await, SweepReport { expired: 0, notified: 10 });
    let described = store.describe(&DescribeRequest::default()).await.unwrap().items;
    let statuses = described[0].policies.iter().map(|policy| policy.policy_status.as_deref().unwrap());
    assert_eq!(statuses.collect::<Vec<_>>(), ["Pending", "Finished"]);
    assert_eq!(sweep("2100-01-02T00:00:00Z").await, SweepReport { expired: 10, notified: 0 });
    assert!(servers[1].places().await.unwrap().is_empty());
    let changes = servers[2].changes(&ChangeCursor::default(), 1000).await.unwrap().changes;
    let count = |kind| changes.iter().filter(|change| change.kind == kind).count();
    assert_eq!((count(ChangeKind::ExpirationNotification), count(ChangeKind::Expiration)), (10, 10));
}

#[tokio::test]
async fn a_tier_takes_as_many_as_it_is_limited_to() {
    let home = Home::new();
    let database = home.open().await;
    database.limit_tiers(FEW);
    assert_tiers_are_limited(&database.store(&place(1), "tester")).await;
    home.open().await.store(&place(1), "tester").put(&request("/unlimited", "v")).await.unwrap();
}
