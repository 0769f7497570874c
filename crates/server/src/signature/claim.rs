//! What a request says of its own signature, read and then held against the request.

use std::borrow::Cow;

use aws_lc_rs::digest::{SHA256, digest};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use super::canonical::canonical_request;
use super::date::{self, Basic};
use super::key::SigningKey;
use super::percent::decode;
use super::{MAX_EXPIRES_SECONDS, MAX_SKEW_SECONDS, SignatureError};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const TERMINATOR: &str = "aws4_request";
const SECURITY_TOKEN: &str = "x-amz-security-token";
const CONTENT_HASH: &str = "x-amz-content-sha256";

/// Where the signature is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// In the `Authorization` header.
    Header,
    /// In the query string, good for some seconds.
    Presigned {
        /// `X-Amz-Expires`, 1 to [`MAX_EXPIRES_SECONDS`].
        expires_seconds: i64,
    },
}

/// What a request says of its signature. Nothing of it is true until [`Claim::verify`] says so.
#[derive(Clone, Debug)]
pub struct Claim<'a> {
    credential: Cow<'a, str>,
    /// Where the parts of the credential end.
    ends: [usize; 4],
    signed_headers: Cow<'a, str>,
    signature: [u8; 32],
    at: Timestamp,
    form: Form,
    has_session_token: bool,
}

impl<'a> Claim<'a> {
    /// Reads it off a request.
    ///
    /// # Errors
    /// [`SignatureError::Missing`] and [`SignatureError::Incomplete`], and a signature that has not the form of one is
    /// [`SignatureError::Invalid`].
    pub fn read(parts: &'a Parts) -> Result<Self, SignatureError> {
        let query = Query::read(parts.uri.query().unwrap_or_default())?;
        let header = only(&parts.headers, "authorization")?;
        match (header, query.algorithm.is_some() || query.signature.is_some()) {
            (None, false) => Err(SignatureError::Missing),
            (Some(_), true) => Err(SignatureError::Incomplete(
                "Authorization header and query-string parameters must not both be given.".to_owned(),
            )),
            (Some(header), false) => Self::read_header(parts, header),
            (None, true) => Self::read_query(parts, query),
        }
    }

    fn read_header(parts: &'a Parts, header: &'a HeaderValue) -> Result<Self, SignatureError> {
        let hashed = || {
            let hash = STANDARD.encode(digest(&SHA256, header.as_bytes()));
            format!("(Hashed with SHA-256 and encoded with Base64) Authorization={hash}")
        };
        let text = header.to_str().map_err(|_| incomplete(&["Authorization header is not text."], hashed()))?;
        let (algorithm, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        if algorithm != ALGORITHM {
            return Err(if algorithm.starts_with("AWS4-") {
                SignatureError::Incomplete(format!(
                    "Unsupported AWS 'algorithm'. This server takes {ALGORITHM}. {}",
                    hashed()
                ))
            } else {
                SignatureError::Missing
            });
        }
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for pair in rest.split(',').map(str::trim) {
            let Some((key, value)) = pair.split_once('=') else {
                let said = ["Authorization header has a part that is not a key=value pair (missing equal-sign)."];
                return Err(incomplete(&said, hashed()));
            };
            let slot = match key {
                "Credential" => &mut credential,
                "SignedHeaders" => &mut signed_headers,
                "Signature" => &mut signature,
                _ => continue,
            };
            if slot.replace(value).is_some() {
                return Err(incomplete(&["Authorization header has a parameter twice."], hashed()));
            }
        }
        let basic = only(&parts.headers, "x-amz-date")?;
        let at = match basic {
            Some(value) => value.to_str().ok().and_then(date::read_basic),
            None => only(&parts.headers, "date")?.and_then(|value| value.to_str().ok()).and_then(date::read_header),
        };
        let has_date = basic.is_some() || parts.headers.contains_key("date");
        let (Some(credential), Some(signed_headers), Some(signature), true) =
            (credential, signed_headers, signature, has_date)
        else {
            let missing = [
                credential.is_none().then_some("Authorization header requires 'Credential' parameter."),
                signature.is_none().then_some("Authorization header requires 'Signature' parameter."),
                signed_headers.is_none().then_some("Authorization header requires 'SignedHeaders' parameter."),
                (!has_date)
                    .then_some("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."),
            ];
            let missing: Vec<&str> = missing.into_iter().flatten().collect();
            return Err(incomplete(&missing, hashed()));
        };
        let Some(at) = at else {
            return Err(incomplete(&["Date must be in ISO-8601 'basic format', as 20150830T123600Z."], hashed()));
        };
        let claimed = Claimed { credential: credential.into(), signed_headers: signed_headers.into(), signature, at };
        claimed.into_claim(Form::Header, parts.headers.contains_key(SECURITY_TOKEN))
    }

    fn read_query(parts: &'a Parts, query: Query<'a>) -> Result<Self, SignatureError> {
        let missing = |name: &str| {
            SignatureError::Incomplete(format!(
                "AWS query-string parameters must include '{name}'. Re-examine the query-string parameters."
            ))
        };
        let algorithm = query.algorithm.ok_or_else(|| missing("X-Amz-Algorithm"))?;
        if algorithm != ALGORITHM {
            return Err(SignatureError::Incomplete(format!(
                "Unsupported AWS 'algorithm'. This server takes {ALGORITHM}."
            )));
        }
        let credential = query.credential.ok_or_else(|| missing("X-Amz-Credential"))?;
        let signature = query.signature.ok_or_else(|| missing("X-Amz-Signature"))?;
        let signed_headers = query.signed_headers.ok_or_else(|| missing("X-Amz-SignedHeaders"))?;
        let at = query.date.ok_or_else(|| missing("X-Amz-Date"))?;
        let at = date::read_basic(&at).ok_or_else(|| {
            SignatureError::Incomplete("X-Amz-Date must be in ISO-8601 'basic format', as 20150830T123600Z.".to_owned())
        })?;
        let expires = query.expires.ok_or_else(|| missing("X-Amz-Expires"))?;
        let is_number = !expires.is_empty() && expires.bytes().all(|byte| byte.is_ascii_digit());
        let expires_seconds =
            expires.parse().ok().filter(|seconds| is_number && (1..=MAX_EXPIRES_SECONDS).contains(seconds));
        let Some(expires_seconds) = expires_seconds else {
            return Err(SignatureError::Incomplete(format!(
                "X-Amz-Expires must be a number of seconds from 1 to {MAX_EXPIRES_SECONDS}."
            )));
        };
        let claimed = Claimed { credential, signed_headers, signature: &signature, at };
        let has_session_token = query.has_session_token || parts.headers.contains_key(SECURITY_TOKEN);
        claimed.into_claim(Form::Presigned { expires_seconds }, has_session_token)
    }

    /// The access key that a request names, whoever signed it; none where it names none, or what cannot be one.
    pub(crate) fn key_of(parts: &Parts) -> Option<String> {
        /// What AWS takes for the id of a key.
        const LENGTHS: std::ops::RangeInclusive<usize> = 12..=128;
        let claim = Claim::read(parts).ok()?;
        let id = claim.access_key_id();
        let is_one = LENGTHS.contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        is_one.then(|| id.to_owned())
    }

    /// The access key id.
    pub fn access_key_id(&self) -> &str {
        &self.credential[..self.ends[0]]
    }

    /// The day of the scope, as `20150830`.
    pub fn date(&self) -> &str {
        &self.credential[self.ends[0] + 1..self.ends[1]]
    }

    /// The Region of the scope.
    pub fn region(&self) -> &str {
        &self.credential[self.ends[1] + 1..self.ends[2]]
    }

    /// The service of the scope.
    pub fn service(&self) -> &str {
        &self.credential[self.ends[2] + 1..self.ends[3]]
    }

    /// When it was signed, to the second.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Where the signature is.
    pub fn form(&self) -> Form {
        self.form
    }

    pub(super) fn signature(&self) -> &[u8; 32] {
        &self.signature
    }

    /// Refuses what is signed too long ago or too far ahead, for another service than `service`, for another day than it is signed on, or
    /// with the token of a session.
    ///
    /// # Errors
    /// [`SignatureError::Invalid`], and [`SignatureError::UnknownKey`] for the token.
    pub fn check(&self, service: &str, now: Timestamp) -> Result<(), SignatureError> {
        self.check_time(now)?;
        let mut wrong = Vec::new();
        if self.service() != service {
            wrong.push(format!("Credential should be scoped to correct service: '{service}'."));
        }
        let terminator = &self.credential[self.ends[3] + 1..];
        if terminator != TERMINATOR {
            wrong.push(format!("Credential should be scoped with a valid terminator: '{TERMINATOR}'."));
        }
        let signed = Basic::of(self.at);
        if self.date() != signed.day() {
            wrong.push(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != '{}', from '{signed}'.",
                shown(self.date()),
                signed.day()
            ));
        }
        if !wrong.is_empty() {
            return Err(SignatureError::Invalid(wrong.join(" ")));
        }
        if self.has_session_token { Err(SignatureError::UnknownKey) } else { Ok(()) }
    }

    fn check_time(&self, now: Timestamp) -> Result<(), SignatureError> {
        let (at, now) = (self.at.as_second(), now.as_second());
        let basic = |second: i64| Basic::of(Timestamp::from_second(second).unwrap_or(Timestamp::MAX));
        let (good_for, unit, number) = match self.form {
            Form::Header => (MAX_SKEW_SECONDS, "min", MAX_SKEW_SECONDS / 60),
            Form::Presigned { expires_seconds } => (expires_seconds, "sec", expires_seconds),
        };
        if at < now - good_for {
            return Err(SignatureError::Invalid(format!(
                "Signature expired: {} is now earlier than {} ({} - {number} {unit}.)",
                basic(at),
                basic(now - good_for),
                basic(now)
            )));
        }
        if at > now + MAX_SKEW_SECONDS {
            return Err(SignatureError::Invalid(format!(
                "Signature not yet current: {} is still later than {} ({} + {} min.)",
                basic(at),
                basic(now + MAX_SKEW_SECONDS),
                basic(now),
                MAX_SKEW_SECONDS / 60
            )));
        }
        Ok(())
    }

    /// Says whether the request, with this body, was signed with `key`: the host and each `x-amz-` header that came have to be among what is
    /// signed, and the hash of the body is always that of the body that came.
    ///
    /// # Errors
    /// [`SignatureError::Invalid`]; [`SignatureError::Incomplete`] when the query string cannot be read.
    pub fn verify(&self, parts: &Parts, body: &[u8], key: &SigningKey) -> Result<(), SignatureError> {
        self.check_signed_headers(parts)?;
        let mut hash = [0; 64];
        let hash = hexadecimal(digest(&SHA256, body).as_ref(), &mut hash);
        if let Some(said) = only(&parts.headers, CONTENT_HASH)?
            && said.as_bytes() != hash.as_bytes()
        {
            return Err(SignatureError::Invalid(
                "The value of 'x-amz-content-sha256' is not the SHA-256 of the body; an unsigned or streamed body is not taken.".to_owned(),
            ));
        }
        let canonical = canonical_request(parts, &self.signed_headers, hash)?;
        let mut hash = [0; 64];
        let hash = hexadecimal(digest(&SHA256, &canonical).as_ref(), &mut hash);
        let scope = &self.credential[self.ends[0] + 1..];
        let message = [ALGORITHM, "\n", Basic::of(self.at).as_str(), "\n", scope, "\n", hash].concat();
        if key.verifies(message.as_bytes(), &self.signature) { Ok(()) } else { Err(SignatureError::mismatch()) }
    }

    /// What can be said of the names that are signed before their values are looked for.
    fn check_signed_headers(&self, parts: &Parts) -> Result<(), SignatureError> {
        let signed: Vec<&str> = self.signed_headers.split(';').collect();
        let is_name = |name: &&str| !name.is_empty() && !name.bytes().any(|byte| byte.is_ascii_uppercase());
        if !signed.iter().all(is_name) || !signed.windows(2).all(|pair| pair[0] < pair[1]) {
            return Err(SignatureError::mismatch());
        }
        let is_signed = |name: &str| signed.binary_search(&name).is_ok();
        if !is_signed("host") {
            return Err(SignatureError::Invalid(
                "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.".to_owned(),
            ));
        }
        let mut came = parts.headers.keys().map(HeaderName::as_str).filter(|name| name.starts_with("x-amz-"));
        match came.find(|name| !is_signed(name)) {
            None => Ok(()),
            Some(name) => Err(SignatureError::Invalid(format!(
                "'{}' must be a 'SignedHeader' in the AWS Authorization.",
                shown(name)
            ))),
        }
    }
}

/// The texts of either form, before they are taken apart.
struct Claimed<'a, 's> {
    credential: Cow<'a, str>,
    signed_headers: Cow<'a, str>,
    signature: &'s str,
    at: Timestamp,
}

impl<'a> Claimed<'a, '_> {
    fn into_claim(self, form: Form, has_session_token: bool) -> Result<Claim<'a>, SignatureError> {
        let mut ends = [0; 4];
        let mut found = 0;
        for (at, _) in self.credential.match_indices('/') {
            if found < ends.len() {
                ends[found] = at;
            }
            found += 1;
        }
        if found != ends.len() {
            return Err(SignatureError::Incomplete(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term."
                    .to_owned(),
            ));
        }
        let mut signature = [0; 32];
        let is_lower = !self.signature.bytes().any(|byte| byte.is_ascii_uppercase());
        if !is_lower || hex::decode_to_slice(self.signature, &mut signature).is_err() {
            return Err(SignatureError::mismatch());
        }
        let Self { credential, signed_headers, at, .. } = self;
        Ok(Claim { credential, ends, signed_headers, signature, at, form, has_session_token })
    }
}

/// The parameters of a query string that are about its signature.
#[derive(Default)]
struct Query<'a> {
    algorithm: Option<Cow<'a, str>>,
    credential: Option<Cow<'a, str>>,
    date: Option<Cow<'a, str>>,
    expires: Option<Cow<'a, str>>,
    signed_headers: Option<Cow<'a, str>>,
    signature: Option<Cow<'a, str>>,
    has_session_token: bool,
}

impl<'a> Query<'a> {
    fn read(query: &'a str) -> Result<Self, SignatureError> {
        let mut read = Self::default();
        for pair in query.split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let bad = || SignatureError::Incomplete("The query string cannot be decoded.".to_owned());
            let key = decode(key.as_bytes()).ok_or_else(bad)?;
            let slot = match key.as_ref() {
                b"X-Amz-Algorithm" => &mut read.algorithm,
                b"X-Amz-Credential" => &mut read.credential,
                b"X-Amz-Date" => &mut read.date,
                b"X-Amz-Expires" => &mut read.expires,
                b"X-Amz-SignedHeaders" => &mut read.signed_headers,
                b"X-Amz-Signature" => &mut read.signature,
                b"X-Amz-Security-Token" => {
                    read.has_session_token = true;
                    continue;
                }
                _ => continue,
            };
            let value = text(decode(value.as_bytes()).ok_or_else(bad)?).ok_or_else(bad)?;
            if slot.replace(value).is_some() {
                return Err(SignatureError::Incomplete("The query string has a parameter twice.".to_owned()));
            }
        }
        Ok(read)
    }
}

fn text(bytes: Cow<'_, [u8]>) -> Option<Cow<'_, str>> {
    match bytes {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    }
}

/// The one header of this name.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a HeaderValue>, SignatureError> {
    let mut values = headers.get_all(name).into_iter();
    let first = values.next();
    match values.next() {
        None => Ok(first),
        Some(_) => Err(SignatureError::Incomplete(format!("The header '{name}' is given twice."))),
    }
}

fn incomplete(said: &[&str], hashed: String) -> SignatureError {
    SignatureError::Incomplete(format!("{} {hashed}", said.join(" ")))
}

/// The beginning of a text that came from outside, for a message.
fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}

fn hexadecimal<'b>(bytes: &[u8], buffer: &'b mut [u8; 64]) -> &'b str {
    hex::encode_to_slice(bytes, buffer).expect("32 bytes are 64 digits");
    std::str::from_utf8(buffer).expect("digits are text")
}
