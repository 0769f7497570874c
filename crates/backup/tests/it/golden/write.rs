//! How the golden repositories of format version 1 were made: by `PARADOS_WRITE_GOLDEN=1 cargo nextest run -p parados-backup golden`.
//!
//! Once that version is released this is history: what is kept in `tests/fixtures/golden/v1-fields/` is then never written again, as
//! that in `v1/` is not, which the same code wrote before manifests had fingerprints of fields.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parados_backup::backup::{BackupRequest, backup};
use parados_backup::event::NoObserver;
use parados_backup::repository::{OpenOptions, RepositoryUrl};
use parados_backup::seal::{Identities, Recipient};
use parados_backup::signature::SigningKey;
use parados_backup::target::StoreKind;
use parados_backup::verdict::Verdict;
use parados_parameter::decorator::faulty::{Fault, FaultEffect, Faulty};
use parados_parameter::memory::MemoryStoreOptions;
use parados_parameter::{
    AllowedPattern, DataType, Description, KeyId, Operation, ParameterStore as _, ParameterType, Policy, PutRequest,
    Secret, Selector, SharedStore, StoreErrorKind, Tag, TierRequest, Version,
};
use zeroize::Zeroizing;

use super::{read, recipients};
use crate::shop::{Shop, name, request, signing_key};

/// Asks for it, when it is 1.
pub(super) const ASK: &str = "PARADOS_WRITE_GOLDEN";
/// The age identity of these fixtures: 32 bytes of 0x42.
const IDENTITY: &str = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
/// The seed of their OpenSSH identity.
const SSH_SEED: [u8; 32] = [0x43; 32];

const README: &str = "# Golden repositories of format version 1, with fingerprints of fields

Two repositories as Parados 0.1.0 wrote them once manifests had `fields`, and what is in them. Every later Parados reads them as they stand, so nothing here is
ever changed (`tests/it/golden.rs`).

**The keys here are for these tests only and protect nothing.** They are public: never use one of them for anything else.

| file | what it is |
|---|---|
| `sealed/` | Three snapshots of two targets: `dev` whole with its history, `dev` again after a change (most values taken over), `prod` with two things missing. |
| `unsealed/` | One snapshot of `dev`, without recipients and without labels. |
| `identity_age`, `identity_ssh` | The private keys to which `sealed/` is sealed; each opens it alone. |
| `signer.pub` | The public key that signed; its seed is 32 times 09. |
| `expected.json` | What is in the two, field by field. |
";

/// Writes the fixtures anew, and refuses to where they were not asked for.
pub(super) async fn write(folder: &Path, asked: Option<&OsStr>) -> Result<(), String> {
    if asked != Some(OsStr::new("1")) {
        return Err(format!("golden repositories are kept for ever; {ASK}=1 writes those of this format anew"));
    }
    for repository in ["sealed", "unsealed"] {
        let _ = fs::remove_dir_all(folder.join(repository));
    }
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("README.md"), README).unwrap();
    fs::write(folder.join("identity_age"), format!("# for tests only\n{IDENTITY}\n")).unwrap();
    let _ = fs::remove_file(folder.join("identity_ssh"));
    SigningKey::generate(&folder.join("identity_ssh"), &Zeroizing::new(SSH_SEED), "for tests only").unwrap();
    fs::write(folder.join("signer.pub"), signing_key().public_line() + "\n").unwrap();

    let sealed = folder.join("sealed");
    let recipients = recipients(folder);
    let with_history = |number| BackupRequest { with_history: true, ..request("dev", number) };
    let dev = dev().await;
    run(&dev, dev.store.clone(), &sealed, &recipients, with_history(1), Verdict::Complete).await;
    change(&dev).await;
    run(&dev, dev.store.clone(), &sealed, &recipients, with_history(2), Verdict::Complete).await;
    let (prod, store) = prod().await;
    let mut everything =
        BackupRequest { selector: Selector::default(), selector_text: "everything".into(), ..request("prod", 3) };
    (everything.target.account, everything.target.region) = ("000000000000".into(), "embedded".into());
    everything.target.store = StoreKind::Embedded;
    run(&prod, store, &sealed, &recipients, everything, Verdict::Partial).await;

    let without_labels = BackupRequest { with_labels: false, ..request("dev", 5) };
    run(&dev, dev.store.clone(), &folder.join("unsealed"), &[], without_labels, Verdict::Complete).await;

    let identities = Identities::load(&[folder.join("identity_age")], None).unwrap();
    let expected = serde_json::json!({
        "sealed": read(folder, "sealed", &identities, true).await,
        "unsealed": read(folder, "unsealed", &Identities::default(), false).await,
    });
    fs::write(folder.join("expected.json"), serde_json::to_string_pretty(&expected).unwrap() + "\n").unwrap();
    Ok(())
}

/// Backs up one target, with each parameter that is missing named.
async fn run(
    shop: &Shop,
    store: SharedStore,
    folder: &Path,
    recipients: &[Recipient],
    request: BackupRequest,
    expected: Verdict,
) {
    let objects = RepositoryUrl::Folder(folder.to_owned())
        .open(&OpenOptions { create_folder: true, ..OpenOptions::default() })
        .unwrap();
    let identity = folder.with_file_name("identity_age");
    let context = shop.context(store, objects, recipients, Some(&identity)).await;
    let report = backup(&context, &request, &NoObserver).await;
    assert_eq!(report.verdict, expected, "{report:?}");
}

/// The development environment, at 13:00: every type, every field, values that break careless writers.
pub(super) async fn dev() -> Shop {
    let shop = Shop::new(MemoryStoreOptions::default());
    let new = |text: &str, value: &str| PutRequest::new(name(text), Secret::new(value));
    shop.put(PutRequest {
        parameter_type: Some(ParameterType::SecureString),
        key_id: Some(KeyId::parse("alias/shop").unwrap()),
        description: Some(Description::parse("The database's password, \"main\" \u{1F511}").unwrap()),
        tags: vec![Tag::parse("team=data").unwrap(), Tag::parse("cost-centre=4711").unwrap()],
        tier: Some(TierRequest::Advanced),
        policies: Some(
            Policy::parse_list(
                r#"[{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":"2030-01-01T00:00:00Z"}}]"#,
            )
            .unwrap(),
        ),
        ..new("/shop/dev/db/password", "first")
    })
    .await;
    let password = name("/shop/dev/db/password");
    shop.store.label(&password, None, &["old".into()]).await.unwrap();
    shop.put_value("/shop/dev/db/password", ParameterType::SecureString, "second").await;
    shop.put_value("/shop/dev/db/password", ParameterType::SecureString, "third \u{2028} \"\\\u{7f}").await;
    shop.store.label(&password, None, &["blue".into(), "live".into()]).await.unwrap();

    shop.put_value("/shop/dev/hosts", ParameterType::StringList, "a.example.com,b.example.com").await;
    shop.put_value("/shop/dev/motd", ParameterType::String, " Gr\u{fc}\u{df}e,\n\t\u{65e5}\u{672c} \u{1F363}\r\n")
        .await;
    shop.put_value(
        "/shop/dev/tls/key",
        ParameterType::SecureString,
        "-----BEGIN EXAMPLE-----\nAAAA\n-----END EXAMPLE-----\n",
    )
    .await;
    shop.put(PutRequest {
        data_type: Some(DataType::observed("aws:ec2:image")),
        ..new("/shop/dev/image", "ami-0123456789abcdef0")
    })
    .await;
    shop.put(PutRequest {
        allowed_pattern: Some(AllowedPattern::parse(r"^\d{1,5}$").unwrap()),
        ..new("/shop/dev/port", "5432")
    })
    .await;
    shop.put(PutRequest {
        tier: Some(TierRequest::Advanced),
        ..new("/shop/dev/large", &"0123456789abcdef".repeat(512))
    })
    .await;
    until(&shop, "2025-10-15T13:00:00Z");
    shop
}

/// Another password, another key of TLS gone, one new parameter, one new tag. It is 14:00 then.
async fn change(shop: &Shop) {
    shop.put_value("/shop/dev/db/password", ParameterType::SecureString, "fourth").await;
    shop.store.label(&name("/shop/dev/db/password"), Version::new(4).ok(), &["live".into()]).await.unwrap();
    shop.store.delete(&name("/shop/dev/tls/key")).await.unwrap();
    shop.put_value("/shop/dev/new", ParameterType::String, "new").await;
    shop.store.tag(&name("/shop/dev/hosts"), &[Tag::parse("team=web").unwrap()]).await.unwrap();
    until(shop, "2025-10-15T14:00:00Z");
}

/// The development environment as the second snapshot found it, a day later.
pub(super) async fn dev_after_the_change() -> Shop {
    let shop = dev().await;
    change(&shop).await;
    until(&shop, "2025-10-17T00:00:00Z");
    shop
}

/// The production environment, of an embedded store: one value may not be read, and one history.
async fn prod() -> (Shop, SharedStore) {
    let options = MemoryStoreOptions {
        annotated: true,
        account: "000000000000".into(),
        region: "embedded".into(),
        partition: "parados".into(),
        user: "somebody".into(),
        ..MemoryStoreOptions::default()
    };
    let shop = Shop::new(options);
    for text in ["/shop/prod/db/password", "/shop/prod/denied", "/shop/prod/labelled", "flat"] {
        shop.put_value(text, ParameterType::SecureString, &format!("value of {text}")).await;
    }
    shop.store.label(&name("/shop/prod/labelled"), None, &["kept".into()]).await.unwrap();
    shop.put_value("/shop/prod/labelled", ParameterType::SecureString, "newer").await;
    until(&shop, "2025-10-16T09:30:00.25Z");
    let (denied, broken) = (StoreErrorKind::AccessDenied, StoreErrorKind::InternalServerError);
    let faults = [
        Fault::every(FaultEffect::Before(denied)).of(Operation::GetParameters).on(name("/shop/prod/denied")),
        Fault::every(FaultEffect::Before(broken)).of(Operation::GetParameterHistory).on(name("/shop/prod/labelled")),
    ];
    let store = Arc::new(Faulty::new(shop.store.clone(), faults));
    (shop, store)
}

fn until(shop: &Shop, time: &str) {
    let time: jiff::Timestamp = time.parse().unwrap();
    let wait = time.duration_since(parados_parameter::Clock::now(&*shop.clock));
    shop.clock.advance(Duration::try_from(wait).unwrap());
}
