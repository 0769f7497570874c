"""Puts N parameters into the store that the environment points at, and makes a bucket.

    fill.py N BUCKET
"""

import sys
from concurrent.futures import ThreadPoolExecutor

import boto3

count, bucket = int(sys.argv[1]), sys.argv[2]
ssm = boto3.client("ssm")
boto3.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})


def put(number):
    ssm.put_parameter(
        Name=f"/dev/service-{number % 40:02}/setting-{number:06}",
        Type="SecureString" if number % 5 == 0 else "String",
        Value=f"value {number} " + "x" * 80,
        Description=f"Setting {number}",
    )


with ThreadPoolExecutor(4) as pool:
    list(pool.map(put, range(count)))
