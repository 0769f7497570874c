"""The stack of `parados init` by boto3: makes it (`up`), or reads every setting of it (`preview`)."""

import json
import sys

import boto3

account = boto3.client("sts").get_caller_identity()["Account"]
s3, ssm = boto3.client("s3"), boto3.client("ssm")
region = s3.meta.region_name
bucket = f"boto3-ssm-backup-dev-{account}-{region}"
names = ["/boto3/dev/backup/s3-bucket-name", f"/boto3/dev/backup/{region}/s3-bucket-name"]


def up():
    arn = f"arn:aws:s3:::{bucket}"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": region})
    tags = {"Name": bucket, "Environment": "dev", "Purpose": "SSM Parameter Store Backup Storage", "ManagedBy": "boto3"}
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": key, "Value": value} for key, value in tags.items()]})
    block = ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"]
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=dict.fromkeys(block, True))
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]})
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": True}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    everybody = {"Effect": "Deny", "Principal": "*"}
    tls = everybody | {"Sid": "DenyInsecureConnections", "Action": "s3:*", "Resource": [arn, f"{arn}/*"]}
    tls["Condition"] = {"Bool": {"aws:SecureTransport": "false"}}
    encrypted = everybody | {"Sid": "DenyUnencryptedObjectUploads", "Action": "s3:PutObject", "Resource": f"{arn}/*"}
    encrypted["Condition"] = {"StringNotEquals": {"s3:x-amz-server-side-encryption": "AES256"}}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [tls, encrypted]}))
    old = {"ID": "delete-old-backups", "Status": "Enabled", "Filter": {"Prefix": "20"}, "Expiration": {"Days": 30}}
    old["NoncurrentVersionExpiration"] = {"NoncurrentDays": 7}
    clean = {"ID": "clean-up", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"ExpiredObjectDeleteMarker": True}}
    clean["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": 7}
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [old, clean]})
    for name in names:
        ssm.put_parameter(Name=name, Type="String", Value=bucket, Tags=[{"Key": "Environment", "Value": "dev"}])


def preview():
    for read in ["tagging", "versioning", "encryption", "lifecycle_configuration", "policy", "ownership_controls"]:
        getattr(s3, f"get_bucket_{read}")(Bucket=bucket)
    s3.get_public_access_block(Bucket=bucket)
    for read in [s3.get_object_lock_configuration, s3.get_bucket_replication]:
        try:
            read(Bucket=bucket)
        except s3.exceptions.ClientError:
            pass
    for name in names:
        ssm.get_parameter(Name=name)
        ssm.describe_parameters(ParameterFilters=[{"Key": "Name", "Option": "Equals", "Values": [name]}])
        ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)


{"up": up, "preview": preview}[sys.argv[1]]()
