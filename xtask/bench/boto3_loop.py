"""What a careful script does: every parameter by describe (50 a page), its value by get_parameters (10 a call), one JSON file.

    boto3_loop.py FILE
"""

import json
import sys

import boto3

ssm = boto3.client("ssm")
described = [
    parameter
    for page in ssm.get_paginator("describe_parameters").paginate(
        ParameterFilters=[{"Key": "Name", "Option": "Contains", "Values": ["/dev/"]}], PaginationConfig={"PageSize": 50}
    )
    for parameter in page["Parameters"]
]
names = [parameter["Name"] for parameter in described]
parameters = []
for start in range(0, len(names), 10):
    answer = ssm.get_parameters(Names=names[start : start + 10], WithDecryption=True)
    if answer["InvalidParameters"]:
        sys.exit(f"could not be read: {answer['InvalidParameters']}")
    parameters += answer["Parameters"]
with open(sys.argv[1], "w", encoding="utf-8") as file:
    json.dump({"parameter_count": len(parameters), "parameters": parameters}, file, default=str)
