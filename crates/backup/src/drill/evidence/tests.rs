use super::*;
use crate::document::Digest;
use crate::manifest::SnapshotId;
use crate::signature::SignatureError;
use crate::target::Target;

fn key() -> SigningKey {
    SigningKey::from_seed(&[1; 32], "parados")
}

/// Of a drill that passed.
pub(in crate::drill) fn evidence() -> Evidence {
    Evidence {
        format_version: signed_line::FORMAT_VERSION,
        id: PlanId::from_bytes([7; 8]),
        verdict: DrillVerdict::Passed,
        source: PlanSource::Snapshot {
            repository: "s3://shop-backups".into(),
            repository_id: "0123456789abcdef".into(),
            snapshot: SnapshotId::from_bytes([1; 8]),
            manifest_key: "manifests/shop/dev/123456789012/eu-west-1/0000000007.manifest".into(),
            manifest_digest: Digest::of(b"manifest"),
            target: Target {
                project: "shop".into(),
                environment: "dev".into(),
                account: "123456789012".into(),
                region: "eu-west-1".into(),
                store: StoreKind::Aws,
            },
            started_at: "2025-10-15T12:00:45Z".parse().unwrap(),
        },
        snapshot: Some(DrilledSnapshot { sequence: 7, parameters: 10_000, signer: key().public_line() }),
        selector: "all".into(),
        into: DrillPlace {
            kind: StoreKind::Embedded,
            account: "000000000000".into(),
            region: "embedded".into(),
            prefix: None,
        },
        plan: Some(PlanHash(Digest::of(b"plan"))),
        started_at: "2025-10-16T06:00:00Z".parse().unwrap(),
        finished_at: "2025-10-16T06:00:03Z".parse().unwrap(),
        times: DrillTimes {
            planned: Some(0.41),
            first: Some(0.46),
            last: Some(1.92),
            compared: Some(2.61),
            ended: 2.64,
        },
        counts: DrillCounts { wanted: 10_000, equal: 10_000, versions: 12_345, calls: 12_210, ..Default::default() },
        compared: vec![Field::Type, Field::Value, Field::Tags],
        differences: Vec::new(),
        unrestored: Vec::new(),
        left_behind: Vec::new(),
        error: None,
        tool: "parados 0.1.0".into(),
        signer: key().public_line(),
    }
}

#[test]
fn evidence_is_read_as_it_was_signed_and_not_when_a_byte_is_another() {
    let signed = SignedEvidence::sign(&evidence(), &key()).unwrap();
    assert_eq!(signed.read().unwrap(), evidence());
    assert_eq!(signed.line.iter().filter(|byte| **byte == b'\n').count(), 1);
    let text = String::from_utf8(signed.line.clone()).unwrap();
    for (from, to) in [("passed", "failed"), ("10000", "10001"), ("shop", "Shop")] {
        let line = text.replacen(from, to, 1).into_bytes();
        let changed = SignedEvidence { line, ..signed.clone() };
        assert!(matches!(changed.read(), Err(SignedLineError::Signature(SignatureError::Mismatch))), "{from}");
    }
    let other = SignedEvidence::sign(&evidence(), &SigningKey::from_seed(&[2; 32], "")).unwrap();
    assert!(matches!(other.read(), Err(SignedLineError::Signature(SignatureError::Mismatch))), "another signer");
}
