#!/bin/sh
# The stack of `parados init` by the AWS CLI, whose path is the first argument: one process for each call. The second is `up` or `preview`.
set -eu
aws=$1
account=$($aws sts get-caller-identity --query Account --output text)
bucket="cli-ssm-backup-dev-$account-$AWS_REGION"
arn="arn:aws:s3:::$bucket"
names="/cli/dev/backup/s3-bucket-name /cli/dev/backup/$AWS_REGION/s3-bucket-name"
of_bucket() { operation=$1; shift; $aws s3api "$operation" --bucket "$bucket" "$@"; }
if [ "$2" = up ]; then
    of_bucket create-bucket --create-bucket-configuration "LocationConstraint=$AWS_REGION"
    of_bucket put-bucket-tagging --tagging "TagSet=[{Key=Name,Value=$bucket},{Key=Environment,Value=dev},\
{Key=Purpose,Value=SSM Parameter Store Backup Storage},{Key=ManagedBy,Value=cli}]"
    of_bucket put-public-access-block --public-access-block-configuration \
        BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true
    of_bucket put-bucket-ownership-controls --ownership-controls 'Rules=[{ObjectOwnership=BucketOwnerEnforced}]'
    of_bucket put-bucket-encryption --server-side-encryption-configuration \
        '{"Rules":[{"ApplyServerSideEncryptionByDefault":{"SSEAlgorithm":"AES256"},"BucketKeyEnabled":true}]}'
    of_bucket put-bucket-versioning --versioning-configuration Status=Enabled
    of_bucket put-bucket-policy --policy '{"Version":"2012-10-17","Statement":[{"Sid":"DenyInsecureConnections","Effect":"Deny",
        "Principal":"*","Action":"s3:*","Resource":["'"$arn"'","'"$arn"'/*"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}},
        {"Sid":"DenyUnencryptedObjectUploads","Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"'"$arn"'/*",
        "Condition":{"StringNotEquals":{"s3:x-amz-server-side-encryption":"AES256"}}}]}'
    of_bucket put-bucket-lifecycle-configuration --lifecycle-configuration '{"Rules":[{"ID":"delete-old-backups","Status":"Enabled",
        "Filter":{"Prefix":"20"},"Expiration":{"Days":30},"NoncurrentVersionExpiration":{"NoncurrentDays":7}},{"ID":"clean-up",
        "Status":"Enabled","Filter":{"Prefix":""},"Expiration":{"ExpiredObjectDeleteMarker":true},
        "AbortIncompleteMultipartUpload":{"DaysAfterInitiation":7}}]}'
    for name in $names; do
        $aws ssm put-parameter --name "$name" --type String --value "$bucket" --tags Key=Environment,Value=dev
    done
else
    for read in bucket-tagging bucket-versioning bucket-encryption bucket-lifecycle-configuration bucket-policy \
        bucket-ownership-controls public-access-block; do
        of_bucket get-$read
    done
    # What there is not ends with an error.
    of_bucket get-object-lock-configuration || true
    of_bucket get-bucket-replication || true
    for name in $names; do
        $aws ssm get-parameter --name "$name"
        $aws ssm describe-parameters --parameter-filters "Key=Name,Option=Equals,Values=$name"
        $aws ssm list-tags-for-resource --resource-type Parameter --resource-id "$name"
    done
fi
