//! The day when nothing else is left: `head`, `tail`, `jq` and `ssh-keygen` read and check a manifest.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output};

use parados_backup::manifest::ManifestDraft;
use parados_backup::signature::SigningKey;

use crate::snapshots::draft;

/// The commands of FORMAT.md, "Signature", on the manifest at `path`.
fn verify(folder: &Path, path: &Path, allowed: &Path) -> Output {
    let line = testkit::tool("head").args(["-n", "1"]).arg(path).output().unwrap().stdout;
    let signature = testkit::tool("tail").args(["-n", "+2"]).arg(path).output().unwrap().stdout;
    let (line_file, signature_file) = (folder.join("line"), folder.join("line.sig"));
    fs::write(&line_file, line).unwrap();
    fs::write(&signature_file, signature).unwrap();
    let mut ssh_keygen: Command = testkit::tool("ssh-keygen");
    ssh_keygen.args(["-Y", "verify", "-I", "parados", "-n", "parados-manifest", "-f"]).arg(allowed);
    ssh_keygen.arg("-s").arg(&signature_file).stdin(File::open(&line_file).unwrap());
    ssh_keygen.output().unwrap()
}

fn stored(draft: ManifestDraft, key: &SigningKey) -> Vec<u8> {
    draft.encode().unwrap().place(1, None, key).unwrap().chunks.concat()
}

#[test]
fn ssh_keygen_accepts_a_manifest_and_refuses_a_flipped_one() {
    let folder = tempfile::tempdir().unwrap();
    let key = SigningKey::from_seed(&[1; 32], "parados");
    let (path, allowed) = (folder.path().join("0000000001.manifest"), folder.path().join("allowed_signers"));
    fs::write(&allowed, format!("parados {}\n", key.public_line())).unwrap();
    let whole = stored(draft(1), &key);

    fs::write(&path, &whole).unwrap();
    let output = verify(folder.path(), &path, &allowed);
    assert!(output.status.success(), "{output:?}");
    let names = testkit::tool("sh").args(["-c", "head -n 1 \"$0\" | jq -r '.parameters[].name'"]).arg(&path).output();
    assert_eq!(String::from_utf8(names.unwrap().stdout).unwrap(), "/dev/a\n/dev/b\n");

    let line_length = whole.iter().position(|byte| *byte == b'\n').unwrap();
    for position in [0, line_length / 2, line_length - 1] {
        let mut flipped = whole.clone();
        flipped[position] ^= 1;
        fs::write(&path, &flipped).unwrap();
        assert!(!verify(folder.path(), &path, &allowed).status.success(), "byte {position}");
    }

    let other = SigningKey::from_seed(&[2; 32], "parados");
    fs::write(&path, stored(draft(1), &other)).unwrap();
    assert!(!verify(folder.path(), &path, &allowed).status.success(), "another signer");
}

#[test]
fn a_key_that_ssh_keygen_made_signs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signing.key");
    let make = |kind: &str, passphrase: &str| {
        let _ = fs::remove_file(&path);
        let mut made = testkit::tool("ssh-keygen");
        made.args(["-q", "-t", kind, "-N", passphrase, "-C", "backup host", "-f"]).arg(&path);
        assert!(made.status().unwrap().success());
        SigningKey::load(&path)
    };
    let key = make("ed25519", "").unwrap();
    let allowed = folder.path().join("allowed_signers");
    fs::write(&allowed, format!("parados {}", fs::read_to_string(path.with_extension("key.pub")).unwrap())).unwrap();
    let manifest = folder.path().join("m");
    fs::write(&manifest, stored(draft(1), &key)).unwrap();
    let output = verify(folder.path(), &manifest, &allowed);
    assert!(output.status.success(), "{output:?}");

    let message = make("ed25519", "hunter2").unwrap_err().to_string();
    assert!(message.contains("passphrase") && message.contains("ssh-keygen -t ed25519"), "{message}");
    let message = make("ecdsa", "").unwrap_err().to_string();
    assert!(message.contains("not an OpenSSH ed25519 private key"), "{message}");
}
