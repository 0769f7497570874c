//! One project's environment: its declaration, the places that it is in, and what is there now.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use parados_parameter::SharedStore;
use thiserror::Error;

use crate::cloud::{CallError, Cloud};
use crate::declaration::{Declaration, DeclarationError, DeclaredResource, Scope, rendered_text};
use crate::graph;
use crate::inventory::{Inventory, InventoryError, Records, record_key};
use crate::kind::{At, Contents, Live, Outputs, Spec};

/// What stands in a text for what is known only when something is made.
const UNKNOWN: (char, char) = ('⟨', '⟩');

/// Why a stack cannot be looked at.
#[derive(Clone, Debug, Error)]
pub enum StackError {
    /// The declaration.
    #[error(transparent)]
    Declaration(#[from] DeclarationError),
    /// A resource could not be read.
    #[error("{resource}: {error}")]
    Read {
        /// What the declaration calls it.
        resource: String,
        /// Why.
        error: CallError,
    },
    /// The inventory.
    #[error(transparent)]
    Inventory(#[from] InventoryError),
    /// A target that no session was opened for.
    #[error("the target `{0}` is not open")]
    NoTarget(String),
}

/// A project's environment.
#[derive(Clone, Debug)]
pub struct Stack {
    /// The project.
    pub project: String,
    /// The environment.
    pub environment: String,
    /// What is declared.
    pub declaration: Declaration,
    /// The environment's own place.
    pub main: Cloud,
    /// The places of the declaration's targets, by name.
    pub targets: BTreeMap<String, Cloud>,
    /// What was made.
    pub inventory: Inventory,
    /// The resources in an order in which each comes after what it needs.
    order: Vec<String>,
}

/// A resource as it is declared, beside what is there.
#[derive(Clone, Debug)]
pub struct Observed {
    /// What the declaration calls it.
    pub resource: String,
    /// What is declared.
    pub spec: Spec,
    /// Where and whose.
    pub at: At,
    /// The target, where it is not in the environment's own place.
    pub target: Option<String>,
    /// What it needs.
    pub depends_on: BTreeSet<String>,
    /// What the cloud calls it, where that is known.
    pub id: Option<String>,
    /// What is there.
    pub live: Option<Live>,
    /// The name of its record.
    pub key: String,
}

/// Everything that a plan is made from.
#[derive(Clone, Debug)]
pub struct Observation {
    /// The resources, each after what it needs.
    pub resources: Vec<Observed>,
    /// What was made.
    pub records: Records,
    /// What the stack says of itself.
    pub outputs: BTreeMap<String, String>,
}

impl Stack {
    /// A stack of `declaration` in `main`, and for resources that say so in `targets`.
    ///
    /// # Errors
    /// [`DeclarationError`] when resources need one another in a circle.
    pub fn new(
        (project, environment): (&str, &str),
        declaration: Declaration,
        store: SharedStore,
        main: Cloud,
        targets: BTreeMap<String, Cloud>,
    ) -> Result<Self, DeclarationError> {
        let names: Vec<String> = declaration.resources.iter().map(|one| one.name.clone()).collect();
        let needs = declaration.resources.iter().map(|one| (one.name.clone(), one.depends_on.clone())).collect();
        let order = graph::order(&names, &needs).map_err(|cycle| {
            let place = declaration.resources.iter().find(|one| cycle.0.contains(&one.name)).map(|one| &one.place);
            let error = DeclarationError::new(cycle.to_string(), "take one of the references, or a `depends_on`, out");
            DeclarationError { place: place.cloned(), ..error }
        })?;
        Ok(Self {
            project: project.to_owned(),
            environment: environment.to_owned(),
            declaration,
            main,
            targets,
            inventory: Inventory::new(store, project, environment),
            order,
        })
    }

    /// What the owner tag of its resources says.
    pub fn owner(&self) -> String {
        format!("{}/{}", self.project, self.environment)
    }

    /// The place of a target; the environment's own without one.
    ///
    /// # Errors
    /// [`StackError::NoTarget`] when it is not open.
    pub fn cloud(&self, target: Option<&str>) -> Result<&Cloud, StackError> {
        match target {
            None => Ok(&self.main),
            Some(name) => self.targets.get(name).ok_or_else(|| StackError::NoTarget(name.to_owned())),
        }
    }

    /// Reads what is there: every resource once, all at the same time that do not wait for what another one tells.
    ///
    /// # Errors
    /// [`StackError`]; of several the first in the order of the declaration.
    pub async fn observe(&self) -> Result<Observation, StackError> {
        let records = self.inventory.read().await?;
        let mut outputs: BTreeMap<String, Outputs> = BTreeMap::new();
        let mut done: BTreeMap<String, Observed> = BTreeMap::new();
        while done.len() < self.order.len() {
            let mut ready = Vec::new();
            for name in self.order.iter().filter(|name| !done.contains_key(*name)) {
                let declared = self.declared(name);
                if !declared.depends_on.iter().all(|needed| outputs.contains_key(needed)) {
                    continue;
                }
                let observed = self.resolve(declared, &outputs, &records)?;
                let early = observed.spec.outputs(&observed.at, None);
                if early.values().all(Option::is_some) {
                    outputs.insert(name.clone(), early);
                }
                ready.push(observed);
            }
            let reads = ready.iter().map(async |one| {
                let cloud = self.cloud(one.target.as_deref())?;
                let known = records.of(&one.key).map(|record| record.id.clone().or_else(|| one.id.clone()));
                // What will be called by something that is not there yet is not there either.
                if one.id.as_deref().is_some_and(is_unknown) {
                    return Ok(None);
                }
                let read = one.spec.read(cloud, &one.at, known.flatten().as_deref()).await;
                read.map_err(|error| StackError::Read { resource: one.resource.clone(), error })
            });
            let reads = join_all(reads).await;
            for (mut one, live) in ready.into_iter().zip(reads) {
                one.live = live?;
                outputs.insert(one.resource.clone(), one.spec.outputs(&one.at, one.live.as_ref()));
                if let Some(live) = &one.live {
                    one.id = Some(live.id.clone());
                }
                done.insert(one.resource.clone(), one);
            }
        }
        let resources = self.order.iter().filter_map(|name| done.remove(name)).collect();
        let outputs = self.stack_outputs(&outputs)?;
        Ok(Observation { resources, records, outputs })
    }

    /// What deleting everything that was made would lose, by the names of the records.
    ///
    /// # Errors
    /// [`StackError`] when it cannot be read.
    pub async fn contents(&self, observation: &Observation) -> Result<BTreeMap<String, Contents>, StackError> {
        self.contents_of(observation, |_| true).await
    }

    /// What deleting what was made and is not declared any more would lose, by the names of the records.
    ///
    /// # Errors
    /// [`StackError`] when it cannot be read.
    pub async fn left_contents(&self, observation: &Observation) -> Result<BTreeMap<String, Contents>, StackError> {
        let declared: BTreeSet<&String> = observation.resources.iter().map(|one| &one.key).collect();
        self.contents_of(observation, |key| !declared.contains(key)).await
    }

    async fn contents_of(
        &self,
        observation: &Observation,
        is_asked: impl Fn(&String) -> bool,
    ) -> Result<BTreeMap<String, Contents>, StackError> {
        let recorded = observation.records.made.iter().filter_map(|(key, (record, _))| {
            Some((key, record.resource.as_str(), record.kind, record.id.as_deref()?, record.target.as_deref()))
        });
        let declared = observation.resources.iter().filter(|one| one.live.is_some()).filter_map(|one| {
            Some((&one.key, one.resource.as_str(), one.spec.kind(), one.id.as_deref()?, one.target.as_deref()))
        });
        let mut contents = BTreeMap::new();
        for (key, resource, kind, id, target) in recorded.chain(declared) {
            if contents.contains_key(key) || !is_asked(key) {
                continue;
            }
            let found = kind.contents(self.cloud(target)?, id).await;
            let found = found.map_err(|error| StackError::Read { resource: resource.to_owned(), error })?;
            contents.insert(key.clone(), found);
        }
        Ok(contents.into_iter().filter_map(|(key, found)| Some((key, found?))).collect())
    }

    /// A resource with its expressions rendered by the outputs that are known.
    pub(crate) fn resolve(
        &self,
        declared: &DeclaredResource,
        outputs: &BTreeMap<String, Outputs>,
        records: &Records,
    ) -> Result<Observed, StackError> {
        let cloud = self.cloud(declared.target.as_deref())?;
        let node = declared.rendered(&self.scope(cloud, outputs))?;
        let spec = declared.kind.parse(&node)?;
        let at = At {
            owner: self.owner(),
            resource: declared.name.clone(),
            account: cloud.account.clone(),
            region: cloud.region.clone(),
            partition: cloud.partition.clone(),
        };
        let declared_id = spec.id(&at);
        let key = record_key(&declared.name, declared.kind, declared_id.as_deref(), &at.account, &at.region);
        let id = declared_id.or_else(|| records.of(&key).and_then(|record| record.id.clone()));
        Ok(Observed {
            resource: declared.name.clone(),
            spec,
            at,
            target: declared.target.clone(),
            depends_on: declared.depends_on.clone(),
            id,
            live: None,
            key,
        })
    }

    /// The declaration of a resource.
    pub(crate) fn declared(&self, name: &str) -> &DeclaredResource {
        let found = self.declaration.resources.iter().find(|one| one.name == name);
        found.expect("the order has the names of the declaration")
    }

    /// What the stack says of itself, by what its resources say.
    pub(crate) fn stack_outputs(
        &self,
        outputs: &BTreeMap<String, Outputs>,
    ) -> Result<BTreeMap<String, String>, StackError> {
        let scope = self.scope(&self.main, outputs);
        let rendered =
            self.declaration.outputs.iter().map(|(name, node)| Ok((name.clone(), rendered_text(node, &scope)?)));
        rendered.collect()
    }

    fn scope(&self, cloud: &Cloud, outputs: &BTreeMap<String, Outputs>) -> Scope {
        let resources = outputs.iter().map(|(resource, outputs)| {
            let known = outputs.iter().map(|(name, value)| {
                let (open, close) = UNKNOWN;
                (name.clone(), value.clone().unwrap_or_else(|| format!("{open}{resource}.{name}{close}")))
            });
            (resource.clone(), known.collect())
        });
        Scope {
            project: self.project.clone(),
            environment: self.environment.clone(),
            account: cloud.account.clone(),
            region: cloud.region.clone(),
            partition: cloud.partition.clone(),
            values: self.declaration.values.clone(),
            resources: resources.collect(),
        }
    }
}

/// Whether a text holds what will only be known later.
pub(crate) fn is_unknown(text: &str) -> bool {
    text.contains(UNKNOWN.0) && text.contains(UNKNOWN.1)
}
