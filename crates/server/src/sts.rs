//! STS GetCallerIdentity, in the query protocol and XML.

use crate::ApiError;
use crate::access::Caller;

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// The one operation that is served of a query: `Action=GetCallerIdentity&Version=2011-06-15`.
pub(crate) fn action(query: &str) -> Option<&str> {
    query.split('&').find_map(|pair| pair.strip_prefix("Action="))
}

/// The answer of GetCallerIdentity.
pub(crate) fn caller_identity(caller: &Caller, request_id: &str) -> String {
    format!(
        "<GetCallerIdentityResponse xmlns=\"{NAMESPACE}\"><GetCallerIdentityResult><Arn>{}</Arn><UserId>{}</UserId>\
         <Account>{}</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>{request_id}</RequestId>\
         </ResponseMetadata></GetCallerIdentityResponse>",
        escape(&caller.arn),
        escape(&caller.user_id),
        caller.place.account(),
    )
}

/// An error in the query protocol.
pub(crate) fn error(error: &ApiError, request_id: &str) -> String {
    let kind = if error.http_status().is_server_error() { "Receiver" } else { "Sender" };
    format!(
        "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>{kind}</Type><Code>{}</Code><Message>{}</Message></Error>\
         <RequestId>{request_id}</RequestId></ErrorResponse>",
        escape(error.code()),
        escape(error.message().unwrap_or_default()),
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_xml_is_escaped() {
        let text = error(&ApiError::validation("<a> & \"b\""), "1");
        assert!(text.contains("<Message>&lt;a&gt; &amp; &quot;b&quot;</Message>"), "{text}");
    }
}
