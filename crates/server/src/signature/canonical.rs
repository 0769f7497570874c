//! The canonical request: the one form of a request that both ends hash.

use axum::http::HeaderValue;
use axum::http::request::Parts;

use super::SignatureError;
use super::percent::{decode, encode};

/// The query parameter that is not part of what it signs.
pub(super) const SIGNATURE_PARAMETER: &[u8] = b"X-Amz-Signature";

/// Writes the canonical request of `parts`, with the headers of `signed` (in order, in lower case) and the body's hash in hexadecimal.
///
/// # Errors
/// A query string with an escape that is none; a header that did not come.
pub(super) fn canonical_request(parts: &Parts, signed: &str, body_hash: &str) -> Result<Vec<u8>, SignatureError> {
    let mut out = Vec::with_capacity(512);
    out.extend(parts.method.as_str().as_bytes());
    out.push(b'\n');
    write_path(parts.uri.path(), &mut out);
    out.push(b'\n');
    write_query(parts.uri.query().unwrap_or_default(), &mut out)?;
    out.push(b'\n');
    for name in signed.split(';') {
        out.extend(name.as_bytes());
        out.push(b':');
        write_values(parts, name, &mut out)?;
        out.push(b'\n');
    }
    out.push(b'\n');
    out.extend(signed.as_bytes());
    out.push(b'\n');
    out.extend(body_hash.as_bytes());
    Ok(out)
}

/// The path without its dots and empty segments, each segment encoded once more than it came.
fn write_path(path: &str, out: &mut Vec<u8>) {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(kept.pop()),
            other => kept.push(other),
        }
    }
    for segment in &kept {
        out.push(b'/');
        encode(segment.as_bytes(), out);
    }
    if kept.is_empty() || ["/", "/.", "/.."].iter().any(|end| path.ends_with(end)) {
        out.push(b'/');
    }
}

/// The parameters of the query but the signature itself, in order of their encoded keys and then values.
fn write_query(query: &str, out: &mut Vec<u8>) -> Result<(), SignatureError> {
    if query.is_empty() {
        return Ok(());
    }
    let mut pairs = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let normal = |text: &str| {
            let mut encoded = Vec::with_capacity(text.len());
            encode(&decode(text.as_bytes())?, &mut encoded);
            Some(encoded)
        };
        let (Some(key), Some(value)) = (normal(key), normal(value)) else {
            return Err(SignatureError::Incomplete("The query string has an escape that is not one.".to_owned()));
        };
        if key != SIGNATURE_PARAMETER {
            pairs.push((key, value));
        }
    }
    pairs.sort_unstable();
    for (at, (key, value)) in pairs.iter().enumerate() {
        if at > 0 {
            out.push(b'&');
        }
        out.extend(key);
        out.push(b'=');
        out.extend(value);
    }
    Ok(())
}

/// The values of a header, in the order in which they came, each without the spaces around it and with one where there are several. HTTP/2 says the host as
/// `:authority`.
fn write_values(parts: &Parts, name: &str, out: &mut Vec<u8>) -> Result<(), SignatureError> {
    let mut values = parts.headers.get_all(name).into_iter().map(HeaderValue::as_bytes).peekable();
    if values.peek().is_none() {
        let authority = parts.uri.authority().filter(|_| name == "host").ok_or_else(SignatureError::mismatch)?;
        out.extend(authority.as_str().as_bytes());
    }
    for (at, value) in values.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        let words = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        for (at, word) in words.enumerate() {
            if at > 0 {
                out.push(b' ');
            }
            out.extend(word);
        }
    }
    Ok(())
}
