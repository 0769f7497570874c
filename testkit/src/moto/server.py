"""moto's server on a free port, for one test.

Prints the port as its first line of output and ends when its standard input does, so that it never outlives
the test that started it. In front of moto stands a small gate that counts calls by operation ("SSM.GetParameters",
"S3.PutObject"), answers chosen ones with an error, refuses uploads without encryption or checksum and has moto check who is allowed what when
asked to, answers policies of parameters as AWS does, understands the condition of Google's storage, and can tell the wrong time. It is spoken to under /testkit/: calls, reset, fail, encryption, checksum, permissions, clock.
"""

import io
import json
import os
import re
import sys
import threading
import time
from collections import Counter
from email.utils import formatdate
from urllib.parse import parse_qs

from moto import settings
from moto.iam import access_control
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3.models import FakeBucket
from werkzeug.serving import WSGIRequestHandler, make_server

SERVICES = {
    "AmazonSSM": "SSM",
    "TrentService": "KMS",
    "ResourceGroupsTaggingAPI_20170126": "ResourceGroupsTagging",
}

JSON_REFUSALS = {
    "AccessDenied": "AccessDeniedException",
    "InvalidClientTokenId": "UnrecognizedClientException",
    "SignatureDoesNotMatch": "InvalidSignatureException",
}


class Handler(WSGIRequestHandler):
    """Logs nothing, and dates its answers by the gate's clock."""

    gate = None

    def log_request(self, *_):
        pass

    def date_time_string(self, timestamp=None):
        return formatdate((timestamp or time.time()) + self.gate.clock_offset, usegmt=True)


def s3_operation(method, path, query):
    bucket, _, key = path.lstrip("/").partition("/")
    flags = parse_qs(query, keep_blank_values=True)
    if not bucket:
        return "S3.ListBuckets"
    if not key:
        if method == "GET" and not flags.keys() & {"versioning", "location", "object-lock", "encryption", "policy", "acl", "tagging", "lifecycle", "publicAccessBlock", "ownershipControls", "replication", "versions", "uploads"}:
            return "S3.ListObjectsV2"
        named = {"HEAD": "HeadBucket", "PUT": "CreateBucket", "DELETE": "DeleteBucket", "POST": "DeleteObjects"}
        setting = next(iter(flags), "") if method in ("GET", "PUT") else ""
        return f"S3.{method.capitalize()}Bucket-{setting}" if setting else f"S3.{named[method]}"
    if "uploads" in flags:
        return "S3.CreateMultipartUpload"
    if "uploadId" in flags:
        named = {"PUT": "UploadPart", "POST": "CompleteMultipartUpload", "DELETE": "AbortMultipartUpload", "GET": "ListParts"}
    else:
        named = {"HEAD": "HeadObject", "PUT": "PutObject", "DELETE": "DeleteObject", "GET": "GetObject", "POST": "PostObject"}
    return f"S3.{named.get(method, method)}"


def operation_of(environ):
    """The operation that a request is for, and how its service writes errors."""
    target = environ.get("HTTP_X_AMZ_TARGET")
    if target:
        service, _, name = target.partition(".")
        return f"{SERVICES.get(service, service)}.{name}", "json"
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        action = parse_qs(body.decode("utf-8", "replace")).get("Action", ["?"])[0]
        return f"STS.{action}", "query"
    return s3_operation(environ["REQUEST_METHOD"], environ.get("PATH_INFO", "/"), environ.get("QUERY_STRING", "")), "s3"


class Gate:
    def __init__(self, moto):
        self.moto = moto
        self.lock = threading.Lock()
        self.request = threading.local()
        self.forget()
        self.sign_what_was_sent()
        self.look_at_conditions()

    def sign_what_was_sent(self):
        """moto checks a signature over the URL that Flask decoded, where "%2F" in a query has become "/"; clients sign what they send."""
        of_moto = access_control.IAMRequestBase._create_aws_request

        def create_aws_request(request):
            request._path = self.request.uri
            return of_moto(request)

        access_control.IAMRequestBase._create_aws_request = create_aws_request

    def look_at_conditions(self):
        """moto takes a statement of a bucket's policy that has a condition for one that denies; two conditions are looked at here. Every call
        counts as one over TLS."""

        def get_permission(bucket, action, resource):
            if bucket.policy is None:
                return access_control.PermissionResult.NEUTRAL
            policy = json.loads(bucket.policy)
            policy["Statement"] = [one for one in policy["Statement"] if self.meets(one.pop("Condition", {}))]
            return access_control.IAMPolicy(json.dumps(policy)).is_action_permitted(action, resource)

        FakeBucket.get_permission = get_permission

    def meets(self, conditions):
        environ = self.request.environ
        known = {"Bool": {"aws:SecureTransport": "true"}}
        # A part of an upload is encrypted as its upload was begun.
        if "partNumber=" not in environ.get("QUERY_STRING", ""):
            known["StringNotEquals"] = {"s3:x-amz-server-side-encryption": environ.get("HTTP_X_AMZ_SERVER_SIDE_ENCRYPTION")}
        for operator, keys in conditions.items():
            for key, expected in keys.items():
                expected = expected if isinstance(expected, list) else [expected]
                actual = known.get(operator, {}).get(key, expected[0])
                if (actual in expected) == (operator == "StringNotEquals"):
                    return False
        return True

    def forget(self):
        self.calls = Counter()
        self.failures = {}
        self.encryption = None
        self.checksum = False
        self.clock_offset = 0
        settings.INITIAL_NO_AUTH_ACTION_COUNT = float("inf")

    def __call__(self, environ, start_response):
        if environ.get("PATH_INFO", "").startswith("/testkit/"):
            return self.control(environ, start_response)
        if environ.get("HTTP_X_GOOG_IF_GENERATION_MATCH") == "0":
            # What Google Cloud Storage calls the condition that S3 calls this.
            environ["HTTP_IF_NONE_MATCH"] = "*"
        if environ.get("HTTP_AUTHORIZATION", "").startswith("Bearer"):
            # Google's credentials, which moto does not know: whoever has some is somebody.
            scope = "testing/20250101/us-east-1/s3/aws4_request"
            environ["HTTP_AUTHORIZATION"] = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
        operation, style = operation_of(environ)
        with self.lock:
            self.calls[operation] += 1
            failure = (
                self.take_failure(operation)
                or self.find_unencrypted(operation, environ)
                or self.find_unchecked(operation, environ)
            )
        if failure:
            return self.refuse(environ, failure, style, start_response)
        self.request.uri = environ["REQUEST_URI"]
        self.request.environ = environ
        if settings.INITIAL_NO_AUTH_ACTION_COUNT == 0 and style != "s3":
            return self.refuse_as_aws(environ, style, start_response)
        if operation in ("SSM.DescribeParameters", "SSM.GetParameterHistory"):
            return self.answer_policies_as_aws(environ, start_response)
        return self.moto(environ, start_response)

    def answer_policies_as_aws(self, environ, start_response):
        """moto answers a policy as an object for its text and for its type, and "[{}]", which takes policies away, as one."""
        started = []
        body = b"".join(self.moto(environ, lambda *start: started.append(start)))
        status, headers = started[-1][:2]
        if b'"Policies"' in body:
            answer = json.loads(body)
            for parameter in answer["Parameters"]:
                given = [policy["PolicyText"] for policy in parameter.pop("Policies", []) if policy["PolicyText"]]
                if given:
                    parameter["Policies"] = [
                        {"PolicyText": json.dumps(one, separators=(",", ":")), "PolicyType": one["Type"], "PolicyStatus": "Pending"}
                        for one in given
                    ]
            body = json.dumps(answer).encode()
        headers = [(name, value) for name, value in headers if name.lower() != "content-length"]
        start_response(status, [*headers, ("Content-Length", str(len(body)))])
        return [body]

    def refuse_as_aws(self, environ, style, start_response):
        """moto refuses in a form that is none of AWS's, and the same for each service."""
        started = []
        body = b"".join(self.moto(environ, lambda *start: started.append(start)))
        refusal = re.search(r"<Errors><Error><Code>(\w+)</Code><Message>(.*?)</Message>", body.decode("utf-8", "replace"))
        if refusal is None:
            start_response(*started[-1])
            return [body]
        code, message = refusal.groups()
        failure = {"code": code, "message": message, "status": 403}
        if style == "json":
            failure |= {"code": JSON_REFUSALS.get(code, code), "status": 400}
        return self.answer(environ, failure, style, start_response)

    def take_failure(self, operation):
        failure = self.failures.get(operation)
        if failure is None:
            return None
        if failure["after"] > 0:
            failure["after"] -= 1
            return None
        if failure["times"] == 0:
            return None
        failure["times"] -= 1
        return failure

    def find_unencrypted(self, operation, environ):
        if self.encryption is None or operation not in ("S3.PutObject", "S3.CreateMultipartUpload"):
            return None
        if environ.get("HTTP_X_AMZ_SERVER_SIDE_ENCRYPTION") == self.encryption:
            return None
        return {"code": "AccessDenied", "status": 403, "message": "the bucket takes no unencrypted uploads"}

    def find_unchecked(self, operation, environ):
        headers = {
            "S3.PutObject": "HTTP_X_AMZ_CHECKSUM_SHA256",
            "S3.UploadPart": "HTTP_X_AMZ_CHECKSUM_SHA256",
            "S3.CreateMultipartUpload": "HTTP_X_AMZ_CHECKSUM_ALGORITHM",
        }
        if not self.checksum or operation not in headers or environ.get(headers[operation]):
            return None
        message = "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters"
        return {"code": "InvalidRequest", "status": 400, "message": message}

    def refuse(self, environ, failure, style, start_response):
        # The request is read to its end, or the connection could not be used again.
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        return self.answer(environ, failure, style, start_response)

    def answer(self, environ, failure, style, start_response):
        code, message = failure["code"], failure["message"]
        if style == "json":
            kind, body = "application/x-amz-json-1.1", json.dumps({"__type": code, "message": message})
        else:
            error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
            kind, body = "text/xml", error if style == "s3" else f"<ErrorResponse>{error}</ErrorResponse>"
        body = body.encode()
        start_response(f"{failure['status']} Refused", [("Content-Type", kind), ("Content-Length", str(len(body)))])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def control(self, environ, start_response):
        command = environ["PATH_INFO"].removeprefix("/testkit/")
        given = {name: values[0] for name, values in parse_qs(environ.get("QUERY_STRING", "")).items()}
        body = ""
        with self.lock:
            if command == "calls":
                body = "".join(f"{operation} {count}\n" for operation, count in sorted(self.calls.items()))
            elif command == "reset":
                self.forget()
            elif command == "fail":
                self.failures[given["operation"]] = {
                    "code": given["code"],
                    "status": int(given["status"]),
                    "message": given.get("message", given["code"]),
                    "times": int(given["times"]),
                    "after": int(given["after"]),
                }
            elif command == "encryption":
                self.encryption = given["algorithm"]
            elif command == "checksum":
                self.checksum = True
            elif command == "permissions":
                settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
            elif command == "clock":
                self.clock_offset = int(given["offset"])
            else:
                start_response("404 Not Found", [("Content-Length", "0")])
                return []
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
        return [body.encode()]


def end_with_standard_input():
    while os.read(0, 4096):
        pass
    os._exit(0)


def main():
    Handler.gate = Gate(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, Handler.gate, threaded=True, request_handler=Handler)
    os.environ["MOTO_PORT"] = str(server.server_port)
    threading.Thread(target=end_with_standard_input, daemon=True).start()
    print(server.server_port, flush=True)
    os.dup2(2, 1)  # nobody reads further output
    server.serve_forever()


main()
