//! The files that a drill leaves: the signed line, its signature, and the page.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use parados_backup::drill::evidence::{Evidence, SignedEvidence};
use parados_backup::drill::page::page;
use schemars::JsonSchema;
use serde::Serialize;

use crate::error::{Failure, Result};
use crate::wiring::keys::private_folder;

/// Where the evidence is.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct EvidenceFiles {
    /// The line of JSON.
    pub(super) evidence: PathBuf,
    /// Its signature, as `ssh-keygen -Y verify` takes it.
    pub(super) signature: PathBuf,
    /// The page.
    pub(super) page: PathBuf,
}

/// Writes them into `folder`, which is made where it is missing; nothing that is there is replaced.
pub(super) fn write(folder: &Path, evidence: &Evidence, signed: &SignedEvidence) -> Result<EvidenceFiles> {
    private_folder(folder)?;
    let name = format!("{}-{}", evidence.started_at.strftime("%Y-%m-%d"), evidence.id);
    let at = |extension: &str| folder.join(format!("{name}.{extension}"));
    let files = EvidenceFiles { evidence: at("json"), signature: at("json.sig"), page: at("html") };
    let page = page(evidence, signed, &format!("{name}.json"));
    for (path, bytes) in [
        (&files.evidence, signed.line.as_slice()),
        (&files.signature, signed.signature.as_slice()),
        (&files.page, page.as_bytes()),
    ] {
        create(path, bytes)
            .map_err(|error| Failure::failed(format!("writing the evidence {}: {error}", path.display())))?;
    }
    Ok(files)
}

fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
