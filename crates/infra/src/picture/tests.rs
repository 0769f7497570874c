use std::sync::Arc;

use parados_parameter::memory::MemoryStore;
use parados_parameter::{SharedStore, SystemClock};

use super::*;
use crate::cloud::Cloud;
use crate::declaration::Declaration;
use crate::plan::{PlanOptions, plan};
use crate::stack::Stack;

async fn drawn(resources: &str) -> String {
    let store: SharedStore = Arc::new(MemoryStore::new(Arc::new(SystemClock)));
    let declaration = format!("version: 1\nresources:\n{resources}");
    let declaration = Declaration::parse(&[("f".to_owned(), declaration)], "dev").unwrap();
    let cloud = Cloud::local("123456789012", "eu-west-1", store.clone());
    let stack = Stack::new(("shop", "dev"), declaration, store, cloud, BTreeMap::new()).unwrap();
    let observation = stack.observe().await.unwrap();
    picture(&plan(&stack, &observation, Vec::new(), &PlanOptions::default()), &observation)
}

#[tokio::test]
async fn every_resource_and_every_need_is_in_it_and_no_value() {
    let svg = drawn(
        "  a: { kind: parados:store:Parameter, name: /shop/a, value: hunter2 }\n  \
         b: { kind: parados:store:Parameter, name: '/shop/b', value: '{{ resources.a.name }}' }\n",
    )
    .await;
    assert_eq!(svg.matches("<g ").count(), 2, "{svg}");
    assert!(svg.contains("<title>b needs a</title>") && svg.contains("2 create"), "{svg}");
    assert!(svg.contains("/shop/a") && !svg.contains("hunter2"), "{svg}");
}

#[tokio::test]
async fn where_nothing_is_declared_it_says_so() {
    assert!(drawn("").await.contains("nothing is declared"));
}

#[test]
fn texts_are_cut_in_the_middle_and_escaped() {
    assert_eq!(shortened("/shop/dev/backup/name", 11), "/shop…/name");
    assert_eq!(shortened("/shop", 5), "/shop");
    assert_eq!(escaped("a<b>&\"c\"\u{1b}[2J"), "a&lt;b&gt;&amp;&quot;c&quot;\u{fffd}[2J");
}
