//! What holds for reading and checking the signature of a request, whatever the bytes.

use http::Request;
use http::request::Parts;
use parados_server::signature::{Claim, SignatureError, SigningKey};

/// The secret of the corpus's key, which is the one of AWS's examples.
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// Neither reading nor checking panics; what is rightly signed is not with another body, another secret or another target, and no
/// error holds the secret or the signature that would have been right.
pub(crate) fn check(bytes: &[u8]) {
    is_right(bytes);
}

/// The same; says whether it is a request that is rightly signed.
pub(crate) fn is_right(bytes: &[u8]) -> bool {
    let Some((parts, body)) = request(bytes) else { return false };
    let outcome = verify(&parts, body, SECRET);
    if let Err(error) = &outcome {
        assert!(!error.to_string().contains(SECRET), "{error}");
        return false;
    }
    assert!(verify(&parts, &[body, b"x"].concat(), SECRET).is_err(), "it is of another body too");
    assert!(verify(&parts, body, "another").is_err(), "it is of another secret too");
    let mut other = parts;
    other.uri = "/other".parse().expect("it is a path");
    assert!(verify(&other, body, SECRET).is_err(), "it is of another target too");
    true
}

/// What a server does with a request, at the time that the request says.
fn verify(parts: &Parts, body: &[u8], secret: &str) -> Result<(), SignatureError> {
    let claim = Claim::read(parts)?;
    claim.check("ssm", claim.at())?;
    let key = SigningKey::derive(secret, claim.date(), claim.region(), claim.service());
    claim.verify(parts, body, &key)
}

/// The method, the target, headers and body, as HTTP/1.1 has them on the wire.
fn request(bytes: &[u8]) -> Option<(Parts, &[u8])> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let mut lines = bytes[..end].split(|byte| *byte == b'\n').map(|line| line.trim_ascii_end());
    let mut words = lines.next()?.split(|byte| *byte == b' ');
    let mut request = Request::builder().method(words.next()?).uri(words.next()?);
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        request = request.header(&line[..colon], line[colon + 1..].trim_ascii_start());
    }
    Some((request.body(()).ok()?.into_parts().0, &bytes[end + 4..]))
}
