//! The JSON Schema of a declaration, for editors.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, json_schema};
use serde_json::{Value, json};

use crate::declaration::{TargetSection, Waiver};
use crate::kind::KindName;
use crate::policy::CheckSettings;

/// The schema of a file of `infra/`.
pub fn declaration_schema() -> Schema {
    let mut generator = SchemaSettings::draft2020_12().for_deserialize().into_generator();
    let targets = TargetSection::json_schema(&mut generator).to_value();
    let waiver = Waiver::json_schema(&mut generator).to_value();
    let checks = CheckSettings::json_schema(&mut generator).to_value();
    let kinds: Vec<Value> = KindName::ALL
        .into_iter()
        .map(|kind| {
            let mut schema = kind.schema(&mut generator).to_value();
            let common = [
                ("kind", json!({"const": kind.as_str(), "description": "What it is."})),
                ("target", json!({"type": "string", "description": "A key of `targets`: where it is, where that is not the environment's own place."})),
                ("depends_on", json!({"type": "array", "items": {"type": "string"}, "description": "What has to be there first, beside what its expressions name."})),
                ("waivers", json!({"type": "array", "items": waiver, "description": "The checks that it is excused from."})),
            ];
            for (name, value) in common {
                schema["properties"][name] = value;
            }
            if let Some(required) = schema["required"].as_array_mut() {
                required.insert(0, json!("kind"));
            }
            schema
        })
        .collect();
    let resources = json!({
        "type": ["object", "null"],
        "description": "The resources, by the names that expressions call them by.",
        "propertyNames": {"pattern": "^[a-z][a-z0-9_]{0,39}$"},
        "additionalProperties": {"oneOf": kinds},
    });
    let scalar = json!({"type": ["string", "number", "boolean"]});
    let values = json!({"type": ["object", "null"], "additionalProperties": scalar, "description": "What expressions can name as `values.NAME`."});
    let outputs = json!({"type": ["object", "null"], "additionalProperties": scalar, "description": "What the stack says of itself."});
    let targets = json!({"type": ["object", "null"], "additionalProperties": targets, "description": "Accounts and Regions beside the environment's own."});
    let environment = json!({
        "type": ["object", "null"],
        "description": "What is laid over the rest for this environment, key by key; `null` takes a key away.",
        "additionalProperties": false,
        "properties": {
            "values": {"type": ["object", "null"]},
            "targets": targets,
            "resources": {"type": ["object", "null"], "additionalProperties": {"type": ["object", "null"]}},
            "outputs": {"type": ["object", "null"]},
            "checks": {"type": ["object", "null"]},
        },
    });
    let definitions = generator.take_definitions(true);
    json_schema!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Parados infra",
        "description": "Resources that are declared: a file of the folder infra/.",
        "type": "object",
        "additionalProperties": false,
        "required": ["version"],
        "properties": {
            "version": {"const": 1, "description": "The version of this format."},
            "values": values,
            "targets": targets,
            "environments": {"type": "object", "additionalProperties": environment, "description": "The environments that there are."},
            "resources": resources,
            "outputs": outputs,
            "checks": checks,
        },
        "$defs": definitions,
    })
}
