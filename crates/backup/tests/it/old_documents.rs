//! Documents that the pipeline before Parados wrote, as they stand.

use std::fs;
use std::path::Path;

use parados_backup::document::{ParameterRecord, Writer};
use parados_parameter::ParameterType;
use rstest::rstest;

use crate::records::read_all;

fn fixture(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/old").join(name)).unwrap()
}

fn values(records: &[ParameterRecord]) -> Vec<(&str, &str, i64, String)> {
    let row = |record: &ParameterRecord| record.last_modified_date.to_string();
    records
        .iter()
        .map(|record| (record.name.as_str(), record.value.reveal(), record.version.get(), row(record)))
        .map(|(name, value, version, date)| (name.rsplit('/').next().unwrap(), value, version, date))
        .collect()
}

#[test]
fn of_version_2_of_the_aws_cli() {
    let (summary, records) = read_all(fixture("aws_cli_v2.json").as_slice()).unwrap();
    assert_eq!(summary.header.backup_date, "2025-10-15");
    assert_eq!(summary.header.backup_timestamp, "20251015_120045");
    assert_eq!(summary.header.environment, "dev");
    assert_eq!((summary.header.format_version, summary.parameter_count), (None, 4));
    assert_eq!(
        values(&records),
        [
            ("s3-bucket-name", "jenkins-ssm-backup-dev-123456789012", 1, "2025-10-15T12:00:45.76Z".into()),
            (
                "app-private-key",
                "-----BEGIN KEY-----\nbm90IGEga2V5\n-----END KEY-----\n",
                12,
                "2025-10-14T12:30:00Z".into()
            ),
            ("subnets", "subnet-1,subnet-2,subnet-3", 3, "2024-02-29T23:59:59.999Z".into()),
            ("説明", "値は \"引用符\" と \\ と タブ\t と <tag> & 🍣", 2, "2025-01-01T00:00:00.001Z".into()),
        ]
    );
    assert_eq!(records[1].parameter_type, ParameterType::SecureString);
    assert!(records.iter().all(|record| record.arn.as_ref().unwrap().starts_with("arn:aws:ssm:ap-northeast-1:")));
    // What an old document does not say is not made up.
    assert!(records.iter().all(|record| record.tier.is_none() && record.tags.is_none() && record.labels.is_none()));
}

#[test]
fn of_version_1_of_the_aws_cli() {
    let (_, records) = read_all(fixture("aws_cli_v1.json").as_slice()).unwrap();
    assert_eq!(
        values(&records),
        [
            ("password", "パスワード 🍣", 7, "2021-03-04T13:04:05.76Z".into()),
            ("host", "db.prod.example.com", 1, "2021-03-04T13:04:05Z".into()),
            ("port", "5432", 1, "2021-03-04T13:04:06Z".into()),
        ]
    );
}

#[rstest]
#[case("aws_cli_v1.json")]
#[case("aws_cli_v2.json")]
#[case("empty_compact.json")]
fn what_read_the_old_document_reads_a_new_one_of_the_same(#[case] name: &str) {
    let (old, records) = read_all(fixture(name).as_slice()).unwrap();
    let mut writer = Writer::new(Vec::new(), &old.header).unwrap();
    for record in &records {
        writer.write(record).unwrap();
    }
    let (bytes, _) = writer.finish().unwrap();
    let mut before: serde_json::Value = serde_json::from_slice(&fixture(name)).unwrap();
    let mut after: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    // The one form that changes: dates are always written as version 2 of the AWS CLI prints them, in UTC.
    for document in [&mut before, &mut after] {
        for parameter in document["parameters"].as_array_mut().unwrap() {
            parameter.as_object_mut().unwrap().remove("LastModifiedDate").unwrap();
        }
    }
    assert_eq!(before, after);
}
