//! `local:Folder`: a folder of this machine, for a repository that is no bucket. Whose it is the inventory says.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use parados_parameter::StoreErrorKind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{At, Contents, Created, Live, Outputs, Resource, known};
use crate::cloud::{CallError, Cloud, Result};

/// A folder of this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LocalFolder {
    /// Where it is, from the root.
    pub path: String,
    /// Who may do what, as `0700`, which is the default.
    #[serde(default = "private")]
    pub mode: String,
}

impl Resource for LocalFolder {
    fn id(&self, _: &At) -> Option<String> {
        Some(self.path.clone())
    }

    fn named(id: &str) -> Option<Value> {
        Some(json!({ "path": id }))
    }

    fn fields(&self, _: &At) -> Vec<(&'static str, Value)> {
        vec![("mode", json!(self.mode))]
    }

    fn outputs(&self, _: &At, _: Option<&Live>) -> Outputs {
        known([("path", self.path.clone()), ("url", format!("file://{}", self.path))])
    }

    async fn read(&self, cloud: &Cloud, _: &At, _: Option<&str>) -> Result<Option<Live>> {
        let call = cloud.file_call("stat", &self.path, async || match tokio::fs::metadata(&self.path).await {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            outcome => outcome.map(Some),
        });
        let Some(metadata) = call.await? else { return Ok(None) };
        if !metadata.is_dir() {
            return Err(CallError::new("stat", &self.path, StoreErrorKind::Validation, "it is there, and no folder"));
        }
        let mode = format!("{:04o}", metadata.permissions().mode() & 0o7777);
        let fields = BTreeMap::from([("mode".to_owned(), json!(mode))]);
        Ok(Some(Live { id: self.path.clone(), fields, ..Live::default() }))
    }

    async fn create(&self, cloud: &Cloud, _: &At) -> Result<Created> {
        if !Path::new(&self.path).is_absolute() {
            return Err(CallError::new(
                "mkdir",
                &self.path,
                StoreErrorKind::Validation,
                "the path has to begin with /",
            ));
        }
        let path = Path::new(&self.path);
        let make = cloud.file_call("mkdir", &self.path, async || {
            tokio::fs::create_dir_all(path.parent().unwrap_or(path)).await?;
            match tokio::fs::create_dir(path).await {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    Ok(Created::There { id: self.path.clone(), may_be_ours: false })
                }
                outcome => outcome.map(|()| Created::New(self.path.clone())),
            }
        });
        make.await
    }

    async fn set(&self, cloud: &Cloud, _: &At, path: &str, _: &str) -> Result<()> {
        let Ok(mode) = u32::from_str_radix(&self.mode, 8) else {
            return Err(CallError::new(
                "chmod",
                path,
                StoreErrorKind::Validation,
                "the mode has octal digits, as 0700",
            ));
        };
        let permissions = std::fs::Permissions::from_mode(mode);
        let call = cloud.file_call("chmod", path, async || tokio::fs::set_permissions(path, permissions.clone()).await);
        call.await
    }

    async fn contents(cloud: &Cloud, path: &str) -> Result<Option<Contents>> {
        let call = cloud.file_call("readdir", path, async || match tokio::fs::read_dir(path).await {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
            Ok(mut entries) => Ok(entries.next_entry().await?.is_some()),
        });
        Ok(call.await?.then(|| Contents { what: "files".to_owned() }))
    }

    async fn delete(cloud: &Cloud, path: &str) -> Result<()> {
        let call = cloud.file_call("rmdir", path, async || match tokio::fs::remove_dir_all(path).await {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            outcome => outcome,
        });
        call.await
    }
}

fn private() -> String {
    "0700".to_owned()
}
