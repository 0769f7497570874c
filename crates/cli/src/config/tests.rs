use std::path::PathBuf;

use super::*;

#[test]
fn every_malformed_file_is_refused_with_its_place_and_a_hint() {
    insta::glob!("../../tests/malformed", "*.yaml", |path| {
        let text = std::fs::read_to_string(path).unwrap();
        let failure = crate::error::Failure::from(parse(&text, "parados.yaml").unwrap_err());
        assert_eq!(failure.exit_code(), crate::exit_code::USAGE);
        insta::with_settings!({ omit_expression => true, description => text }, {
            insta::assert_snapshot!(failure.text());
        });
    });
}

#[test]
fn a_whole_file_is_read() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/config/whole.yaml");
    let config = Config::read(&path).unwrap();
    assert_eq!(config.file.environments.value.len(), 3);
    let prod = config.file.environments.value["prod"].as_ref().unwrap();
    assert_eq!(prod.targets.as_ref().unwrap().value.len(), 2);
    assert_eq!(config.folder(), path.parent().unwrap());
}

#[test]
fn readme_s_configuration_is_one() {
    let readme = include_str!("../../../../README.md");
    let blocks: Vec<_> = readme.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let (declarations, configurations): (Vec<_>, Vec<_>) =
        blocks.into_iter().partition(|block| block.contains("resources:"));
    assert_eq!((declarations.len(), configurations.len()), (1, 1));
    let file = parse(configurations[0], "README.md").unwrap();
    assert_eq!(file.environments.value.len(), 2);
    let files = [("README.md".to_owned(), declarations[0].to_owned())];
    let declaration = parados_infra::declaration::Declaration::parse(&files, "prod").unwrap();
    assert_eq!(declaration.resources.len(), 3);
}
