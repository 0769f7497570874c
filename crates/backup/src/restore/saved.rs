//! The saved form of a plan, and its hash.

use serde::Deserialize;
use thiserror::Error;

use super::plan::{FORMAT_VERSION, PlanHash, RestorePlan};
use crate::document::Digest;

/// A file that is no plan which can be applied.
#[derive(Debug, Error)]
pub enum SavedPlanError {
    /// It is not JSON, or not a plan's.
    #[error("it is not a saved plan")]
    Content(#[source] serde_json::Error),
    /// A newer Parados wrote it.
    #[error("it is of format {found}, and this Parados reads up to format {FORMAT_VERSION}")]
    NewerFormat {
        /// Its format.
        found: u32,
    },
}

#[derive(Deserialize)]
struct Format {
    format_version: u32,
}

impl RestorePlan {
    /// The plan as it is saved: JSON for a person to read, ended by a line feed. The same plan gives the same bytes.
    pub fn to_saved(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec_pretty(self).expect("a plan is texts, numbers and lists of them");
        json.push(b'\n');
        json
    }

    /// The SHA-256 of its saved form: what `sha256sum` says of the file.
    pub fn hash(&self) -> PlanHash {
        PlanHash(Digest::of(&self.to_saved()))
    }

    /// Reads a saved plan. One that was laid out anew, but says the same, has the same hash.
    ///
    /// # Errors
    /// [`SavedPlanError`].
    pub fn from_saved(bytes: &[u8]) -> Result<Self, SavedPlanError> {
        let Format { format_version } = serde_json::from_slice(bytes).map_err(SavedPlanError::Content)?;
        if format_version > FORMAT_VERSION {
            return Err(SavedPlanError::NewerFormat { found: format_version });
        }
        serde_json::from_slice(bytes).map_err(SavedPlanError::Content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::restore::{Estimate, PlanId, PlanSource, PlannedOptions, StoreIdentity};
    use crate::signature::SigningKey;
    use crate::target::StoreKind;

    /// A plan that does nothing, from a file.
    fn plan() -> RestorePlan {
        RestorePlan {
            format_version: FORMAT_VERSION,
            id: PlanId::from_bytes([7; 8]),
            created_at: "2025-10-15T12:00:45Z".parse().unwrap(),
            tool: "parados 0.1.0".into(),
            source: PlanSource::Document { path: "a.json".into(), digest: Digest::of(b"a") },
            into: StoreIdentity {
                kind: StoreKind::Aws,
                account: "123456789012".into(),
                region: "eu-west-1".into(),
                folder: None,
                database: None,
            },
            options: PlannedOptions::default(),
            fingerprint_key: SigningKey::from_seed(&[9; 32], "").fingerprint_key("r").id().clone(),
            changes: Vec::new(),
            warnings: Vec::new(),
            estimate: Estimate { seconds: 0.1 + 0.2, call_dollars: 1e-7, ..Estimate::default() },
        }
    }

    #[test]
    fn a_plan_has_the_hash_of_its_file_also_when_it_was_laid_out_anew() {
        let plan = plan();
        let saved = plan.to_saved();
        assert_eq!(plan.hash(), PlanHash(Digest::of(&saved)));
        assert_eq!(RestorePlan::from_saved(&saved).unwrap(), plan);
        let value: serde_json::Value = serde_json::from_slice(&saved).unwrap();
        let anew = RestorePlan::from_saved(value.to_string().as_bytes()).unwrap();
        assert_eq!(anew.hash(), plan.hash());
        let other = RestorePlan { tool: "another".into(), ..plan.clone() };
        assert_ne!(other.hash(), plan.hash());
    }

    #[test]
    fn what_is_no_plan_is_refused_and_a_newer_one_by_its_format() {
        let saved = String::from_utf8(plan().to_saved()).unwrap();
        let newer = saved.replace("\"format_version\": 1", "\"format_version\": 2").replace("\"changes\"", "\"x\"");
        assert!(matches!(RestorePlan::from_saved(newer.as_bytes()), Err(SavedPlanError::NewerFormat { found: 2 })));
        for text in ["", "{}", &saved[..saved.len() / 2]] {
            assert!(matches!(RestorePlan::from_saved(text.as_bytes()), Err(SavedPlanError::Content(_))), "{text}");
        }
    }
}
