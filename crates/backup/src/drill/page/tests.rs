use super::*;
use crate::drill::evidence::tests::evidence;
use crate::drill::evidence::{Difference, Unrestored};
use crate::field::Field;
use crate::signature::SigningKey;
use parados_parameter::ParameterName;

fn html(evidence: &Evidence) -> String {
    let signed = SignedEvidence::sign(evidence, &SigningKey::from_seed(&[1; 32], "parados")).unwrap();
    page(evidence, &signed, "2025-10-15-0707070707070707.json")
}

#[test]
fn a_page_says_what_was_proved_and_how_to_check_it() {
    let evidence = evidence();
    let html = html(&evidence);
    let signed = SignedEvidence::sign(&evidence, &SigningKey::from_seed(&[1; 32], "parados")).unwrap();
    let digest = Digest::of(&signed.line).to_string();
    for part in ["Recovery proved", "passed", "shop&#x2f;dev", digest.trim_start_matches("sha256:"), "parados-evidence"]
    {
        assert!(html.contains(part), "{part}");
    }
    assert!(!html.contains("more, in the signed evidence"));
}

#[test]
fn a_page_needs_nothing_beside_itself() {
    let html = html(&evidence());
    for outside in ["src=", "href=", "@import", "url(", "<script"] {
        assert!(!html.contains(outside), "{outside}");
    }
}

#[test]
fn what_stands_in_the_evidence_is_text_in_the_page() {
    let hostile =
        Difference { name: ParameterName::observed("/a<script>alert(1)</script>"), fields: vec![Field::Value] };
    let html = html(&Evidence {
        verdict: DrillVerdict::Different,
        differences: vec![hostile],
        error: Some("<img>".into()),
        ..evidence()
    });
    assert!(!html.contains("<script") && !html.contains("<img"), "{html}");
    assert!(html.contains("&lt;script&gt;"));
}

#[test]
fn thousands_of_rows_are_cut_to_those_that_fit_and_the_rest_is_counted() {
    let name = |number: u32| ParameterName::observed(format!("/dev/setting-{number:05}"));
    let differences =
        (0..3_000).map(|number| Difference { name: name(number), fields: vec![Field::Value, Field::Tags] });
    let unrestored = (3_000..5_000).map(|number| Unrestored { name: name(number), reason: "denied".into() });
    let html = html(&Evidence {
        verdict: DrillVerdict::Different,
        differences: differences.collect(),
        unrestored: unrestored.collect(),
        ..evidence()
    });
    assert_eq!(html.matches("<tr>").count(), ROWS);
    assert!(html.contains("and 2\u{202f}994 more") && html.contains("and 1\u{202f}998 more"), "{html}");
}

#[test]
fn numbers_and_times_read_well() {
    assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1\u{202f}000", "1\u{202f}234\u{202f}567"]);
    assert_eq!([0.0421, 3.26, 4_000.0].map(duration), ["42 ms", "3.3 s", "66 min 40 s"]);
    assert_eq!([59, 7_100, 90_000, 864_000].map(age_in_words), ["59 s", "118 min", "25 h", "10 days"]);
}
