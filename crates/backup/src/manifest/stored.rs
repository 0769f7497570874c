//! The stored form of a manifest: one line of JSON, and the armored signature over exactly that line.
//!
//! `parameters` is the last member of the JSON object and nothing is written between tokens, so the bytes
//! `,"parameters":[` occur once, outside of every string (in a string the quotes would be escaped): what stands before them
//! is the summary.

use std::io::{self, Write as _};

use bytes::Bytes;

use super::{
    FORMAT_VERSION, MAX_MANIFEST_BYTES, MAX_PARAMETERS, Manifest, ManifestDraft, ManifestError, ManifestSummary,
    ParameterEntry, Previous, check_parameters, entries,
};
use crate::document::{Digest, Measured};
use crate::signature::{self, MANIFEST_NAMESPACE, PublicKey, SigningKey};

/// What stands between the summary and the parameters.
pub(crate) const PARAMETERS_MARKER: &[u8] = b",\"parameters\":[";
/// Ends the line.
const END: &[u8] = b"]}\n";
const START: &[u8] = b"{\"format_version\":";
const SIGNATURE_BEGINS: &str = "-----BEGIN SSH SIGNATURE-----\n";
const SIGNATURE_ENDS: &str = "-----END SSH SIGNATURE-----\n";
/// From here on hashing a manifest takes longer than starting a thread for it.
const LARGE_BYTES: usize = 1024 * 1024;
/// An ed25519 signature has about 300 bytes.
pub(super) const MAX_SIGNATURE_BYTES: usize = 4096;

/// A draft whose parameters are serialised, so that each attempt to commit it costs no more than its summary.
#[derive(Clone, Debug)]
pub struct EncodedDraft {
    /// `sequence`, `previous` and `signer` are still to be set.
    summary: ManifestSummary,
    parameters: Bytes,
}

/// A manifest as it is stored: its bytes in order, in few pieces.
#[derive(Clone, Debug)]
pub struct EncodedManifest {
    /// What it says, without the parameters.
    pub summary: ManifestSummary,
    /// The bytes.
    pub chunks: Vec<Bytes>,
    /// Of all of them.
    pub digest: Digest,
}

impl ManifestDraft {
    /// Sorts and serialises the parameters and lets go of them.
    ///
    /// # Errors
    /// [`ManifestError::Invalid`] when the draft breaks a rule of the format, such as a name that is there twice.
    pub fn encode(mut self) -> Result<EncodedDraft, ManifestError> {
        self.parameters.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let summary = ManifestSummary {
            format_version: FORMAT_VERSION,
            id: self.id,
            sequence: 1,
            previous: None,
            target: self.target,
            purpose: self.purpose,
            tool: self.tool,
            started_at: self.started_at,
            finished_at: self.finished_at,
            verdict: self.verdict,
            counts: self.counts,
            document: self.document,
            recipients: self.recipients,
            fingerprint_key: self.fingerprint_key,
            signer: String::new(),
            selector: self.selector,
            with_history: self.with_history,
            with_labels: self.with_labels,
            missing: self.missing,
        };
        summary.check()?;
        check_parameters(&summary, &self.parameters)?;
        let mut json = Vec::with_capacity(4096);
        for (position, entry) in self.parameters.into_iter().enumerate() {
            if position > 0 {
                json.push(b',');
            }
            entries::write(&mut json, &entry);
        }
        Ok(EncodedDraft { summary, parameters: json.into() })
    }
}

impl EncodedDraft {
    /// What was drafted. Its sequence, previous manifest and signer are not yet true.
    pub fn summary(&self) -> &ManifestSummary {
        &self.summary
    }

    /// The manifest at a place in the chain, signed.
    ///
    /// # Errors
    /// [`ManifestError::Invalid`] when place and previous do not fit; [`ManifestError::Signature`] when the key does not sign.
    pub fn place(
        &self,
        sequence: u64,
        previous: Option<Previous>,
        key: &SigningKey,
    ) -> Result<EncodedManifest, ManifestError> {
        let mut summary = self.summary.clone();
        (summary.sequence, summary.previous, summary.signer) = (sequence, previous, key.public_line());
        summary.check()?;
        let mut head = serde_json::to_vec(&summary).map_err(ManifestError::Content)?;
        head.pop(); // the closing brace
        head.extend_from_slice(PARAMETERS_MARKER);
        let mut measured = Measured::new(io::sink());
        let mut measure = |bytes: &[u8]| {
            measured.write_all(bytes).expect("a sink takes all bytes");
            measured.digest()
        };
        let signed = [head.as_slice(), &self.parameters, END].map(&mut measure)[2];
        let armored = key.sign(MANIFEST_NAMESPACE, &signed).map_err(ManifestError::Signature)?;
        let digest = measure(armored.as_bytes());
        let chunks: Vec<Bytes> = vec![head.into(), self.parameters.clone(), [END, armored.as_bytes()].concat().into()];
        Ok(EncodedManifest { summary, chunks, digest })
    }
}

impl Manifest {
    /// Parses a stored manifest and checks its rules and its signature against the signer that it names. Whether that signer
    /// is to be trusted is the caller's question.
    ///
    /// # Errors
    /// [`ManifestError`], a different one for each way in which it can be wrong. Nothing of it is believed before the
    /// signature is checked, except its format's number.
    pub fn parse(stored: &[u8]) -> Result<Self, ManifestError> {
        Self::parse_measured(stored).map(|(manifest, _)| manifest)
    }

    /// As [`parse`](Self::parse), with the digest of the stored manifest.
    pub(crate) fn parse_measured(stored: &[u8]) -> Result<(Self, Digest), ManifestError> {
        let mut parameters = Vec::new();
        let (summary, digest) = Self::walk_measured(stored, |entry| parameters.push(entry))?;
        Ok((Self { summary, parameters }, digest))
    }

    /// As [`parse`](Self::parse), and gives the parameters to `each` as they come rather than keeping them. What was made of them
    /// counts only when this succeeds: of a large manifest the signature is checked meanwhile.
    ///
    /// # Errors
    /// Those of [`parse`](Self::parse).
    pub fn walk(stored: &[u8], each: impl FnMut(ParameterEntry)) -> Result<ManifestSummary, ManifestError> {
        Self::walk_measured(stored, each).map(|(summary, _)| summary)
    }

    /// As [`walk`](Self::walk), with the digest of the stored manifest.
    pub(crate) fn walk_measured(
        stored: &[u8],
        each: impl FnMut(ParameterEntry),
    ) -> Result<(ManifestSummary, Digest), ManifestError> {
        let parts = Parts::of(stored)?;
        let walk = || parts.walk(each);
        // What is not signed is wrong by that, whatever else is.
        let (digest, walked) = if parts.line.len() < LARGE_BYTES {
            (parts.check_signature()?, walk())
        } else {
            std::thread::scope(|scope| {
                let checking = scope.spawn(|| parts.check_signature());
                let walked = walk();
                let digest = checking.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
                Ok((digest, walked))
            })?
        };
        parts.summary.check()?;
        let walked = walked?;
        walked.check(&parts.summary)?;
        Ok((parts.summary, digest))
    }
}

/// A stored manifest, taken apart.
struct Parts<'a> {
    stored: &'a [u8],
    line: &'a [u8],
    armored: &'a str,
    summary: ManifestSummary,
    signer: PublicKey,
    /// Its parameters; none where something stands behind them.
    list: Option<&'a [u8]>,
}

impl<'a> Parts<'a> {
    fn of(stored: &'a [u8]) -> Result<Self, ManifestError> {
        if stored.len() as u64 > MAX_MANIFEST_BYTES {
            return Err(ManifestError::TooLarge(stored.len() as u64));
        }
        check_format(stored)?;
        let end = memchr::memchr(b'\n', stored).ok_or(ManifestError::Truncated("its line has no end"))?;
        let (line, armored) = stored.split_at(end + 1);
        let armored = check_armor(armored)?;
        let marker = find_marker(line).ok_or(ManifestError::invalid("parameters", "they are not its last member"))?;
        let summary: ManifestSummary = parse_head(&line[..marker])?;
        let signer = signature::parse_public_key(&summary.signer).map_err(ManifestError::Signature)?;
        let list = line[marker + PARAMETERS_MARKER.len() - 1..].trim_ascii_end().strip_suffix(b"}");
        Ok(Self { stored, line, armored, summary, signer, list })
    }

    fn walk(&self, each: impl FnMut(ParameterEntry)) -> Result<entries::Walked, ManifestError> {
        let list = self.list.ok_or(ManifestError::invalid("parameters", "they are not its last member"))?;
        entries::walk(list, each)
    }

    /// The digest of the whole, where the signature is right. What is signed is the beginning of what is stored, so hashing it once makes
    /// both digests.
    fn check_signature(&self) -> Result<Digest, ManifestError> {
        let mut measured = Measured::new(io::sink());
        measured.write_all(self.line).expect("a sink takes all bytes");
        let signed = measured.digest();
        measured.write_all(&self.stored[self.line.len()..]).expect("a sink takes all bytes");
        signature::verify_measured(MANIFEST_NAMESPACE, (self.line, &signed), self.armored, &self.signer)
            .map_err(ManifestError::Signature)?;
        Ok(measured.digest())
    }
}

/// Parses the summary from the first bytes of a stored manifest, which hold the marker. Its signature is not checked: the
/// rest of the manifest would be needed for that.
pub(crate) fn parse_summary(beginning: &[u8]) -> Result<ManifestSummary, ManifestError> {
    check_format(beginning)?;
    let marker = find_marker(beginning).ok_or(ManifestError::Truncated("it ends before its parameters"))?;
    let summary: ManifestSummary = parse_head(&beginning[..marker])?;
    summary.check()?;
    Ok(summary)
}

fn parse_head(head: &[u8]) -> Result<ManifestSummary, ManifestError> {
    serde_json::from_slice(&[head, b"}"].concat()).map_err(ManifestError::Content)
}

pub(super) fn find_marker(bytes: &[u8]) -> Option<usize> {
    // The marker begins with a comma and a quote; a newline would end the line before it.
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == b',') {
        let at = from + at;
        if bytes[at..].starts_with(PARAMETERS_MARKER) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

/// Reads the format's number, which is the first member of every format that there will be.
fn check_format(stored: &[u8]) -> Result<(), ManifestError> {
    let rest = match stored.strip_prefix(START) {
        Some(rest) => rest,
        None if START.starts_with(stored) => return Err(ManifestError::Truncated("it ends in its first bytes")),
        None => return Err(ManifestError::NotAManifest),
    };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == rest.len() {
        return Err(ManifestError::Truncated("it ends in its first bytes"));
    }
    let number = std::str::from_utf8(&rest[..digits]).ok().and_then(|digits| digits.parse().ok());
    match number {
        Some(FORMAT_VERSION) => Ok(()),
        Some(found) if found > FORMAT_VERSION => Err(ManifestError::NewerFormat { found, supported: FORMAT_VERSION }),
        _ => Err(ManifestError::NotAManifest),
    }
}

pub(super) fn check_armor(armored: &[u8]) -> Result<&str, ManifestError> {
    use crate::signature::SignatureError::Malformed;
    if armored.is_empty() {
        return Err(ManifestError::Truncated("it has no signature"));
    }
    if armored.len() > MAX_SIGNATURE_BYTES {
        return Err(ManifestError::Signature(Malformed));
    }
    let text = std::str::from_utf8(armored).map_err(|_| ManifestError::Signature(Malformed))?;
    match (text.starts_with(SIGNATURE_BEGINS), text.ends_with(SIGNATURE_ENDS)) {
        (true, true) => Ok(text),
        (true, false) => Err(ManifestError::Truncated("its signature has no end")),
        (false, _) if SIGNATURE_BEGINS.starts_with(text) => Err(ManifestError::Truncated("its signature has no end")),
        (false, _) => Err(ManifestError::Signature(Malformed)),
    }
}

const _: () = assert!(MAX_PARAMETERS as u64 * 400 < MAX_MANIFEST_BYTES);
