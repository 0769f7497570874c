//! Planted secrets, and the search for them. Where they are planted and where to look is the test's affair.

use std::fs;
use std::path::Path;

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// A piece of a secret of this many bytes counts as a leak: enough that it is not met by chance.
const PIECE: usize = 12;

/// Secrets that a test puts in as values and then searches for in everything that came out.
#[derive(Debug, Default)]
pub struct Canary {
    secrets: Vec<String>,
}

impl Canary {
    /// With nothing planted yet.
    pub fn new() -> Canary {
        Canary::default()
    }

    /// A new secret of 40 letters and digits: the same for the same `label`, different for another.
    pub fn plant(&mut self, label: &str) -> String {
        let secret = derive(label);
        self.secrets.push(secret.clone());
        secret
    }

    /// Takes a secret of the test's own, at least 12 bytes long, under watch, e.g. a generated private key's text.
    ///
    /// # Panics
    /// When it is too short to be told from chance.
    pub fn watch(&mut self, secret: impl Into<String>) {
        let secret = secret.into();
        assert!(secret.len() >= PIECE, "a watched secret has at least {PIECE} bytes");
        self.secrets.push(secret);
    }

    /// Takes the signing key of this OpenSSH private key file, which is not encrypted, under watch: its 32 secret bytes in base64 at
    /// any offset and in hex. The rest of the file is public.
    ///
    /// # Panics
    /// When it is no such file of an ed25519 key.
    pub fn watch_openssh_ed25519(&mut self, file: &str) {
        const MAGIC: &[u8] = b"openssh-key-v1\0";
        let text: String = file.lines().filter(|line| !line.starts_with("-----")).collect();
        let bytes = STANDARD.decode(text).expect("an OpenSSH private key file is base64");
        assert!(bytes.starts_with(MAGIC), "an OpenSSH private key file begins so");
        // The private part ends with the seed, the public key again, and the comment; the public key is before it too.
        let public = bytes.windows(32).position(|one| bytes.windows(32).filter(|other| one == *other).count() >= 3);
        let public = &bytes[public.expect("the public key stands in it three times")..][..32];
        let again = bytes.windows(32).rposition(|one| one == public).expect("it was found above");
        let seed = &bytes[again - 32..again];
        self.watch(seed.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        for offset in 0..3 {
            self.watch(STANDARD_NO_PAD.encode(&seed[offset..offset + 27]));
        }
    }

    /// Whether `bytes` holds a planted secret or a piece of one: plain, in base64 (at any offset) or in hex.
    pub fn is_in(&self, bytes: &[u8]) -> bool {
        self.search().is_match(bytes)
    }

    /// Searches `bytes`, which came from `place`.
    ///
    /// # Panics
    /// When a planted secret is in them, showing what surrounds it; also when nothing was planted, as that proves nothing.
    #[track_caller]
    pub fn assert_absent(&self, bytes: &[u8], place: &str) {
        check(&self.search(), bytes, place);
    }

    /// [`Self::assert_absent`] for every file below `folder`, names of files included.
    ///
    /// # Panics
    /// As there; also when the folder holds no file or one cannot be read.
    #[track_caller]
    pub fn assert_absent_in_tree(&self, folder: &Path) {
        let search = self.search();
        let mut folders = vec![folder.to_owned()];
        let mut files = 0_u64;
        while let Some(folder) = folders.pop() {
            let entries =
                fs::read_dir(&folder).unwrap_or_else(|error| panic!("cannot list {}: {error}", folder.display()));
            for entry in entries {
                let path = entry.unwrap_or_else(|error| panic!("cannot list {}: {error}", folder.display())).path();
                check(&search, path.as_os_str().as_encoded_bytes(), "a path");
                if path.is_dir() && !path.is_symlink() {
                    folders.push(path);
                } else if path.is_file() {
                    let bytes =
                        fs::read(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
                    check(&search, &bytes, &path.display().to_string());
                    files += 1;
                }
            }
        }
        assert!(files > 0, "there is no file below {}: the search proves nothing", folder.display());
    }

    fn search(&self) -> AhoCorasick {
        assert!(!self.secrets.is_empty(), "no canary is planted: the search proves nothing");
        let patterns = self.secrets.iter().flat_map(|secret| patterns(secret.as_bytes()));
        AhoCorasick::new(patterns).expect("a few hundred short patterns are within its limits")
    }
}

#[track_caller]
fn check(search: &AhoCorasick, bytes: &[u8], place: &str) {
    if let Some(found) = search.find(bytes) {
        let around = &bytes[found.start().saturating_sub(80)..(found.end() + 40).min(bytes.len())];
        panic!("a planted secret is in {place} at byte {}: …{}…", found.start(), String::from_utf8_lossy(around));
    }
}

/// Every piece of the secret as it stands, and the whole of it as other encodings would write it.
fn patterns(secret: &[u8]) -> Vec<Vec<u8>> {
    let mut patterns: Vec<Vec<u8>> = secret.windows(PIECE).map(<[u8]>::to_vec).collect();
    let hex: String = secret[..PIECE].iter().map(|byte| format!("{byte:02x}")).collect();
    patterns.push(hex.to_uppercase().into_bytes());
    patterns.push(hex.into_bytes());
    // Base64 writes three bytes as four characters, so what it makes of the secret depends on where it stands modulo three.
    for offset in 0..3 {
        let whole = &secret[offset..offset + (secret.len() - offset) / 3 * 3];
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            patterns.push(engine.encode(whole).into_bytes());
        }
    }
    patterns
}

/// FNV-1a over the label seeds a xorshift; the outcome need only look like no other text.
fn derive(label: &str) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyzACDEFGH23";
    let mut state = label
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    let letters = (0..40).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(LETTERS[(state >> 59) as usize])
    });
    letters.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_however_it_is_written() {
        let mut canary = Canary::new();
        let secret = canary.plant("database password");
        assert_eq!(secret.len(), 40);
        let shifted = |prefix: &str| STANDARD_NO_PAD.encode(format!("{prefix}{secret}"));
        let written = [
            secret.clone(),
            format!("password={secret}\n"),
            secret[7..7 + PIECE].to_owned(),
            shifted(""),
            shifted("1"),
            shifted("22"),
            secret.bytes().map(|byte| format!("{byte:02x}")).collect(),
            secret.bytes().map(|byte| format!("{byte:02X}")).collect(),
        ];
        for text in written {
            assert!(canary.is_in(text.as_bytes()), "{text}");
        }
        assert!(!canary.is_in(&secret.as_bytes()[..PIECE - 1]));
        assert!(!canary.is_in(derive("another").as_bytes()));
    }

    #[test]
    #[should_panic(expected = "a planted secret is in the log at byte 4")]
    fn a_leak_is_placed() {
        let mut canary = Canary::new();
        let secret = canary.plant("x");
        canary.assert_absent(format!("log {secret}").as_bytes(), "the log");
    }

    #[test]
    #[should_panic(expected = "no canary is planted")]
    fn an_empty_search_proves_nothing() {
        Canary::new().assert_absent(b"anything", "the log");
    }

    #[test]
    fn a_tree_without_a_secret_passes() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("below")).unwrap();
        fs::write(folder.path().join("below/file"), "nothing").unwrap();
        let mut canary = Canary::new();
        canary.plant("x");
        canary.assert_absent_in_tree(folder.path());
    }

    #[test]
    #[should_panic(expected = "below/file")]
    fn a_secret_is_found_in_a_tree() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("below")).unwrap();
        let mut canary = Canary::new();
        fs::write(folder.path().join("below/file"), canary.plant("x")).unwrap();
        canary.assert_absent_in_tree(folder.path());
    }

    #[test]
    #[should_panic(expected = "there is no file below")]
    fn an_empty_tree_proves_nothing() {
        let mut canary = Canary::new();
        canary.plant("x");
        canary.assert_absent_in_tree(tempfile::tempdir().unwrap().path());
    }

    #[test]
    fn the_secret_half_of_an_openssh_key_is_watched_and_the_public_one_is_not() {
        let folder = std::env::temp_dir().join(format!("parados-canary-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder can be made");
        let made =
            crate::tool("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(folder.join("key")).status();
        assert!(made.expect("ssh-keygen runs").success());
        let private = fs::read_to_string(folder.join("key")).expect("it was made");
        let public = fs::read_to_string(folder.join("key.pub")).expect("it was made");
        fs::remove_dir_all(&folder).expect("the folder can be taken away");
        let mut canary = Canary::new();
        canary.watch_openssh_ed25519(&private);
        assert!(canary.is_in(private.as_bytes()) && !canary.is_in(public.as_bytes()));
    }
}
