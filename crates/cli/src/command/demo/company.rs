//! The parameters of a small company.

use std::path::Path;

use parados_parameter::{Description, Invalid, ParameterName, ParameterType, PutRequest, Secret, Tag};

/// What of a service is a parameter: its name, type, value and description. `*` stands for a secret.
const SERVICE: [(&str, ParameterType, &str, &str); 8] = [
    ("db/host", ParameterType::String, "db.internal.example", "Where the database is"),
    ("db/port", ParameterType::String, "5432", "Its port"),
    ("db/user", ParameterType::String, "app", "Who logs in"),
    ("db/password", ParameterType::SecureString, "*", "With which password"),
    ("api/key", ParameterType::SecureString, "*", "The key for the payment provider"),
    ("queue/url", ParameterType::String, "https://queue.example/orders", "Where orders are queued"),
    ("features", ParameterType::StringList, "search,wishlist", "What is switched on"),
    ("log-level", ParameterType::String, "info", "How much is logged"),
];
const SERVICES: [&str; 4] = ["shop", "billing", "search", "mail"];

/// All parameters of `environments`.
pub(super) fn parameters(environments: &[&str]) -> Result<Vec<PutRequest>, Invalid> {
    let mut requests = Vec::new();
    for environment in environments {
        for service in SERVICES {
            for (name, parameter_type, value, description) in SERVICE {
                requests.push(PutRequest {
                    parameter_type: Some(parameter_type),
                    description: Some(Description::parse(description)?),
                    tags: vec![Tag::new("service", service)?, Tag::new("environment", environment)?],
                    ..PutRequest::new(
                        ParameterName::parse(&format!("/acme/{environment}/{service}/{name}"))?,
                        secret(value),
                    )
                });
            }
        }
    }
    Ok(requests)
}

/// Those whose version is labelled.
pub(super) fn labelled(environments: &[&str]) -> Result<Vec<ParameterName>, Invalid> {
    environments.iter().map(|environment| ParameterName::parse(&format!("/acme/{environment}/shop/features"))).collect()
}

/// What changes between the two backups: a password is rotated, and a feature added.
pub(super) fn change() -> Result<Vec<PutRequest>, Invalid> {
    let overwrite = |name: &str, value: Secret| {
        Ok(PutRequest { overwrite: true, ..PutRequest::new(ParameterName::parse(name)?, value) })
    };
    Ok(vec![
        overwrite("/acme/prod/shop/db/password", secret("*"))?,
        overwrite("/acme/prod/shop/features", Secret::new("search,wishlist,gift-cards"))?,
    ])
}

/// What is taken away between the two backups.
pub(super) fn leaves() -> Result<ParameterName, Invalid> {
    ParameterName::parse("/acme/prod/mail/db/host")
}

/// The company's `parados.yaml`.
pub(super) fn configuration(folder: &Path, recipient: &str) -> String {
    let repository = folder.join("repository");
    format!(
        "# `parados schema config` prints what each key takes.\nversion: 1\nproject: acme\nstore: embedded:store\n\
         repository: {:?}\nrecipients: [{recipient}]\nidentities: [keys/identity.age.txt]\n\
         signing_key: keys/signing_ed25519\nenvironments:\n  dev: {{}}  # by default the names that contain /dev/\n  prod:\n    \
         selector: {{name_contains: [/prod/]}}\n    history: true\n",
        repository.display().to_string()
    )
}

fn secret(value: &str) -> Secret {
    match value {
        "*" => Secret::new(format!("{:032x}", rand::random::<u128>())),
        plain => Secret::new(plain),
    }
}
