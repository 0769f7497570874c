//! An account, a declaration, and what is done with it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use parados_aws::{SdkConfig, Session, SessionOptions, SharedCredentialsProvider};
use parados_infra::apply::{ApplyContext, ApplyError, ApplyReport, ApplyVerdict, apply};
use parados_infra::cloud::{CallGate, Cloud, Patience};
use parados_infra::declaration::Declaration;
use parados_infra::inventory::Holder;
use parados_infra::plan::{InfraPlan, PlanOptions, plan, plan_destroy};
use parados_infra::stack::{Observation, Stack, StackError};
use parados_parameter::memory::MemoryStore;
use parados_parameter::{SharedStore, SystemClock};
use testkit::Moto;

/// What a bucket, the role that writes into it, its key and the parameter that names it are declared by.
pub(crate) const WHOLE: &str = r#"
version: 1
resources:
  key:
    kind: aws:kms:Key
    description: snapshots
    tags: { team: core }
  alias:
    kind: aws:kms:Alias
    name: "alias/{{ project }}-{{ environment }}"
    key: "{{ resources.key.id }}"
  bucket:
    kind: aws:s3:Bucket
    name: "{{ project }}-backup-{{ environment }}-{{ account }}"
    versioning: true
    encryption: { algorithm: "aws:kms", key: "{{ resources.key.arn }}" }
    object_lock: { mode: GOVERNANCE, days: 7 }
    lifecycle:
      - { id: old, prefix: "20", expiration_days: 30, noncurrent_expiration_days: 7 }
    policy: { require_tls: true, require_encryption: true }
    tags: { team: core }
  backup:
    kind: aws:iam:Policy
    name: "{{ project }}-backup"
    for_backup: { bucket: "{{ resources.bucket.arn }}", bucket_key: "{{ resources.key.arn }}" }
  role:
    kind: aws:iam:Role
    name: "{{ project }}-backup"
    description: the backup job
    trust: { services: [ec2.amazonaws.com] }
    policies: ["{{ resources.backup.arn }}"]
  name:
    kind: aws:ssm:Parameter
    name: "/{{ project }}/{{ environment }}/backup/s3-bucket-name"
    value: "{{ resources.bucket.name }}"
outputs:
  key: "{{ resources.key.arn }}"
"#;

/// An account.
pub(crate) struct World {
    pub(crate) moto: Moto,
    pub(crate) session: Session,
    pub(crate) store: SharedStore,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::in_region("eu-west-1").await
    }

    pub(crate) async fn in_region(region: &str) -> Self {
        let moto = Moto::start();
        let session = session(&moto, region).await;
        Self { moto, session, store: Arc::new(MemoryStore::new(Arc::new(SystemClock))) }
    }

    pub(crate) fn stack(&self, declaration: &str, gate: Option<Arc<dyn CallGate>>) -> Stack {
        let patience = Patience { budget: Duration::from_secs(2), first_pause: Duration::from_millis(1) };
        let cloud = Cloud::aws(&self.session, self.store.clone()).with_patience(patience);
        let cloud = match gate {
            Some(gate) => cloud.with_gate(gate),
            None => cloud,
        };
        stack_in(declaration, cloud, self.store.clone())
    }

    /// Does what `declaration` says, and has to be able to.
    pub(crate) async fn up(&self, declaration: &str) -> ApplyReport {
        let report = up(&self.stack(declaration, None)).await.unwrap();
        assert_eq!(report.verdict, ApplyVerdict::Complete, "{report:#?}");
        report
    }

    /// What there is to do.
    pub(crate) async fn preview(&self, declaration: &str) -> InfraPlan {
        let stack = self.stack(declaration, None);
        make(&stack, &stack.observe().await.unwrap())
    }
}

pub(crate) async fn session(moto: &Moto, region: &str) -> Session {
    let keys = Credentials::new("testing", "testing", None, None, "test");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(moto.url())
        .region(Region::new(region.to_owned()))
        .credentials_provider(SharedCredentialsProvider::new(keys))
        .build();
    Session::from_config(config, SessionOptions::default(), Arc::new(SystemClock)).await.unwrap()
}

pub(crate) fn stack_in(declaration: &str, cloud: Cloud, store: SharedStore) -> Stack {
    let declaration = Declaration::parse(&[("infra/test.yaml".to_owned(), declaration.to_owned())], "dev").unwrap();
    Stack::new(("shop", "dev"), declaration, store, cloud, BTreeMap::new()).unwrap()
}

pub(crate) fn make(stack: &Stack, observation: &Observation) -> InfraPlan {
    plan(stack, observation, Vec::new(), &PlanOptions::default())
}

pub(crate) fn holder(process: u32) -> Holder {
    Holder { user: "me".into(), host: "here".into(), process }
}

/// Makes a plan and does it.
pub(crate) async fn up(stack: &Stack) -> Result<ApplyReport, ApplyError> {
    let observation = stack.observe().await?;
    let plan = make(stack, &observation);
    carry_out(stack, &observation, &plan, holder(1), async |now: &Observation| Ok(make(stack, now))).await
}

/// Deletes everything.
pub(crate) async fn destroy(stack: &Stack) -> Result<ApplyReport, ApplyError> {
    let observation = stack.observe().await?;
    let make = async |now: &Observation| {
        let contents = stack.contents(now).await?;
        Ok(plan_destroy(stack, now, &contents, true))
    };
    let plan = make(&observation).await?;
    carry_out(stack, &observation, &plan, holder(1), make).await
}

pub(crate) async fn carry_out(
    stack: &Stack,
    observation: &Observation,
    plan: &InfraPlan,
    holder: Holder,
    make: impl AsyncFn(&Observation) -> Result<InfraPlan, StackError>,
) -> Result<ApplyReport, ApplyError> {
    let context = ApplyContext { stack, holder, is_gone: &|_| false, clock: Arc::new(SystemClock), observer: &|_| {} };
    apply(&context, &plan.hash, observation, make, &mut (Box::pin(std::future::pending()) as _)).await
}

/// Does a plan where every other holder of a lease is gone.
pub(crate) async fn carry_out_alone(
    stack: &Stack,
    observation: &Observation,
    plan: &InfraPlan,
) -> Result<ApplyReport, ApplyError> {
    let context =
        ApplyContext { stack, holder: holder(2), is_gone: &|_| true, clock: Arc::new(SystemClock), observer: &|_| {} };
    let make = async |now: &Observation| Ok(make(stack, now));
    apply(&context, &plan.hash, observation, make, &mut (Box::pin(std::future::pending()) as _)).await
}
