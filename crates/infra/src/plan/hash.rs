//! The hash of a plan.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::InfraPlan;

/// SHA-256 of a plan, in hexadecimal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct PlanHash(String);

impl PlanHash {
    /// That of `plan`, whatever hash it has.
    pub(super) fn of(plan: &InfraPlan) -> Self {
        let plan = InfraPlan { hash: Self::default(), ..plan.clone() };
        let bytes = serde_json::to_vec(&plan).expect("a plan is JSON");
        Self(hex::encode(Sha256::digest(bytes)))
    }
}

impl fmt::Display for PlanHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
