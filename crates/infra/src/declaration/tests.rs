use super::*;

const COMMON: &str = "\
version: 1
values: {team: core, days: 30}
environments:
  dev:
  prod:
    values: {days: 90}
    resources:
      bucket: {versioning: false}
      name: null
resources:
  bucket:
    kind: aws:s3:Bucket
    name: '{{ project }}-{{ environment }}'
    versioning: true
  name:
    kind: aws:ssm:Parameter
    name: /{{ project }}/bucket
    value: '{{ resources.bucket.name }}'
";

fn parse(text: &str, environment: &str) -> Result<Declaration> {
    Declaration::parse(&[("infra/backup.yaml".to_owned(), text.to_owned())], environment)
}

fn wrong(text: &str) -> (u64, u64, String, String) {
    let error = parse(text, "dev").unwrap_err();
    let place = error.place.unwrap();
    (place.line, place.column, error.message, error.hint)
}

#[test]
fn an_environment_is_laid_over_what_all_have_in_common() {
    let dev = parse(COMMON, "dev").unwrap();
    assert_eq!(dev.resources.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["bucket", "name"]);
    assert_eq!(dev.resources[1].depends_on, BTreeSet::from(["bucket".to_owned()]));
    assert_eq!(dev.values["days"], "30");
    let prod = parse(COMMON, "prod").unwrap();
    assert_eq!(prod.resources.len(), 1);
    assert_eq!(prod.resources[0].node.get("versioning").unwrap().value, NodeValue::Bool(false));
    assert_eq!((prod.values["days"].as_str(), prod.values["team"].as_str()), ("90", "core"));
    let error = parse(COMMON, "pord").unwrap_err();
    assert_eq!(error.hint, "did you mean `prod`?");
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let (line, column, message, hint) = wrong("version: 1\nresource: {}\n");
    assert_eq!(
        (line, column, message.as_str(), hint.as_str()),
        (2, 1, "unknown key `resource`", "did you mean `resources`?")
    );
    let (line, column, message, _) = wrong("resources: {}\n");
    assert_eq!((line, column, message.as_str()), (1, 1, "the key `version` is missing"));
    let (line, column, message, hint) = wrong("version: 1\nresources:\n  a: {kind: aws:s3:Buckett}\n");
    assert_eq!((line, column, hint.as_str()), (3, 13, "did you mean `aws:s3:Bucket`?"), "{message}");
    let (line, column, message, _) = wrong("version: 1\nresources:\n  A-b: {kind: aws:s3:Bucket}\n");
    assert_eq!((line, column), (3, 3), "{message}");
    let (line, _, message, hint) =
        wrong("version: 1\nresources:\n  bucket: {kind: local:Folder, path: '{{ resources.buckt.name }}'}\n");
    assert_eq!((line, hint.as_str()), (3, "did you mean `bucket`?"), "{message}");
}

#[test]
fn what_two_files_declare_is_an_error_that_names_both() {
    let file = |name: &str| (name.to_owned(), "version: 1\nresources:\n  a: {kind: aws:s3:Bucket}\n".to_owned());
    let error = Declaration::parse(&[file("one.yaml"), file("two.yaml")], "dev").unwrap_err();
    assert_eq!(&*error.place.unwrap().file, "two.yaml");
    assert!(error.hint.contains("one.yaml:3:3"), "{}", error.hint);
}
