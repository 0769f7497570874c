//! Requests, signed by AWS's own signer and laid out as they go over the wire.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;

use super::LoadOptions;
use crate::Outcome;

const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

/// Signs for one server.
pub(super) struct Signer<'a> {
    options: &'a LoadOptions,
    identity: Identity,
}

impl<'a> Signer<'a> {
    pub(super) fn new(options: &'a LoadOptions) -> Self {
        let credentials = Credentials::new(&options.access_key, &options.secret_key, None, None, "bench");
        Self { options, identity: credentials.into() }
    }

    /// The bytes of a request.
    pub(super) fn request(&self, operation: &str, body: &str) -> Outcome<Vec<u8>> {
        let target = format!("AmazonSSM.{operation}");
        let address = &self.options.address;
        let headers = [("host", address.as_str()), ("content-type", CONTENT_TYPE), ("x-amz-target", target.as_str())];
        let parameters = v4::SigningParams::builder()
            .identity(&self.identity)
            .region(&self.options.region)
            .name("ssm")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()?
            .into();
        let url = format!("http://{address}/");
        let signable = SignableRequest::new("POST", &url, headers.into_iter(), SignableBody::Bytes(body.as_bytes()))?;
        let (instructions, _) = sign(signable, &parameters)?.into_parts();
        let mut request = String::from("POST / HTTP/1.1\r\n");
        let (signed, _) = instructions.into_parts();
        let signed = signed.iter().map(|header| (header.name(), header.value()));
        for (name, value) in headers.into_iter().chain(signed) {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
        Ok(request.into_bytes())
    }
}
