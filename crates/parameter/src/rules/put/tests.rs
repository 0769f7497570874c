use rstest::rstest;

use super::*;
use crate::Secret;

fn request(value: &str) -> PutRequest {
    PutRequest::new(ParameterName::parse("/a/b").unwrap(), Secret::new(value))
}

fn stored(request: &PutRequest) -> ParameterMetadata {
    let plan = plan_put(request, None, Occupancy::UNLIMITED).unwrap();
    plan.into_metadata(None, Timestamp::UNIX_EPOCH, None)
}

fn overwrite(value: &str) -> PutRequest {
    PutRequest { overwrite: true, ..request(value) }
}

fn expiration() -> Vec<Policy> {
    Policy::parse_list(r#"[{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":"2030-01-01T00:00:00Z"}}]"#)
        .unwrap()
}

#[test]
fn a_create_takes_defaults_and_an_overwrite_leaves_out_what_stays() {
    let plain = plan_put(&request("v"), None, Occupancy::UNLIMITED).unwrap();
    assert_eq!(
        (plain.parameter_type, plain.tier, plain.version),
        (ParameterType::String, Tier::Standard, Version::FIRST)
    );
    let full = stored(&PutRequest {
        parameter_type: Some(ParameterType::SecureString),
        key_id: Some(KeyId::observed("alias/app")),
        description: Some(Description::observed("why")),
        allowed_pattern: Some(AllowedPattern::observed("v.*")),
        tier: Some(TierRequest::Advanced),
        policies: Some(expiration()),
        tags: vec![Tag::observed("k", "v")],
        data_type: Some(DataType::observed("aws:ec2:image")),
        ..request("v")
    });
    let next = plan_put(&overwrite("v2"), Some(&full), Occupancy::UNLIMITED).unwrap();
    assert_eq!(next.version.get(), 2);
    let next = next.into_metadata(None, Timestamp::UNIX_EPOCH, None);
    assert_eq!(ParameterMetadata { version: full.version, ..next }, full);
    let cleared = PutRequest {
        description: Some(Description::observed("")),
        allowed_pattern: Some(AllowedPattern::observed("")),
        policies: Some(Vec::new()),
        ..overwrite("anything")
    };
    let cleared = plan_put(&cleared, Some(&full), Occupancy::UNLIMITED).unwrap();
    assert_eq!((cleared.description, cleared.allowed_pattern, cleared.policies), (None, None, Vec::new()));
    assert_eq!(cleared.tier, Tier::Advanced, "the tier does not go down with the policies");
}

#[test]
fn a_key_comes_and_goes_with_the_type() {
    let secure = stored(&PutRequest { parameter_type: Some(ParameterType::SecureString), ..request("v") });
    assert_eq!(secure.key_id, Some(KeyId::aws_managed()));
    let plain = PutRequest { parameter_type: Some(ParameterType::String), ..overwrite("v") };
    assert_eq!(plan_put(&plain, Some(&secure), Occupancy::UNLIMITED).unwrap().key_id, None);
    let with_key = PutRequest { key_id: Some(KeyId::aws_managed()), ..plain };
    let error = plan_put(&with_key, Some(&secure), Occupancy::UNLIMITED).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Validation);
}

#[rstest]
#[case::standard_by_default(None, None, 4096, Ok(Tier::Standard))]
#[case::too_long_for_standard(None, None, 4097, Err(StoreErrorKind::Validation))]
#[case::advanced(Some(TierRequest::Advanced), None, 8192, Ok(Tier::Advanced))]
#[case::too_long_for_any(Some(TierRequest::Advanced), None, 8193, Err(StoreErrorKind::Validation))]
#[case::intelligent_small(Some(TierRequest::IntelligentTiering), None, 4096, Ok(Tier::Standard))]
#[case::intelligent_large(Some(TierRequest::IntelligentTiering), None, 4097, Ok(Tier::Advanced))]
#[case::goes_up(Some(TierRequest::Advanced), Some(Tier::Standard), 1, Ok(Tier::Advanced))]
#[case::never_down(Some(TierRequest::Standard), Some(Tier::Advanced), 1, Err(StoreErrorKind::Validation))]
#[case::stays_up(None, Some(Tier::Advanced), 8192, Ok(Tier::Advanced))]
#[case::intelligent_stays_up(Some(TierRequest::IntelligentTiering), Some(Tier::Advanced), 1, Ok(Tier::Advanced))]
fn chooses_the_tier(
    #[case] tier: Option<TierRequest>,
    #[case] was: Option<Tier>,
    #[case] length: usize,
    #[case] expected: std::result::Result<Tier, StoreErrorKind>,
) {
    let current = was.map(|tier| stored(&PutRequest { tier: Some(tier.into()), ..request("v") }));
    let request = PutRequest { tier, ..overwrite(&"x".repeat(length)) };
    let plan = plan_put(&request, current.as_ref(), Occupancy::UNLIMITED);
    assert_eq!(plan.map(|plan| plan.tier).map_err(|error| error.kind), expected);
}

#[test]
fn a_full_tier_takes_no_more_but_keeps_what_it_has() {
    let occupancy = Occupancy { standard_is_full: true, advanced_is_full: false };
    let error = plan_put(&request("v"), None, occupancy).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::ParameterLimitExceeded);
    plan_put(&overwrite("w"), Some(&stored(&request("v"))), occupancy).unwrap();
    let intelligent = PutRequest { tier: Some(TierRequest::IntelligentTiering), ..request("v") };
    assert_eq!(plan_put(&intelligent, None, occupancy).unwrap().tier, Tier::Advanced);
    let occupancy = Occupancy { standard_is_full: true, advanced_is_full: true };
    let error = plan_put(&intelligent, None, occupancy).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::ParameterLimitExceeded);
}

#[rstest]
#[case::empty(request(""), StoreErrorKind::Validation)]
#[case::reference(request("x{{y"), StoreErrorKind::Validation)]
#[case::tags_with_overwrite(PutRequest { tags: vec![Tag::observed("k", "v")], ..overwrite("v") }, StoreErrorKind::Validation)]
#[case::aws_tag(PutRequest { tags: vec![Tag::observed("aws:k", "v")], ..request("v") }, StoreErrorKind::Validation)]
#[case::data_type(PutRequest { data_type: Some(DataType::observed("TEXT")), ..request("v") }, StoreErrorKind::Validation)]
#[case::reserved(PutRequest { name: ParameterName::observed("/aws/x"), ..request("v") }, StoreErrorKind::Validation)]
#[case::deep(PutRequest { name: ParameterName::observed("/a".repeat(16)), ..request("v") }, StoreErrorKind::HierarchyLevelLimitExceeded)]
#[case::key(PutRequest { key_id: Some(KeyId::observed("a b")), ..request("v") }, StoreErrorKind::InvalidKeyId)]
#[case::key_without_secure_string(PutRequest { key_id: Some(KeyId::aws_managed()), ..request("v") }, StoreErrorKind::Validation)]
#[case::pattern(PutRequest { allowed_pattern: Some(AllowedPattern::observed("[")), ..request("v") }, StoreErrorKind::InvalidAllowedPattern)]
#[case::mismatch(PutRequest { allowed_pattern: Some(AllowedPattern::observed("\\d+")), ..request("v") }, StoreErrorKind::ParameterPatternMismatch)]
#[case::policies_of_standard(PutRequest { policies: Some(expiration()), ..request("v") }, StoreErrorKind::IncompatiblePolicy)]
#[case::two_expirations(
    PutRequest { policies: Some([expiration(), expiration()].concat()), tier: Some(TierRequest::Advanced), ..request("v") },
    StoreErrorKind::IncompatiblePolicy
)]
#[case::eleven_policies(PutRequest { policies: Some(vec![expiration().remove(0); 11]), ..request("v") }, StoreErrorKind::PoliciesLimitExceeded)]
#[case::policy_type(
    PutRequest { policies: Some(vec![Policy { policy_type: "X".into(), ..expiration().remove(0) }]), ..request("v") },
    StoreErrorKind::InvalidPolicyType
)]
#[case::policy_text(
    PutRequest { policies: Some(vec![Policy { policy_text: "{}".into(), ..expiration().remove(0) }]), ..request("v") },
    StoreErrorKind::InvalidPolicyAttribute
)]
fn refuses(#[case] request: PutRequest, #[case] kind: StoreErrorKind) {
    assert_eq!(plan_put(&request, None, Occupancy::UNLIMITED).unwrap_err().kind, kind);
}

#[test]
fn what_exists_is_not_created_again() {
    let error = plan_put(&request("v"), Some(&stored(&request("v"))), Occupancy::UNLIMITED).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::ParameterAlreadyExists);
}

#[test]
fn a_refusal_does_not_tell_the_value() {
    let secret = "hunter2{{";
    let with_pattern = PutRequest { allowed_pattern: Some(AllowedPattern::observed("[0-9]+")), ..request("hunter2") };
    for request in [request(secret), with_pattern] {
        let error = plan_put(&request, None, Occupancy::UNLIMITED).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
}

#[test]
fn a_label_keeps_the_oldest_of_a_hundred_versions() {
    let name = ParameterName::observed("/a");
    assert_eq!(retention(&name, 99, true).unwrap(), Retention::KeepAll);
    assert_eq!(retention(&name, 100, false).unwrap(), Retention::DropOldest);
    let error = retention(&name, 100, true).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::ParameterMaxVersionLimitExceeded);
}
