"""Every operation, good and bad, through boto3; each answer and each error is held against botocore's model.

The response is looked at as it came over the wire: a member that the model does not have, or of another type, is a fault. So is an
error whose code the model does not name for the operation, apart from those that every operation of the service may give.
"""
import json
import sys
import uuid

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

URL = sys.argv[1]
COMMON = {
    "ValidationException", "AccessDeniedException", "ThrottlingException", "SerializationException",
    "UnknownOperationException", "MissingAuthenticationTokenException", "IncompleteSignatureException",
}
FAULTS = []
ANSWERED = set()


def client(service):
    made = boto3.client(
        service, endpoint_url=URL, region_name="eu-west-1", aws_access_key_id="123456789012",
        aws_secret_access_key="anything",
        config=Config(retries={"max_attempts": 0}, parameter_validation=False),
    )
    made.meta.events.register("before-parse.*", hold_against_model)
    return made


def hold_against_model(operation_model, response_dict, **_):
    name = operation_model.name
    if "x-amzn-requestid" not in {key.lower() for key in response_dict["headers"]}:
        FAULTS.append(f"{name}: no request id")
    if operation_model.service_model.metadata["protocol"] != "json":
        return
    body = json.loads(response_dict["body"])
    if response_dict["status_code"] >= 300:
        modelled = {shape.name for shape in operation_model.error_shapes}
        if body["__type"] not in modelled | COMMON:
            FAULTS.append(f"{name}: error {body['__type']} is none of the model's: {sorted(modelled)}")
        return
    ANSWERED.add(name)
    check(name, operation_model.output_shape, body)


def check(at, shape, value):
    kind = shape.type_name
    is_fine = {
        "structure": lambda: isinstance(value, dict), "list": lambda: isinstance(value, list),
        "string": lambda: isinstance(value, str), "boolean": lambda: isinstance(value, bool),
        "integer": lambda: isinstance(value, int), "long": lambda: isinstance(value, int),
        "timestamp": lambda: isinstance(value, (int, float)),
    }[kind]()
    if not is_fine:
        FAULTS.append(f"{at}: {value!r} is no {kind}")
    elif kind == "structure":
        for key in value:
            if key not in shape.members:
                FAULTS.append(f"{at}.{key} is not in the model")
            else:
                check(f"{at}.{key}", shape.members[key], value[key])
    elif kind == "list":
        for item in value:
            check(f"{at}[]", shape.member, item)
    elif kind == "string" and shape.enum and value not in shape.enum:
        FAULTS.append(f"{at}: {value!r} is none of {shape.enum}")


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] != code:
            FAULTS.append(f"{call.__name__}({arguments}): {error}, not {code}")
    else:
        FAULTS.append(f"{call.__name__}({arguments}) was not refused with {code}")


def same(what, found, wanted):
    if found != wanted:
        FAULTS.append(f"{what}: {found!r}, not {wanted!r}")


ssm, tagging, sts = client("ssm"), client("resourcegroupstaggingapi"), client("sts")
base = f"/{uuid.uuid4().hex[:8]}"
name = f"{base}/db/password"

same("account", sts.get_caller_identity()["Account"], "123456789012")

# Put and get.
put = ssm.put_parameter(Name=name, Value="one", Type="SecureString", Description="d", KeyId="alias/aws/ssm",
                        Tags=[{"Key": "team", "Value": "a"}], Tier="Standard", DataType="text", AllowedPattern="^[a-z]+$")
same("put", (put["Version"], put["Tier"]), (1, "Standard"))
same("overwrite", ssm.put_parameter(Name=name, Value="two", Overwrite=True)["Version"], 2)
refused("ParameterAlreadyExists", ssm.put_parameter, Name=name, Value="x", Type="String")
refused("ParameterPatternMismatchException", ssm.put_parameter, Name=name, Value="THREE", Overwrite=True)
refused("InvalidAllowedPatternException", ssm.put_parameter, Name=base + "/p", Value="x", Type="String", AllowedPattern="(")
refused("ValidationException", ssm.put_parameter, Name=name, Value="x", Overwrite=True, Tags=[{"Key": "a", "Value": "b"}])
refused("ValidationException", ssm.put_parameter, Name=base + "/x", Value="x")
refused("ValidationException", ssm.put_parameter, Name=base + "/x", Value="", Type="String")
refused("ValidationException", ssm.put_parameter, Name=base + "/x", Value="v" * 4097, Type="String")
refused("ValidationException", ssm.put_parameter, Name=base + "/x", Value="v" * 8193, Type="String", Tier="Advanced")
refused("ValidationException", ssm.put_parameter, Name=base + "/x", Value="{{ssm:a}}", Type="String")
refused("ValidationException", ssm.put_parameter, Name=base + "/x", Value="x", Type="Text")
refused("ValidationException", ssm.put_parameter, Name="a b", Value="x", Type="String")
refused("ValidationException", ssm.put_parameter, Name="n" * 2049, Value="x", Type="String")
refused("ValidationException", ssm.put_parameter, Name=base + "/x", Value="x", Type="String", DataType="Text")
refused("ValidationException", ssm.put_parameter, Name=base + "/x", Value="x", Type="String", KeyId="alias/a")
refused("AccessDeniedException", ssm.put_parameter, Name="/aws/x", Value="x", Type="String")
refused("HierarchyLevelLimitExceededException", ssm.put_parameter, Name="/a" * 16, Value="x", Type="String")
refused("InvalidPolicyTypeException", ssm.put_parameter, Name=base + "/x", Value="x", Type="String", Tier="Advanced",
        Policies='[{"Type":"Other","Version":"1.0","Attributes":{}}]')
refused("PoliciesLimitExceededException", ssm.put_parameter, Name=base + "/x", Value="x", Type="String", Tier="Advanced",
        Policies=json.dumps([{"Type": "NoChangeNotification"}] * 11))
refused("InvalidPolicyAttributeException", ssm.put_parameter, Name=base + "/x", Value="x", Type="String", Tier="Advanced",
        Policies='[{"Type":"Expiration"}]')
expires = '[{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":"2099-01-01T00:00:00.000Z"}}]'
refused("IncompatiblePolicyException", ssm.put_parameter, Name=base + "/x", Value="x", Type="String", Tier="Standard",
        Policies=expires)
put = ssm.put_parameter(Name=base + "/expiring", Value="x", Type="String", Tier="Intelligent-Tiering", Policies=expires)
same("intelligent", put["Tier"], "Advanced")
refused("ValidationException", ssm.put_parameter, Name=base + "/expiring", Value="y", Overwrite=True, Tier="Standard")
ssm.put_parameter(Name=base + "/image", Value="ami-0123456789abcdef0", Type="String", DataType="aws:ec2:image")

got = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]
same("get", (got["Value"], got["Version"], got["Type"]), ("two", 2, "SecureString"))
same("get by version", ssm.get_parameter(Name=name + ":1", WithDecryption=True)["Parameter"]["Value"], "one")
same("get by ARN", ssm.get_parameter(Name=got["ARN"], WithDecryption=True)["Parameter"]["Value"], "two")
cipher = ssm.get_parameter(Name=name)["Parameter"]["Value"]
same("ciphertext is stable", ssm.get_parameters(Names=[name])["Parameters"][0]["Value"], cipher)
same("ciphertext is none of the value", "two" in cipher, False)
refused("ParameterNotFound", ssm.get_parameter, Name=base + "/none")
refused("ParameterVersionNotFound", ssm.get_parameter, Name=name + ":9")
refused("ParameterVersionNotFound", ssm.get_parameter, Name=name + ":nolabel")
refused("ValidationException", ssm.get_parameter, Name="a/b")
refused("ValidationException", ssm.get_parameter)
refused("SerializationException", ssm.get_parameter, Name=name, WithDecryption="true")
many = ssm.get_parameters(Names=[name, name + ":1", base + "/none", name + ":9"], WithDecryption=True)
same("get many", sorted(one["Value"] for one in many["Parameters"]), ["one", "two"])
same("get many: invalid", sorted(many["InvalidParameters"]), sorted([base + "/none", name + ":9"]))
refused("ValidationException", ssm.get_parameters, Names=[])
refused("ValidationException", ssm.get_parameters, Names=[f"/n{i}" for i in range(11)])

# Labels and history.
label = ssm.label_parameter_version(Name=name, ParameterVersion=1, Labels=["old", "1bad"])
same("label", (label["InvalidLabels"], label["ParameterVersion"]), (["1bad"], 1))
same("get by label", ssm.get_parameter(Name=name + ":old", WithDecryption=True)["Parameter"]["Selector"], ":old")
refused("ParameterNotFound", ssm.label_parameter_version, Name=base + "/none", Labels=["a"])
refused("ParameterVersionNotFound", ssm.label_parameter_version, Name=name, ParameterVersion=9, Labels=["a"])
refused("ValidationException", ssm.label_parameter_version, Name=name, Labels=["x" * 101])
ssm.label_parameter_version(Name=name, ParameterVersion=2, Labels=[f"l{i}" for i in range(10)])
refused("ParameterVersionLabelLimitExceeded", ssm.label_parameter_version, Name=name, ParameterVersion=2, Labels=["more"])
history = ssm.get_parameter_history(Name=name, WithDecryption=True, MaxResults=1)
same("history", (history["Parameters"][0]["Value"], history["Parameters"][0]["Labels"]), ("one", ["old"]))
history = ssm.get_parameter_history(Name=name, NextToken=history["NextToken"])
same("history's end", (history["Parameters"][0]["Version"], "NextToken" in history), (2, False))
refused("InvalidNextToken", ssm.get_parameter_history, Name=name, NextToken="x")
refused("ParameterNotFound", ssm.get_parameter_history, Name=base + "/none")
refused("ValidationException", ssm.get_parameter_history, Name=name, MaxResults=51)
gone = ssm.unlabel_parameter_version(Name=name, ParameterVersion=1, Labels=["old", "none"])
same("unlabel", (gone["RemovedLabels"], gone["InvalidLabels"]), (["old"], ["none"]))
refused("ValidationException", ssm.unlabel_parameter_version, Name=name, Labels=["old"])
refused("ParameterVersionNotFound", ssm.unlabel_parameter_version, Name=name, ParameterVersion=9, Labels=["old"])

# A hundred versions, and the trap of a label on the oldest.
rolling = base + "/rolling"
for number in range(1, 102):
    ssm.put_parameter(Name=rolling, Value=str(number), Type="String", Overwrite=True)
oldest = ssm.get_parameter_history(Name=rolling, MaxResults=1)["Parameters"][0]["Version"]
same("the oldest version", oldest, 2)
ssm.label_parameter_version(Name=rolling, ParameterVersion=2, Labels=["keep"])
refused("ParameterMaxVersionLimitExceeded", ssm.put_parameter, Name=rolling, Value="x", Overwrite=True)

# Listings.
by_path = ssm.get_paginator("get_parameters_by_path").paginate(Path=base, Recursive=True, PaginationConfig={"PageSize": 2})
found = sorted(one["Name"] for page in by_path for one in page["Parameters"])
same("by path", found, sorted([name, base + "/expiring", base + "/image", rolling]))
secure = ssm.get_parameters_by_path(Path=base, Recursive=True, ParameterFilters=[{"Key": "Type", "Values": ["SecureString"]}])
same("by path and type", [one["Name"] for one in secure["Parameters"]], [name])
same("by path, one level", len(ssm.get_parameters_by_path(Path=base + "/db")["Parameters"]), 1)
refused("ValidationException", ssm.get_parameters_by_path, Path="x")
refused("ValidationException", ssm.get_parameters_by_path, Path=base, MaxResults=11)
refused("InvalidFilterKey", ssm.get_parameters_by_path, Path=base, ParameterFilters=[{"Key": "Name", "Values": ["x"]}])
refused("InvalidFilterOption", ssm.get_parameters_by_path, Path=base, ParameterFilters=[{"Key": "Type", "Option": "Like", "Values": ["x"]}])
refused("InvalidFilterValue", ssm.get_parameters_by_path, Path=base, ParameterFilters=[{"Key": "Type", "Values": ["x"]}])
refused("InvalidNextToken", ssm.get_parameters_by_path, Path=base, NextToken="x")
described = ssm.describe_parameters(ParameterFilters=[{"Key": "Path", "Option": "Recursive", "Values": [base]}])["Parameters"]
same("describe", sorted(one["Name"] for one in described), found)
described = {one["Name"]: one for one in described}
same("describe: metadata", [described[name][key] for key in ("Description", "KeyId", "AllowedPattern", "Tier", "DataType")],
     ["d", "alias/aws/ssm", "^[a-z]+$", "Standard", "text"])
same("describe: policies", described[base + "/expiring"]["Policies"][0]["PolicyType"], "Expiration")
same("describe: data type", described[base + "/image"]["DataType"], "aws:ec2:image")
for filters, wanted in [
    ([{"Key": "tag:team", "Values": ["a"]}], [name]),
    ([{"Key": "Name", "Option": "Contains", "Values": [base + "/db"]}], [name]),
    ([{"Key": "Name", "Option": "BeginsWith", "Values": [base]}, {"Key": "Tier", "Values": ["Advanced"]}], [base + "/expiring"]),
    ([{"Key": "Name", "Values": [name]}, {"Key": "KeyId", "Values": ["alias/aws/ssm"]}], [name]),
    ([{"Key": "DataType", "Values": ["aws:ec2:image"]}], [base + "/image"]),
]:
    same(f"describe {filters}", [one["Name"] for one in ssm.describe_parameters(ParameterFilters=filters)["Parameters"]], wanted)
old = ssm.describe_parameters(Filters=[{"Key": "Name", "Values": [name]}])["Parameters"]
same("describe with the older filters", [one["Name"] for one in old], [name])
pages = ssm.get_paginator("describe_parameters").paginate(PaginationConfig={"PageSize": 1})
same("describe, page by page", len([one for page in pages for one in page["Parameters"]]), 4)
refused("ValidationException", ssm.describe_parameters, MaxResults=51)
refused("ValidationException", ssm.describe_parameters, ParameterFilters=[{"Key": "Colour", "Values": ["x"]}])
refused("ValidationException", ssm.describe_parameters, Filters=[{"Key": "Name", "Values": ["x"]}],
        ParameterFilters=[{"Key": "Name", "Values": ["x"]}])
refused("InvalidFilterKey", ssm.describe_parameters, ParameterFilters=[{"Key": "Label", "Values": ["x"]}])
refused("InvalidFilterOption", ssm.describe_parameters, ParameterFilters=[{"Key": "Path", "Option": "Equals", "Values": ["/x"]}])
refused("InvalidNextToken", ssm.describe_parameters, NextToken="x")

# Tags.
parameter = {"ResourceType": "Parameter", "ResourceId": name}
ssm.add_tags_to_resource(**parameter, Tags=[{"Key": "team", "Value": "b"}, {"Key": "cost", "Value": ""}])
tags = ssm.list_tags_for_resource(**parameter)["TagList"]
same("tags", tags, [{"Key": "cost", "Value": ""}, {"Key": "team", "Value": "b"}])
mapped = tagging.get_resources(ResourceARNList=[got["ARN"]])["ResourceTagMappingList"]
same("tags by ARN", mapped, [{"ResourceARN": got["ARN"], "Tags": tags}])
mapped = tagging.get_resources(TagFilters=[{"Key": "team", "Values": ["b"]}], ResourceTypeFilters=["ssm:parameter"])
same("resources by tag", [one["ResourceARN"] for one in mapped["ResourceTagMappingList"]], [got["ARN"]])
same("other resources", tagging.get_resources(ResourceTypeFilters=["s3"])["ResourceTagMappingList"], [])
ssm.remove_tags_from_resource(**parameter, TagKeys=["cost", "none"])
same("tags left", ssm.list_tags_for_resource(**parameter)["TagList"], [{"Key": "team", "Value": "b"}])
for call, more in [(ssm.add_tags_to_resource, {"Tags": [{"Key": "a", "Value": "b"}]}),
                   (ssm.remove_tags_from_resource, {"TagKeys": ["a"]}), (ssm.list_tags_for_resource, {})]:
    refused("InvalidResourceId", call, ResourceType="Parameter", ResourceId=base + "/none", **more)
    refused("InvalidResourceType", call, ResourceType="Document", ResourceId="x", **more)
refused("ValidationException", ssm.add_tags_to_resource, **parameter, Tags=[{"Key": "aws:x", "Value": "b"}])
refused("TooManyTagsError", ssm.add_tags_to_resource, **parameter, Tags=[{"Key": f"k{i}", "Value": ""} for i in range(50)])

# Settings of the service.
tier = "/ssm/parameter-store/default-parameter-tier"
same("setting", ssm.get_service_setting(SettingId=tier)["ServiceSetting"]["Status"], "Default")
ssm.update_service_setting(SettingId=tier, SettingValue="Advanced")
setting = ssm.get_service_setting(SettingId="arn:aws:ssm:eu-west-1:123456789012:servicesetting" + tier)["ServiceSetting"]
same("setting set", (setting["SettingValue"], setting["Status"]), ("Advanced", "Customized"))
same("setting obeyed", ssm.put_parameter(Name=base + "/tiered", Value="x", Type="String")["Tier"], "Advanced")
same("setting reset", ssm.reset_service_setting(SettingId=tier)["ServiceSetting"]["SettingValue"], "Standard")
refused("ServiceSettingNotFound", ssm.get_service_setting, SettingId="/ssm/none")
refused("ServiceSettingNotFound", ssm.reset_service_setting, SettingId="/ssm/none")
refused("ValidationException", ssm.update_service_setting, SettingId=tier, SettingValue="Platinum")

# Resource policies.
arn = ssm.get_parameter(Name=base + "/tiered")["Parameter"]["ARN"]
policy = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "210987654321"},
                                                             "Action": "ssm:GetParameter", "Resource": arn}]})
put = ssm.put_resource_policy(ResourceArn=arn, Policy=policy)
same("policies", ssm.get_resource_policies(ResourceArn=arn)["Policies"],
     [{"PolicyId": put["PolicyId"], "PolicyHash": put["PolicyHash"], "Policy": policy}])
again = ssm.put_resource_policy(ResourceArn=arn, Policy=policy + " ", PolicyId=put["PolicyId"], PolicyHash=put["PolicyHash"])
refused("ResourcePolicyConflictException", ssm.put_resource_policy, ResourceArn=arn, Policy=policy,
        PolicyId=put["PolicyId"], PolicyHash=put["PolicyHash"])
refused("ResourcePolicyNotFoundException", ssm.delete_resource_policy, ResourceArn=arn, PolicyId="none", PolicyHash="x")
refused("MalformedResourcePolicyDocumentException", ssm.put_resource_policy, ResourceArn=arn, Policy="{")
refused("ResourcePolicyInvalidParameterException", ssm.put_resource_policy, ResourceArn=got["ARN"], Policy=policy)
refused("ResourceNotFoundException", ssm.get_resource_policies, ResourceArn=arn + "none")
ssm.delete_resource_policy(ResourceArn=arn, PolicyId=again["PolicyId"], PolicyHash=again["PolicyHash"])
same("no policies", ssm.get_resource_policies(ResourceArn=arn)["Policies"], [])

# Deletions.
ssm.delete_parameter(Name=rolling)
refused("ParameterNotFound", ssm.delete_parameter, Name=rolling)
deleted = ssm.delete_parameters(Names=[name, base + "/none", base + "/tiered"])
same("deleted", (deleted["DeletedParameters"], deleted["InvalidParameters"]), ([name, base + "/tiered"], [base + "/none"]))
same("put anew", ssm.put_parameter(Name=name, Value="x", Type="String")["Version"], 1)
refused("ValidationException", ssm.delete_parameters, Names=[])

same("operations that were answered", sorted(ANSWERED), sorted([
    "PutParameter", "GetParameter", "GetParameters", "GetParametersByPath", "DescribeParameters", "DeleteParameter",
    "DeleteParameters", "GetParameterHistory", "LabelParameterVersion", "UnlabelParameterVersion", "AddTagsToResource",
    "RemoveTagsFromResource", "ListTagsForResource", "GetServiceSetting", "UpdateServiceSetting", "ResetServiceSetting",
    "GetResourcePolicies", "PutResourcePolicy", "DeleteResourcePolicy", "GetResources",
]))
print("\n".join(FAULTS))
sys.exit(bool(FAULTS))
