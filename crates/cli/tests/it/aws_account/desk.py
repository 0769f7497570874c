"""Does what a test asks of AWS, a JSON object a line: a command of the AWS CLI, or a call through boto3.

One process for many of them, because each start of the AWS CLI costs as much as hundreds of its calls.
"""

import contextlib
import io
import json
import os
import sys

import boto3
from awscli.clidriver import create_clidriver

clients = {}


def run_cli(arguments):
    output, error = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(error):
        try:
            code = create_clidriver().main(arguments)
        except SystemExit as end:
            code = end.code
    return {"code": code, "stdout": output.getvalue(), "stderr": error.getvalue()}


def call(service, operation, arguments, region):
    place = service, region, os.environ["AWS_ACCESS_KEY_ID"]
    if place not in clients:
        clients[place] = boto3.Session().client(service, region_name=region)
    answer = getattr(clients[place], operation)(**arguments)
    answer.pop("ResponseMetadata", None)
    body = answer.pop("Body", None)
    if body is not None:
        answer["Body"] = body.read().decode()
    return answer


for line in sys.stdin:
    ask = json.loads(line)
    os.environ.update(ask.get("env", {}))
    if "cli" in ask:
        answer = run_cli(ask["cli"])
    elif "call" in ask:
        answer = call(*ask["call"])
    else:
        answer = {}
    print(json.dumps(answer, default=str), flush=True)
