//! Tests of the manifest, and the drafts that other modules' tests use.

use std::io::BufReader;

use parados_parameter::ParameterName;
use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::report::MissingPart;
use crate::signature::{MANIFEST_NAMESPACE, SigningKey};
use crate::target::StoreKind;

pub(crate) fn key() -> SigningKey {
    SigningKey::from_seed(&[1; 32], "parados")
}

pub(crate) fn target() -> Target {
    Target {
        project: "jenkins".into(),
        environment: "dev".into(),
        account: "123456789012".into(),
        region: "eu-west-1".into(),
        store: StoreKind::Aws,
    }
}

fn entry(name: &str, version: i64) -> ParameterEntry {
    ParameterEntry {
        name: ParameterName::observed(name),
        parameter_type: ParameterType::SecureString,
        version: Version::new(version).unwrap(),
        last_modified_date: "2025-10-15T12:00:45.76Z".parse().unwrap(),
        fingerprint: Fingerprint::from_bytes([1; 16]),
        metadata: Fingerprint::from_bytes([2; 16]),
        fields: None,
    }
}

/// A draft of two parameters with the id of `number`.
pub(crate) fn draft(number: u8) -> ManifestDraft {
    ManifestDraft {
        id: SnapshotId::from_bytes([number; 8]),
        target: target(),
        purpose: None,
        tool: "parados 0.1.0".into(),
        started_at: "2025-10-15T12:00:45Z".parse().unwrap(),
        finished_at: "2025-10-15T12:00:50Z".parse().unwrap(),
        verdict: Verdict::Complete,
        counts: Counts { parameters: 2, versions: 2, missing: 0, reused: 0 },
        document: DocumentObject {
            key: "2025-10-15/ssm-backup-dev-20251015_120045.json.zst.age".into(),
            size: 10,
            digest: Digest::of(b"sealed"),
            content_size: 20,
            content_digest: Digest::of(b"content"),
        },
        recipients: vec!["age1abc".into()],
        fingerprint_key: key().fingerprint_key("r").id().clone(),
        selector: "name contains /dev/".into(),
        with_history: false,
        with_labels: true,
        missing: Vec::new(),
        parameters: vec![entry("/dev/b", 2), entry("/dev/a", 1)],
    }
}

fn stored(draft: ManifestDraft) -> Vec<u8> {
    draft.encode().unwrap().place(1, None, &key()).unwrap().chunks.concat()
}

/// The manifest with `from` replaced by `to` in its line, signed again.
fn signed_again(from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(stored(draft(1))).unwrap();
    let line = text.split_inclusive('\n').next().unwrap();
    assert!(line.contains(from), "{from} is in {line}");
    signed(line.replacen(from, to, 1).into_bytes())
}

/// These bytes with a signature over them.
fn signed(mut bytes: Vec<u8>) -> Vec<u8> {
    let armored = key().sign(MANIFEST_NAMESPACE, &Digest::of(&bytes)).unwrap();
    bytes.extend_from_slice(armored.as_bytes());
    bytes
}

/// Parses a stored manifest, and checks that read as it comes, in buffers of some sizes, it is the same one, or none either.
fn parse(stored: &[u8]) -> Result<Manifest, ManifestError> {
    let parsed = Manifest::parse(stored);
    for buffer in [7, 4096] {
        let mut parameters = Vec::new();
        let walked = Manifest::walk_stream(BufReader::with_capacity(buffer, stored), |entry| parameters.push(entry));
        match (&parsed, walked) {
            (Ok(manifest), Some(walked)) => {
                assert_eq!((&walked.summary, &parameters), (&manifest.summary, &manifest.parameters));
                assert_eq!((walked.digest, walked.size), (Digest::of(stored), stored.len() as u64));
            }
            (Err(_), None) => {}
            (parsed, walked) => panic!("{parsed:?} whole, and as it comes {:?}", walked.map(|walked| walked.summary)),
        }
    }
    parsed
}

#[test]
fn what_is_stored_is_a_line_of_json_and_its_signature() {
    let text = String::from_utf8(stored(draft(1))).unwrap();
    let (line, armored) = text.split_at(text.find('\n').unwrap() + 1);
    let json: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(json["parameters"][0]["name"], "/dev/a", "sorted by name");
    assert_eq!(json["id"], "0101010101010101");
    assert_eq!(json["previous"], serde_json::Value::Null);
    crate::signature::verify(MANIFEST_NAMESPACE, line.as_bytes(), armored, key().public_key()).unwrap();
}

#[test]
fn reads_back_whole_and_without_its_parameters() {
    let stored = stored(draft(1));
    let manifest = parse(&stored).unwrap();
    assert_eq!(manifest.parameters, [entry("/dev/a", 1), entry("/dev/b", 2)]);
    assert_eq!(manifest.summary.signer, key().public_line());
    assert_eq!(parse_summary(&stored).unwrap(), manifest.summary);
    let marker = stored.windows(PARAMETERS_MARKER.len()).position(|bytes| bytes == PARAMETERS_MARKER).unwrap();
    assert_eq!(parse_summary(&stored[..marker + PARAMETERS_MARKER.len()]).unwrap(), manifest.summary);
    assert!(matches!(parse_summary(&stored[..marker]), Err(ManifestError::Truncated(_))));
}

#[test]
fn the_digest_is_that_of_the_whole_object_and_each_place_is_signed_anew() {
    let draft = draft(1).encode().unwrap();
    let first = draft.place(1, None, &key()).unwrap();
    assert_eq!(first.digest, Digest::of(&first.chunks.concat()));
    let previous = Previous { id: Some(SnapshotId::from_bytes([9; 8])), digest: Digest::of(b"x") };
    let second = draft.place(2, Some(previous.clone()), &key()).unwrap();
    let manifest = parse(&second.chunks.concat()).unwrap();
    assert_eq!((manifest.summary.sequence, manifest.summary.previous), (2, Some(previous)));
    assert!(matches!(draft.place(2, None, &key()), Err(ManifestError::Invalid { field: "previous", .. })));
}

#[test]
fn a_draft_that_breaks_a_rule_is_not_encoded() {
    let refused = |change: &dyn Fn(&mut ManifestDraft)| {
        let mut draft = draft(1);
        change(&mut draft);
        match draft.encode().unwrap_err() {
            ManifestError::Invalid { field, .. } => field,
            error => panic!("{error}"),
        }
    };
    assert_eq!(refused(&|d| d.parameters[0].name = ParameterName::observed("dev/a")), "order of parameters");
    assert_eq!(refused(&|d| d.counts.parameters = 3), "counts.parameters");
    assert_eq!(refused(&|d| d.counts.reused = 3), "counts.reused");
    assert_eq!(refused(&|d| d.verdict = Verdict::Failed), "verdict");
    assert_eq!(refused(&|d| d.verdict = Verdict::Partial), "verdict");
    assert_eq!(refused(&|d| d.target.project.clear()), "target");
    assert_eq!(refused(&|d| d.document.key = "../x".into()), "document.key");
    let missing =
        Missing { name: ParameterName::observed("/dev/c"), what: MissingPart::Value, reason: "AccessDenied".into() };
    assert_eq!(refused(&|d| d.missing.push(missing.clone())), "verdict");
}

/// The error's own name, for a table.
fn kind(error: &ManifestError) -> &'static str {
    match error {
        ManifestError::TooLarge(_) => "too large",
        ManifestError::NotAManifest => "not a manifest",
        ManifestError::NewerFormat { .. } => "newer",
        ManifestError::Truncated(what) => what,
        ManifestError::Content(_) => "content",
        ManifestError::Invalid { field, .. } => field,
        ManifestError::Signature(SignatureError::Malformed) => "malformed signature",
        ManifestError::Signature(SignatureError::Mismatch) => "signature mismatch",
        ManifestError::Signature(SignatureError::InvalidPublicKey) => "signer",
        ManifestError::Signature(_) => "signature",
    }
}

#[rstest]
#[case::newer("\"format_version\":1", "\"format_version\":2", "newer")]
#[case::format_zero("\"format_version\":1", "\"format_version\":0", "not a manifest")]
#[case::format_text("\"format_version\":1", "\"format_version\":\"1\"", "not a manifest")]
#[case::id("\"0101010101010101\"", "\"01\"", "content")]
#[case::sequence("\"sequence\":1", "\"sequence\":0", "sequence")]
#[case::previous("\"sequence\":1", "\"sequence\":2", "previous")]
#[case::verdict("\"verdict\":\"complete\"", "\"verdict\":\"failed\"", "verdict")]
#[case::unknown_verdict("\"verdict\":\"complete\"", "\"verdict\":\"fine\"", "content")]
#[case::count("\"counts\":{\"parameters\":2", "\"counts\":{\"parameters\":3", "counts.parameters")]
#[case::too_many("\"counts\":{\"parameters\":2", "\"counts\":{\"parameters\":2000000", "counts.parameters")]
#[case::digest("\"sha256:", "\"md5:", "content")]
#[case::signer("\"signer\":\"ssh-ed25519", "\"signer\":\"ssh-dss", "signer")]
#[case::no_parameters(",\"parameters\":[", ",\"others\":[", "parameters")]
#[case::order("\"/dev/a\"", "\"/dev/c\"", "order of parameters")]
#[case::twice("\"/dev/a\"", "\"dev/b\"", "order of parameters")]
#[case::fingerprint("AQEBAQEBAQEBAQEBAQEBAQ", "AQEB", "content")]
#[case::version_zero("\"version\":1", "\"version\":0", "content")]
#[case::key("\"2025-10-15/", "\"../", "document.key")]
#[case::absolute_key("\"2025-10-15/", "\"/", "document.key")]
#[case::fingerprint_key("\"fingerprint_key\":\"", "\"fingerprint_key\":\"../", "fingerprint_key")]
#[case::two_lines("\"tool\":", "\n\"tool\":", "malformed signature")]
#[case::after_the_parameters("]}\n", "],\"x\":1}\n", "content")]
fn each_wrong_manifest_gives_its_own_error(#[case] from: &str, #[case] to: &str, #[case] expected: &str) {
    let error = parse(&signed_again(from, to)).unwrap_err();
    assert_eq!(kind(&error), expected, "{error:?}");
}

#[test]
fn unknown_members_are_read_over() {
    parse(&signed_again("\"tool\":", "\"later\":{\"a\":[1]},\"tool\":")).unwrap();
}

#[test]
fn white_space_is_read_over_up_to_the_end_of_the_line() {
    for (from, to) in [("]}\n", "] }\t \n"), (",\"parameters\":[", ",\"parameters\":[ "), ("},{", "} , {")] {
        assert_eq!(parse(&signed_again(from, to)).unwrap(), parse(&signed_again("", "")).unwrap(), "{to:?}");
    }
}

#[test]
fn every_flipped_byte_and_every_cut_is_noticed() {
    let stored = stored(draft(1));
    for position in 0..stored.len() {
        let mut flipped = stored.clone();
        flipped[position] ^= 1;
        if let Ok(manifest) = parse(&flipped) {
            // A bit of the armor that base64 does not use, or of its line ends, changes nothing that is signed.
            assert_eq!(manifest, parse(&stored).unwrap(), "byte {position}");
            assert!(position > stored.iter().position(|b| *b == b'\n').unwrap(), "byte {position}");
        }
        let error = parse(&stored[..position]).unwrap_err();
        assert!(matches!(error, ManifestError::Truncated(_)), "cut at {position}: {error:?}");
    }
}

#[test]
fn a_signature_by_another_key_is_refused() {
    let text = String::from_utf8(stored(draft(1))).unwrap();
    let line = text.split_inclusive('\n').next().unwrap();
    let armored = SigningKey::from_seed(&[2; 32], "").sign(MANIFEST_NAMESPACE, &Digest::of(line.as_bytes())).unwrap();
    let error = parse(format!("{line}{armored}").as_bytes()).unwrap_err();
    assert_eq!(kind(&error), "signature mismatch");
    let error = parse(format!("{line}hello\n").as_bytes()).unwrap_err();
    assert_eq!(kind(&error), "malformed signature");
    let error = parse(format!("{line}{}", "x".repeat(5000)).as_bytes()).unwrap_err();
    assert_eq!(kind(&error), "malformed signature");
}

#[test]
fn one_signed_over_another_hash_has_to_be_read_whole() {
    let stored = stored(draft(1));
    let line = &stored[..=stored.iter().position(|byte| *byte == b'\n').unwrap()];
    let private = ssh_key::PrivateKey::from(ssh_key::private::Ed25519Keypair::from_seed(&[1; 32]));
    let signature = private.sign(MANIFEST_NAMESPACE, ssh_key::HashAlg::Sha512, line).unwrap();
    let armored = signature.to_pem(ssh_key::LineEnding::LF).unwrap();
    let stored = [line, armored.as_bytes()].concat();
    let manifest = Manifest::parse(&stored).unwrap();
    assert_eq!(manifest.parameters.len(), 2);
    assert!(Manifest::walk_stream(stored.as_slice(), drop).is_none());
}

#[test]
fn entries_stay_small() {
    assert!(size_of::<ParameterEntry>() <= 112, "{}", size_of::<ParameterEntry>());
    let mut entry = entry("/jenkins/dev/service-00001/password", 3);
    entry.fields = Some(FieldFingerprints::from_bytes([3; 32]));
    let json = serde_json::to_vec(&entry).unwrap();
    assert!(json.len() <= 275, "{}", json.len());
}

fn arbitrary_draft() -> impl Strategy<Value = ManifestDraft> {
    let entries = proptest::collection::btree_map(
        ".{1,40}",
        (
            0..3usize,
            1..i64::MAX,
            -1_000_000_000_000i64..4_000_000_000_000,
            any::<[u8; 16]>(),
            any::<[u8; 16]>(),
            proptest::option::of(any::<Box<[u8; 32]>>()),
        ),
        0..20,
    );
    let texts = proptest::collection::vec("\\PC{0,30}", 8);
    let missing = proptest::collection::vec((".{1,20}", ".{0,30}"), 0..3);
    (entries, texts, missing, any::<[u8; 8]>(), any::<[u8; 32]>(), any::<u64>()).prop_map(
        |(entries, texts, missing, id, digest, size)| {
            let mut parameters: Vec<_> = entries
                .into_iter()
                .map(|(name, (kind, version, date, fingerprint, metadata, fields))| ParameterEntry {
                    name: ParameterName::observed(name),
                    parameter_type: ParameterType::ALL[kind],
                    version: Version::new(version).unwrap(),
                    last_modified_date: Timestamp::from_millisecond(date).unwrap(),
                    fingerprint: Fingerprint::from_bytes(fingerprint),
                    metadata: Fingerprint::from_bytes(metadata),
                    fields: fields.map(|bytes| FieldFingerprints::from_bytes(*bytes)),
                })
                .collect();
            parameters.sort_by(|a, b| a.name.cmp(&b.name));
            parameters.dedup_by(|a, b| a.name == b.name);
            let missing: Vec<_> = missing
                .into_iter()
                .map(|(name, reason)| Missing {
                    name: ParameterName::observed(name),
                    what: MissingPart::History,
                    reason,
                })
                .collect();
            ManifestDraft {
                id: SnapshotId::from_bytes(id),
                target: Target { project: format!("p{}", texts[0]), environment: format!("e{}", texts[1]), ..target() },
                tool: texts[2].clone(),
                verdict: if missing.is_empty() { Verdict::Complete } else { Verdict::Partial },
                counts: Counts {
                    parameters: parameters.len() as u64,
                    versions: size,
                    missing: missing.len() as u64,
                    reused: 0,
                },
                document: DocumentObject {
                    size,
                    digest: Digest::of(&digest),
                    content_size: size,
                    content_digest: Digest::of(&digest),
                    ..draft(1).document
                },
                recipients: vec![texts[3].clone(), texts[4].clone()],
                selector: format!(",\"parameters\":[{}", texts[5]),
                missing,
                parameters,
                ..draft(1)
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_manifest_reads_back_as_it_was(draft in arbitrary_draft(), sequence in 2u64..u64::MAX, known in any::<bool>()) {
        let parameters = draft.parameters.clone();
        let previous = Previous { id: known.then_some(draft.id), digest: draft.document.digest };
        let encoded = draft.encode().unwrap().place(sequence, Some(previous), &key()).unwrap();
        let stored = encoded.chunks.concat();
        let read = parse(&stored).unwrap();
        prop_assert_eq!(&read.summary, &encoded.summary);
        prop_assert_eq!(&read.parameters, &parameters);
        prop_assert_eq!(&parse_summary(&stored).unwrap(), &read.summary);
    }

    /// A byte more, another one, or one less, and signed as it is then: read whole and as it comes it is the same.
    #[test]
    fn what_is_signed_is_read_alike_in_both_ways(
        at in any::<prop::sample::Index>(),
        from_end in prop::option::of(1..5_usize),
        byte in prop::option::of(prop::sample::select(b" \t\n\"\\{}[],:0e-aZ\xff".to_vec())),
        replaces in any::<bool>(),
    ) {
        let mut line = stored(draft(1));
        line.truncate(line.iter().position(|byte| *byte == b'\n').unwrap() + 1);
        let at = from_end.map_or(at.index(line.len()), |from_end| line.len() - from_end);
        let behind = if replaces || byte.is_none() { at + 1 } else { at };
        line.splice(at..behind, byte);
        let _ = parse(&signed(line));
    }

    #[test]
    fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&bytes);
        let _ = parse(&[b"{\"format_version\":1,".as_slice(), &bytes].concat());
    }
}
