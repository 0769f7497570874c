//! What a drill leaves behind: a line of JSON that is signed, so that whoever asks later whether restores work is shown more than
//! a word. FORMAT.md, "Evidence", is normative.
//!
//! Owns the form and the signature. What stands in it is the drill's.

use std::fmt;

use jiff::Timestamp;
use parados_parameter::ParameterName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::field::Field;
use crate::restore::{PlanHash, PlanId, PlanSource};
use crate::signature::SigningKey;
use crate::signed_line::{self, SignedLine, SignedLineError};
use crate::target::StoreKind;

/// What a drill came to. Holds names, and no value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// [`signed_line::FORMAT_VERSION`].
    pub format_version: u32,
    /// The drill; the plan's id, too.
    pub id: PlanId,
    /// How it ended.
    pub verdict: DrillVerdict,
    /// What was restored.
    pub source: PlanSource,
    /// More of it, where it is a snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<DrilledSnapshot>,
    /// Which of its parameters, in words.
    pub selector: String,
    /// What it was restored into.
    pub into: DrillPlace,
    /// The hash of the plan; absent where none could be made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub plan: Option<PlanHash>,
    /// When it began.
    #[schemars(with = "String")]
    pub started_at: Timestamp,
    /// When it ended.
    #[schemars(with = "String")]
    pub finished_at: Timestamp,
    /// How long what took.
    pub times: DrillTimes,
    /// How many.
    pub counts: DrillCounts,
    /// What of each parameter was compared.
    pub compared: Vec<Field>,
    /// What is not as it was, by name.
    pub differences: Vec<Difference>,
    /// What could not be restored, or not wholly, by name.
    pub unrestored: Vec<Unrestored>,
    /// What of the scratch prefix could not be removed, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub left_behind: Vec<ParameterName>,
    /// Why it failed, or ended early; absent otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What made it: `parados 0.1.0`.
    pub tool: String,
    /// Who signs, as one line of OpenSSH's form.
    pub signer: String,
}

/// How a drill ended. Each has an exit code of its own in the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DrillVerdict {
    /// Every parameter came back, and nothing of it is different.
    Passed,
    /// What came back is as it was, and something could not be restored: each is named with the reason.
    Partial,
    /// Something came back different.
    Different,
    /// Nothing was proved: nothing could be restored, or it could not be read back.
    Failed,
}

/// What a manifest says of the snapshot that was drilled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DrilledSnapshot {
    /// Its place in its chain.
    pub sequence: u64,
    /// Parameters in it.
    pub parameters: u64,
    /// Who signed it.
    pub signer: String,
}

/// Where a drill restores to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DrillPlace {
    /// What kind of store it is; an embedded one is made for the drill and removed after it.
    pub kind: StoreKind,
    /// The AWS account; `000000000000` for an embedded store.
    pub account: String,
    /// The AWS Region; `embedded` for an embedded store.
    pub region: String,
    /// What all names begin with, in a store that is used for other things too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
}

/// Seconds since the drill began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DrillTimes {
    /// The plan was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned: Option<f64>,
    /// The first parameter was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<f64>,
    /// The last one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<f64>,
    /// Everything was read back and compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compared: Option<f64>,
    /// What was made for the drill was removed: its end.
    pub ended: f64,
}

/// How many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DrillCounts {
    /// Parameters that were to come back.
    pub wanted: u64,
    /// Of these, those that came back and in which nothing differs.
    pub equal: u64,
    /// Of these, those that came back different, and those that came back and should not have.
    pub different: u64,
    /// Of these, those that did not come back, or not wholly.
    pub unrestored: u64,
    /// Versions that were compared, the newest ones included.
    pub versions: u64,
    /// Calls to the store on the wire.
    pub calls: u64,
    /// Calls that were refused because the quota was used up.
    pub throttles: u64,
}

/// A parameter that came back different.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// Its name in the snapshot, or in the store where the snapshot has none of it.
    #[schemars(with = "String")]
    pub name: ParameterName,
    /// In what. Empty where it should not be there at all.
    pub fields: Vec<Field>,
}

/// A parameter that could not be restored, or not wholly.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Unrestored {
    /// Its name in the snapshot.
    #[schemars(with = "String")]
    pub name: ParameterName,
    /// Why.
    pub reason: String,
}

impl SignedLine for Evidence {
    const NAMESPACE: &'static str = "parados-evidence";

    fn signer(&self) -> &str {
        &self.signer
    }
}

/// Evidence as it is kept: the line, and its signature in a file of its own beside it, as `ssh-keygen -Y sign` leaves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedEvidence {
    /// One line of JSON, ended by a line feed.
    pub line: Vec<u8>,
    /// The armored signature over exactly that.
    pub signature: Vec<u8>,
}

impl SignedEvidence {
    /// Signs `evidence` with the key that it names.
    ///
    /// # Errors
    /// [`SignedLineError::Signature`] when the key does not sign.
    pub fn sign(evidence: &Evidence, key: &SigningKey) -> Result<Self, SignedLineError> {
        let signed = signed_line::sign(evidence, key)?;
        let end = signed.iter().position(|byte| *byte == b'\n').map_or(signed.len(), |at| at + 1);
        Ok(Self { line: signed[..end].to_vec(), signature: signed[end..].to_vec() })
    }

    /// Reads it, and checks that whoever it names as its signer signed it. Whether that signer is trusted is the caller's to say.
    ///
    /// # Errors
    /// [`SignedLineError`].
    pub fn read(&self) -> Result<Evidence, SignedLineError> {
        signed_line::read(&[self.line.as_slice(), &self.signature].concat())
    }
}

impl DrillVerdict {
    /// The verdict in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Partial => "partial",
            Self::Different => "different",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for DrillVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
pub(super) mod tests;
