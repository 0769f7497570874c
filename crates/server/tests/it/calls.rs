//! Each operation, good and bad.

use serde_json::json;

use crate::served::Served;

#[tokio::test]
async fn what_is_put_is_got() {
    let served = Served::new();
    let put = json!({"Name": "/app/db", "Value": "hunter2", "Type": "SecureString"});
    assert_eq!(served.done("PutParameter", put).await, json!({"Version": 1, "Tier": "Standard"}));
    let got = served.done("GetParameter", json!({"Name": "/app/db", "WithDecryption": true})).await;
    let parameter = &got["Parameter"];
    assert_eq!(parameter["Value"], "hunter2");
    assert_eq!(parameter["ARN"], "arn:aws:ssm:eu-west-1:123456789012:parameter/app/db");
    assert_eq!((&parameter["Version"], &parameter["DataType"]), (&json!(1), &json!("text")));
    let date = parameter["LastModifiedDate"].as_f64().unwrap();
    assert!(date > 1.7e9 && date < 1e11, "seconds since 1970: {date}");
}

#[tokio::test]
async fn a_secure_string_without_decryption_is_a_ciphertext_that_is_stable() {
    let served = Served::new();
    served.done("PutParameter", json!({"Name": "/s", "Value": "hunter2", "Type": "SecureString"})).await;
    let one = served.done("GetParameter", json!({"Name": "/s"})).await;
    let text = one["Parameter"]["Value"].as_str().unwrap();
    assert!(text.starts_with("AQICAH") && !text.contains("hunter2"), "{text}");
    let names = served.done("GetParameters", json!({"Names": ["s"]})).await;
    assert_eq!(names["Parameters"][0]["Value"], text);
    let history = served.done("GetParameterHistory", json!({"Name": "/s"})).await;
    assert_eq!(history["Parameters"][0]["Value"], text);
}

#[tokio::test]
async fn a_selector_is_a_version_a_label_or_an_arn() {
    let served = Served::new();
    for value in ["one", "two"] {
        let put = json!({"Name": "/a", "Value": value, "Type": "String", "Overwrite": true});
        served.done("PutParameter", put).await;
    }
    served.done("LabelParameterVersion", json!({"Name": "/a", "ParameterVersion": 1, "Labels": ["old"]})).await;
    let arn = "arn:aws:ssm:eu-west-1:123456789012:parameter/a";
    for (name, value, selector) in [
        ("/a", "two", None),
        ("a:1", "one", Some(":1")),
        ("/a:old", "one", Some(":old")),
        (arn, "two", None),
        (&format!("{arn}:1"), "one", Some(":1")),
    ] {
        let got = served.done("GetParameter", json!({"Name": name})).await;
        assert_eq!(got["Parameter"]["Value"], value, "{name}");
        assert_eq!(got["Parameter"]["Selector"].as_str(), selector, "{name}");
        assert_eq!(got["Parameter"]["Name"], "/a");
    }
    let other = arn.replace("123456789012", "210987654321");
    let names = json!({"Names": ["/a:1", "/a:9", "/a", "/none", other, "/a:nolabel"]});
    let got = served.done("GetParameters", names).await;
    assert_eq!(got["Parameters"].as_array().unwrap().len(), 2);
    let mut invalid: Vec<_> =
        got["InvalidParameters"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    invalid.sort_unstable();
    assert_eq!(invalid, ["/a:9", "/a:nolabel", "/none", &other]);
}

#[tokio::test]
async fn refusals_are_in_aws_s_words() {
    let served = Served::new();
    served.done("PutParameter", json!({"Name": "/a", "Value": "v", "Type": "String"})).await;
    let cases = [
        ("GetParameter", json!({"Name": "/none"}), "ParameterNotFound: "),
        (
            "GetParameter",
            json!({"Name": "/a:7"}),
            "ParameterVersionNotFound: Systems Manager could not find version 7 of /a. Verify the version and try again.",
        ),
        ("GetParameter", json!({"Name": "a/b"}), "ValidationException: Parameter name must be a fully qualified name."),
        (
            "GetParameter",
            json!({}),
            "ValidationException: 1 validation error detected: Value null at 'name' failed to satisfy constraint: Member \
             must not be null",
        ),
        (
            "PutParameter",
            json!({"Name": "/a", "Value": "v", "Type": "String"}),
            "ParameterAlreadyExists: The parameter already exists. To overwrite this value, set the overwrite option in \
             the request to true.",
        ),
        (
            "PutParameter",
            json!({"Name": "/b", "Value": "v"}),
            "ValidationException: A parameter type is required when you create a parameter.",
        ),
        (
            "PutParameter",
            json!({"Name": "/b", "Value": "v", "Type": "Text"}),
            "ValidationException: 1 validation error detected: Value 'Text' at 'type' failed to satisfy constraint: Member \
             must satisfy enum value set: [SecureString, StringList, String]",
        ),
        (
            "PutParameter",
            json!({"Name": "/b", "Value": "", "Type": "String"}),
            "ValidationException: 1 validation error detected: Value at 'value' failed to satisfy constraint: Member must \
             have length greater than or equal to 1",
        ),
        (
            "PutParameter",
            json!({"Name": "/aws/b", "Value": "v", "Type": "String"}),
            "AccessDeniedException: No access to reserved parameter name: /aws/b.",
        ),
        (
            "DescribeParameters",
            json!({"ParameterFilters": [{"Key": "Label", "Values": ["x"]}]}),
            "InvalidFilterKey: The following filter key is not valid: Label. Valid filter keys include: [Path, Name, \
             Type, KeyId, Tier, DataType].",
        ),
        ("DescribeParameters", json!({"NextToken": "x"}), "InvalidNextToken: The specified token isn't valid."),
        (
            "ListTagsForResource",
            json!({"ResourceType": "Parameter", "ResourceId": "/none"}),
            "InvalidResourceId: The resource ID is not valid. Verify that you entered the correct ID and try again.",
        ),
    ];
    for (operation, request, said) in cases {
        assert_eq!(served.refused(operation, request.clone()).await, said, "{operation} {request}");
    }
}
