//! The least that reading a store in full can cost its client where each call has a connection of its own: the two calls of a backup for each page, one after
//! the other over bare sockets. Nothing is signed, sealed or written.

use serde_json::{Value, json};

use super::connection::Connection;
use crate::Outcome;

/// Lists every parameter at `endpoint` (`http://HOST:PORT`) whose name contains `/dev/`, and reads the values of each page.
pub(crate) fn read_all(endpoint: &str) -> Outcome<()> {
    let address = endpoint.strip_prefix("http://").ok_or("the endpoint is not http://")?;
    let filter = json!([{"Key": "Name", "Option": "Contains", "Values": ["/dev/"]}]);
    let mut token = Value::Null;
    loop {
        let mut ask = json!({"MaxResults": 50, "ParameterFilters": filter});
        if !token.is_null() {
            ask["NextToken"] = token;
        }
        let page: Value = serde_json::from_slice(&call(address, "DescribeParameters", &ask)?)?;
        let listed = page["Parameters"].as_array().ok_or("a page without parameters")?;
        let names: Vec<&Value> = listed.iter().map(|one| &one["Name"]).collect();
        for ten in names.chunks(10) {
            call(address, "GetParameters", &json!({"Names": ten, "WithDecryption": true}))?;
        }
        token = page["NextToken"].clone();
        if token.is_null() {
            return Ok(());
        }
    }
}

/// The body of the answer to one call.
fn call(address: &str, operation: &str, body: &Value) -> Outcome<Vec<u8>> {
    let body = body.to_string();
    let request = format!(
        "POST / HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: {}\r\n\
         X-Amz-Target: AmazonSSM.{operation}\r\nAuthorization: AWS4-HMAC-SHA256 Credential=testing/20260101/eu-west-1/ssm/aws4_request, \
         SignedHeaders=host, Signature=0\r\n\r\n{body}",
        body.len()
    );
    let mut connection = Connection::blocking(address)?;
    connection.send(request.as_bytes())?;
    let mut part = [0; 16 * 1024];
    while !connection.read(&mut part)? {}
    Ok(connection.body().to_vec())
}
