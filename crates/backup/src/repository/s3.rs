//! Completing an S3 upload of many parts only where there is no object of that key yet.
//!
//! S3 takes `If-None-Match: *` on CompleteMultipartUpload, and `object_store` has no way to ask for it. So the header is added
//! on the way out. It is not among the signed headers, and need not be: SigV4 wants `host` and `x-amz-*` signed, and lets
//! others be.

use std::sync::Arc;

use async_trait::async_trait;
use object_store::client::{HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService};
use object_store::{ClientOptions, HeaderValue};

/// Makes clients of another connector complete uploads conditionally.
#[derive(Debug)]
pub(super) struct ConditionalCompletion(pub(super) Arc<dyn HttpConnector>);

impl HttpConnector for ConditionalCompletion {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let inner = self.0.connect(options)?;
        Ok(HttpClient::new(ConditionalService { inner }))
    }
}

#[derive(Debug)]
struct ConditionalService {
    inner: HttpClient,
}

#[async_trait]
impl HttpService for ConditionalService {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        if request.method().as_str() == "POST" && completes_an_upload(request.uri().query()) {
            request.headers_mut().insert("if-none-match", HeaderValue::from_static("*"));
        }
        self.inner.execute(request).await
    }
}

/// `POST ?uploadId=…` is CompleteMultipartUpload; `POST ?uploads` begins one, `POST ?delete` deletes.
fn completes_an_upload(query: Option<&str>) -> bool {
    query.is_some_and(|query| query.split('&').any(|pair| pair.starts_with("uploadId=")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_completion_is_conditional() {
        assert!(completes_an_upload(Some("uploadId=abc")));
        assert!(completes_an_upload(Some("x=1&uploadId=abc")));
        for other in [None, Some("uploads="), Some("delete"), Some("x=uploadId=")] {
            assert!(!completes_an_upload(other), "{other:?}");
        }
    }
}
