use clap::Parser;
use parados_parameter::ParameterName;

use super::*;

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    store: StoreFlags,
    #[command(flatten)]
    environment: EnvironmentFlags,
    #[command(flatten)]
    selector: SelectorFlags,
    #[command(flatten)]
    snapshot: SnapshotFlags,
}

fn directories() -> Directories {
    Directories::at("/data/parados", "/users/a")
}

fn whole() -> Config {
    Config::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config/whole.yaml")).unwrap()
}

fn resolve(config: Option<&Config>, flags: &[&str]) -> Result<Settings, ConfigError> {
    let flags = Flags::try_parse_from(["parados"].iter().chain(flags)).unwrap();
    Settings::resolve(config, &directories(), &flags.store, &flags.environment, &flags.selector, &flags.snapshot)
}

#[test]
fn without_a_file_everything_is_local() {
    let settings = resolve(None, &["--environment", "dev"]).unwrap();
    assert_eq!(settings.project, "default");
    assert_eq!(settings.selector, Selector::environment("dev"));
    assert_eq!(settings.store, StoreSettings::Embedded("/data/parados/store".into()));
    assert_eq!(settings.repository_place, RepositoryPlace::Folder("/data/parados/repository".into()));
    let identity = PathBuf::from("/data/parados/keys/identity.age.txt");
    assert_eq!(settings.recipients, RecipientSettings::IdentityFile(identity));
    assert!(settings.signing_key.made_when_missing);
    assert_eq!(settings.quota.share, Some(0.5));
    resolve(None, &[]).unwrap_err();
}

#[test]
fn without_a_file_the_flags_are_enough() {
    let settings = resolve(
        None,
        &[
            "--project",
            "jenkins",
            "--environment",
            "dev",
            "--store",
            "aws",
            "--name-contains",
            "/dev/",
            "--recipient",
            "none",
            "--region",
            "eu-west-1",
            "--with-history",
        ],
    )
    .unwrap();
    let bucket = "/jenkins/dev/backup/s3-bucket-name".to_owned();
    assert_eq!(settings.repository_place, RepositoryPlace::BucketNamedBy(bucket));
    assert_eq!(settings.recipients, RecipientSettings::Keys(Vec::new()));
    let target = TargetSettings { region: Some("eu-west-1".into()), ..TargetSettings::default() };
    assert_eq!(settings.store, StoreSettings::Aws(vec![target]));
    assert!(settings.history);
}

#[test]
fn an_environment_overrides_the_top() {
    let config = whole();
    let dev = resolve(Some(&config), &["-e", "dev"]).unwrap();
    assert_eq!((dev.history, dev.parallel, dev.quota.share), (true, true, Some(0.25)));
    assert_eq!(dev.repository.s3_kms_key.unwrap().as_str(), "alias/backup");
    assert_eq!(dev.identities, [Path::new("/users/a/keys/identity.age.txt")]);
    assert_eq!(dev.signing_key.path, config.folder().join("keys/signing_ed25519"));
    let stage = resolve(Some(&config), &["-e", "stage"]).unwrap();
    assert_eq!(stage.recipients, RecipientSettings::Keys(Vec::new()));
    assert_eq!(stage.store, StoreSettings::Embedded(config.folder().join("state/store")));
    let prod = resolve(Some(&config), &["-e", "prod", "--target", "spare"]).unwrap();
    assert!(!prod.history && !prod.selector.matches_name(&ParameterName::parse("/prod/scratch/a").unwrap()));
    let StoreSettings::Aws(targets) = prod.store else { panic!("prod is in AWS") };
    assert_eq!(targets.len(), 1);
    assert_eq!(targets[0].account.as_deref(), Some("123456789012"));
}

#[test]
fn a_flag_says_it_for_once() {
    let config = whole();
    let flags = ["-e", "prod", "--name-contains", "/x/", "--region", "us-west-2", "--unlimited", "--signing-key", "k"];
    let error = resolve(Some(&config), &flags).unwrap_err();
    assert_eq!(error.hints, ["choose one with --target: main, spare"]);
    let flags: Vec<_> = flags.into_iter().chain(["--target", "main"]).collect();
    let settings = resolve(Some(&config), &flags).unwrap();
    assert_eq!(settings.selector.name_contains, ["/x/"]);
    assert!(settings.selector.exclude.is_empty(), "the file's selector does not count");
    assert_eq!(settings.quota.share, None);
    assert_eq!(settings.signing_key, SigningKeySettings { path: "k".into(), made_when_missing: false });
    let StoreSettings::Aws(targets) = settings.store else { panic!("prod is in AWS") };
    assert_eq!(targets.len(), 1, "the flags name one place");
    assert_eq!(targets[0].region.as_deref(), Some("us-west-2"));
    assert_eq!(targets[0].role_arn.as_deref(), Some("arn:aws:iam::012345678901:role/backup"), "its role stays");
}

#[test]
fn what_the_file_does_not_have_is_refused() {
    let config = whole();
    let error = |flags: &[&str]| {
        let error = resolve(Some(&config), flags).unwrap_err();
        (error.message.rsplit('/').next().unwrap().to_owned(), error.hints[0].clone())
    };
    assert_eq!(error(&["-e", "prd"]), ("whole.yaml has no environment `prd`".into(), "did you mean `prod`?".into()));
    assert_eq!(error(&[]).1, "add --environment with one of dev, prod, stage");
    assert_eq!(
        error(&["-e", "prod", "--target", "third"]),
        ("the environment prod has no target `third`".into(), "it has main, spare".into())
    );
    let key = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
    resolve(None, &["-e", "dev", "--recipient", key, "--recipient", "none"]).unwrap_err();
}

#[test]
fn a_folder_of_the_file_is_relative_to_it() {
    let text = "version: 1\nproject: a\nrepository: backups\nenvironments: {dev: {}, prod: {repository: ~/backups}}\n";
    let config = Config { path: "/etc/parados/parados.yaml".into(), file: crate::config::parse(text, "a").unwrap() };
    let place = |environment| resolve(Some(&config), &["-e", environment]).unwrap().repository_place;
    let at = |path: &str| RepositoryPlace::At(RepositoryUrl::Folder(path.into()));
    assert_eq!(place("dev"), at("/etc/parados/backups"));
    assert_eq!(place("prod"), at("/users/a/backups"));
    let flags = Flags::try_parse_from(["parados"]).unwrap();
    let top = RepositoryPlace::resolve(Some(&config), &directories(), &flags.store, &flags.environment).unwrap().0;
    assert_eq!(top, at("/etc/parados/backups"));
}

#[test]
fn flags_that_say_everything_need_no_home() {
    let nowhere = Directories::nowhere();
    let resolve = |flags: &[&str]| {
        let flags = Flags::try_parse_from(["parados"].iter().chain(flags)).unwrap();
        Settings::resolve(None, &nowhere, &flags.store, &flags.environment, &flags.selector, &flags.snapshot)
    };
    resolve(&["-e", "dev", "--store", "aws", "--signing-key", "k"]).unwrap();
    let error = resolve(&["-e", "dev", "--store", "aws"]).unwrap_err();
    assert!(error.message.contains("neither XDG_DATA_HOME nor HOME"), "{error}");
}
