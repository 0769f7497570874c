//! The signature of a delivery: HMAC-SHA256 over the time, a dot and the body.
//!
//! `Parados-Signature: t=1764000000,v1=5257a8…` is what `printf '%s.%s' "$t" "$body" | openssl dgst -sha256 -hmac "$secret"` says. While a secret is rotated there are two `v1`.

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};

/// The header that bears it.
pub const SIGNATURE_HEADER: &str = "parados-signature";

/// The header's value for `body`, sent at `at` (seconds since 1970), by each of the `secrets`.
pub fn signature_of<'a>(secrets: impl IntoIterator<Item = &'a [u8]>, at: i64, body: &[u8]) -> String {
    let mut signed = format!("{at}.").into_bytes();
    signed.extend_from_slice(body);
    let mut header = format!("t={at}");
    for secret in secrets {
        header.push_str(",v1=");
        header.push_str(&hex::encode(sign(&Key::new(HMAC_SHA256, secret), &signed)));
    }
    header
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    /// By a tool that is not ours.
    fn openssl(secret: &str, text: &str) -> String {
        let mut command = Command::new("openssl");
        command.args(["dgst", "-sha256", "-hmac", secret]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap().split_once("= ").unwrap().1.trim().to_owned()
    }

    #[test]
    fn openssl_says_the_same() {
        let (new, old, body) = ("whsec_new", "whsec_old", r#"{"id":"1","detail":{"name":"/é"}}"#);
        let signed = format!("1764000000.{body}");
        let expected = format!("t=1764000000,v1={},v1={}", openssl(new, &signed), openssl(old, &signed));
        assert_eq!(signature_of([new.as_bytes(), old.as_bytes()], 1_764_000_000, body.as_bytes()), expected);
    }
}
