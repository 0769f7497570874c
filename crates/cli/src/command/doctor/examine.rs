//! The examination: keys first, then each place, its permissions, its clock, and the repository.

use std::path::Path;

use parados_aws::{Permission, PermissionCheck, check_read_permissions};
use parados_backup::seal::Recipient;
use parados_parameter::{
    Clock as _, DescribeRequest, EncryptionContext, KeyManagement as _, Operation, ParameterMetadata, ParameterName,
    ParameterStore, ParameterType, StoreError, SystemClock,
};
use parados_store::{EmbeddedStore, OpenError, OpenOptions};

use super::check::DoctorView;
use crate::config::{Config, DatabaseSettings, RepositoryPlace, Settings, StoreSettings, TargetSettings};
use crate::error::{Failure, Result};
use crate::wiring::{self, OpenedStore, keys, repository};

/// Examines everything that a backup of these settings needs.
pub(super) async fn examine(settings: &Settings, config: Option<&Config>) -> DoctorView {
    let mut view = DoctorView::default();
    let file = config
        .map_or_else(|| "none; the defaults and the flags".to_owned(), |config| config.path.display().to_string());
    view.ok("configuration", file);
    examine_signing_key(&mut view, settings);
    let recipients = examine_recipients(&mut view, settings);
    match &settings.store {
        StoreSettings::Embedded(folder) => examine_embedded(&mut view, settings, folder, &recipients).await,
        StoreSettings::Postgres(database) => examine_postgres(&mut view, settings, database, &recipients).await,
        StoreSettings::Aws(targets) => {
            for target in targets {
                examine_target(&mut view, settings, target, &recipients).await;
            }
        }
    }
    view
}

fn examine_signing_key(view: &mut DoctorView, settings: &Settings) {
    let key = &settings.signing_key;
    match key.made_when_missing && !key.path.exists() {
        true => view.ok("signing key", format!("the first backup makes {}", key.path.display())),
        false => {
            view.note("signing key", keys::signing_key(key, &settings.store), |key| key.public_line());
        }
    }
}

fn examine_recipients(view: &mut DoctorView, settings: &Settings) -> Vec<Recipient> {
    let found = |recipients: &Vec<Recipient>| match recipients.as_slice() {
        [] => "none: snapshots are not sealed".to_owned(),
        some => some.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    };
    let recipients = view.note("recipients", keys::recipients(&settings.recipients), found).unwrap_or_default();
    let identities = keys::identities(&settings.identities, None);
    view.note("identities", identities, |identities| {
        let can_open = recipients.iter().any(|recipient| identities.recipients().any(|own| own == recipient));
        match (recipients.is_empty(), can_open) {
            (true, _) => "none is needed".to_owned(),
            (false, true) => "this machine can open its snapshots, and reads only what changed".to_owned(),
            (false, false) => "this machine cannot open its snapshots, and reads everything each time".to_owned(),
        }
    });
    recipients
}

async fn examine_embedded(view: &mut DoctorView, settings: &Settings, folder: &Path, recipients: &[Recipient]) {
    let opened = wiring::open_embedded(folder).await;
    let Some(opened) = view.note("store", opened, |_| folder.display().to_string()) else { return };
    view.note("master key", master_key(folder).await, |()| "it opens the store's values".to_owned());
    examine_kms(view, &opened, recipients).await;
    examine_repository(view, settings, None, &opened).await;
}

/// A database whose master key is another's does not open, and says so.
async fn examine_postgres(
    view: &mut DoctorView,
    settings: &Settings,
    database: &DatabaseSettings,
    recipients: &[Recipient],
) {
    let opened = wiring::open_postgres(database).await;
    let Some(opened) = view.note("store", opened, |_| database.url.to_string()) else { return };
    view.ok("master key", format!("{} opens the store's values", database.master_key.display()));
    examine_kms(view, &opened, recipients).await;
    examine_repository(view, settings, None, &opened).await;
}

async fn master_key(folder: &Path) -> Result<()> {
    let options = OpenOptions {
        directory: folder.to_owned(),
        key_management: None,
        clock: std::sync::Arc::new(SystemClock),
        user: String::new(),
    };
    match EmbeddedStore::open(options).await {
        // It was unwrapped by KMS to open the store.
        Err(OpenError::KeyManagementMissing { .. }) => Ok(()),
        Ok(store) if !store.master_key_fits() => {
            Err(Failure::failed("the master key is another store's").hint("put the right master.key back"))
        }
        outcome => Ok(outcome.map(drop)?),
    }
}

async fn examine_target(view: &mut DoctorView, settings: &Settings, target: &TargetSettings, recipients: &[Recipient]) {
    let opened = wiring::open_aws(target, &settings.quota).await;
    let who = |opened: &OpenedStore| {
        let arn = opened.session.as_ref().map(|session| session.identity().arn.clone()).unwrap_or_default();
        format!("{arn} in {}", opened.region)
    };
    let Some(opened) = view.note("credentials", opened, who) else { return };
    if let Some(session) = &opened.session {
        let skew = session.clock_skew().abs();
        view.ok("clock", format!("{} seconds from AWS's", skew.as_secs()));
    }
    let (parameter, names_bucket) = match &settings.repository_place {
        RepositoryPlace::BucketNamedBy(parameter) => (parameter.clone(), true),
        _ => (format!("/{}/{}/backup/s3-bucket-name", settings.project, settings.environment), false),
    };
    match ParameterName::parse(&parameter) {
        Ok(name) => {
            let checks = check_read_permissions(opened.store.as_ref(), &name).await;
            let granted = |operation| {
                checks.iter().any(|check| check.operation == operation && check.permission == Permission::Granted)
            };
            let lists_tags = granted(Operation::ListTagsForResource);
            checks.iter().for_each(|check| examine_permission(view, check, lists_tags, names_bucket));
            if granted(Operation::DescribeParameters) {
                examine_decryption(view, settings, opened.store.as_ref()).await;
            }
        }
        Err(error) => view.failed("permissions", &error.into()),
    }
    examine_kms(view, &opened, recipients).await;
    examine_repository(view, settings, Some(target), &opened).await;
}

fn examine_permission(view: &mut DoctorView, check: &PermissionCheck, lists_tags: bool, names_bucket: bool) {
    let action = check.operation.iam_action();
    match (&check.permission, check.operation) {
        (Permission::Granted, _) => view.ok(action, "permitted"),
        (_, Operation::GetParametersByPath) => view.ok(action, "not permitted, and not needed by a backup"),
        (Permission::Denied(_), Operation::GetParameter) if !names_bucket => {
            view.ok(action, "not permitted, and not needed: the repository is configured");
        }
        (_, Operation::GetResources) if lists_tags => {
            view.ok(action, "not permitted; tags are read one parameter at a time, which is slower");
        }
        (Permission::Denied(error) | Permission::Unknown(error), _) => {
            view.failed(action, &Failure::from(error.clone()));
        }
    }
}

/// Reads one SecureString that a backup would read, where there is one, and forgets it.
async fn examine_decryption(view: &mut DoctorView, settings: &Settings, store: &dyn ParameterStore) {
    const ACTION: &str = "kms:Decrypt";
    match first_secure_string(settings, store).await {
        Ok(None) => view.ok(ACTION, "not tried: no SecureString was found among what is selected"),
        Ok(Some(name)) => {
            let outcome = store.get_many(std::slice::from_ref(&name)).await.map_err(|error| {
                Failure::from(error)
                    .hint("allow kms:Decrypt with the parameter's key to the identity that runs this")
                    .while_doing(&format!("reading {name}"))
            });
            view.note(ACTION, outcome, |_| format!("permitted: {name} is read"));
        }
        Err(error) => view.failed(ACTION, &error.into()),
    }
}

/// The first SecureString that is selected, if it is on one of the first pages.
async fn first_secure_string(
    settings: &Settings,
    store: &dyn ParameterStore,
) -> Result<Option<ParameterName>, StoreError> {
    const PAGES: usize = 20;
    let mut request = DescribeRequest { filters: settings.selector.to_filters(), ..DescribeRequest::default() };
    for _ in 0..PAGES {
        let page = store.describe(&request).await?;
        let is_one = |metadata: &&ParameterMetadata| {
            metadata.parameter_type == ParameterType::SecureString && settings.selector.matches(metadata)
        };
        if let Some(found) = page.items.iter().find(is_one) {
            return Ok(Some(found.name.clone()));
        }
        request.next_token = page.next_token;
        if request.next_token.is_none() {
            break;
        }
    }
    Ok(None)
}

async fn examine_kms(view: &mut DoctorView, opened: &OpenedStore, recipients: &[Recipient]) {
    for key in recipients.iter().filter_map(Recipient::kms_key) {
        let tried = async {
            let session = match &opened.session {
                Some(session) => session.clone(),
                None => wiring::connect(&TargetSettings::default()).await?,
            };
            let context = EncryptionContext::from([("parados".to_owned(), "doctor".to_owned())]);
            session.key_management().encrypt(key, b"parados doctor", &context).await.map_err(|error| {
                Failure::failed(error.to_string()).hint("allow kms:Encrypt with the key to the identity that runs this")
            })
        };
        view.note("kms key", tried.await, |_| format!("{key} seals"));
    }
}

async fn examine_repository(
    view: &mut DoctorView,
    settings: &Settings,
    target: Option<&TargetSettings>,
    opened: &OpenedStore,
) {
    let tried = async {
        let url = repository::locate(&settings.repository_place, Some(opened.store.as_ref())).await?;
        let session = wiring::repository_session(settings, &url, target, opened).await?;
        let now = SystemClock.now();
        let opened = repository::open_to_examine(&url, &settings.repository, session.as_ref(), now).await?;
        Ok((url.to_string(), opened))
    };
    match tried.await {
        Ok((url, None)) => view.ok("repository", format!("{url}: the first backup makes it")),
        Ok((url, Some(repository))) => {
            view.ok(
                "repository",
                if repository.is_established() { url } else { format!("{url}: the first backup makes it") },
            );
            for (access, outcome) in repository.check_access().await {
                let outcome = outcome.map_err(Failure::from);
                view.note(&format!("repository: {access}"), outcome, |()| "permitted".to_owned());
            }
        }
        Err(failure) => view.failed("repository", &failure),
    }
}
