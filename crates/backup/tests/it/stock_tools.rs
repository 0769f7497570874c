//! The day when nothing else is left: age, zstd and jq open a sealed document, and write one that is opened here.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::Command;

use parados_backup::document::decode;
use parados_backup::seal::{Identities, Recipient, Sealer};
use rstest::rstest;

use crate::records::{encode, read_all, record};
use crate::seal::{identity, ssh_identity};

#[rstest]
#[case("x25519")]
#[case("ed25519")]
#[case("rsa")]
fn age_zstd_and_jq_open_a_sealed_document(#[case] kind: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (file, recipient) = key(folder.path(), kind);
    let (_, other) = identity(folder.path(), "somebody else");
    let records: Vec<_> = (0..3000).map(|n| record(&format!("/app/dev/{n}"), &format!("value \"{n}\" \n"))).collect();
    let (bytes, encoded) = encode(&records, Some(&Sealer::new([other, recipient], None).unwrap()));
    let sealed = folder.path().join("sealed.json.zst.age");
    fs::write(&sealed, &bytes).unwrap();

    let opened = folder.path().join("opened.json.zst");
    run(testkit::tool("age").arg("-d").arg("-i").arg(&file).arg("-o").arg(&opened).arg(&sealed));
    let listed = run(testkit::tool("zstd").arg("-lv").arg(&opened));
    assert!(listed.contains("XXH64"), "the frame has a checksum: {listed}");
    let document = folder.path().join("opened.json");
    run(testkit::tool("zstd").args(["-q", "-d"]).arg(&opened));
    assert_eq!(fs::metadata(&document).unwrap().len(), encoded.content_size);
    let filter = "[.parameter_count, (.parameters | length), .parameters[2999].Value, .environment] | tojson";
    let said = run(testkit::tool("jq").args(["-r", filter]).arg(&document));
    assert_eq!(said.trim(), r#"[3000,3000,"value \"2999\" \n","dev"]"#);
    let digest = run(testkit::tool("sha256sum").arg(&document));
    assert_eq!(format!("sha256:{}", &digest[..64]), encoded.content_digest.to_string());
}

#[rstest]
#[case("x25519")]
#[case("ed25519")]
#[case("rsa")]
fn what_zstd_and_age_seal_is_opened(#[case] kind: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (file, recipient) = key(folder.path(), kind);
    let records = [record("/app/dev/a", "one"), record("/app/dev/b", "two")];
    let document = folder.path().join("document.json");
    fs::write(&document, encode(&records, None).0).unwrap();
    let sealed = folder.path().join("document.json.zst.age");

    run(testkit::tool("zstd").args(["-q", "-3"]).arg(&document));
    let compressed = folder.path().join("document.json.zst");
    run(testkit::tool("age").args(["-r", recipient.as_str(), "-o"]).arg(&sealed).arg(&compressed));

    let identities = Identities::load(&[file], None).unwrap();
    let (_, read) = read_all(decode(BufReader::new(File::open(sealed).unwrap()), true, &identities).unwrap()).unwrap();
    assert!(read == records);
}

fn key(folder: &Path, kind: &str) -> (PathBuf, Recipient) {
    if kind != "x25519" {
        let (file, public) = ssh_identity(folder, kind, "");
        return (file, public.parse().unwrap());
    }
    let file = folder.join("identity");
    run(testkit::tool("age-keygen").arg("-o").arg(&file));
    let public = run(testkit::tool("age-keygen").arg("-y").arg(&file));
    (file, public.parse().unwrap())
}

/// Runs a command to its end, which must be a success; what it printed.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}
