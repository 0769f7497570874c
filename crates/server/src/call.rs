//! A call while it is served.

use parados_parameter::{
    ParameterName, ParameterReference, SharedStore, StoreError, StoreErrorKind, Version, VersionReference,
};

use tokio::time::Instant;

use crate::access::{AccessRequest, Caller, Resource};
use crate::audit::Touched;
use crate::server::Server;
use crate::service::ServiceTables;
use crate::{Action, ApiError};

/// Who calls what, and what is known of it so far.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) server: &'a Server,
    pub(crate) caller: &'a Caller,
    pub(crate) action: Action,
    /// The caller's store.
    pub(crate) store: SharedStore,
    pub(crate) touched: Vec<Touched>,
    /// What the audit says beside it.
    pub(crate) flags: Vec<&'static str>,
}

impl<'a> Call<'a> {
    pub(crate) fn new(server: &'a Server, caller: &'a Caller, action: Action) -> Self {
        let store = server.database.store(&caller.place, &caller.arn);
        Self { server, caller, action, store, touched: Vec::new(), flags: Vec::new() }
    }

    /// Asks whether the caller may do this, and remembers what it is done to.
    pub(crate) async fn authorize(&mut self, request: AccessRequest) -> Result<(), ApiError> {
        self.touched.extend(request.resources.iter().filter_map(|resource| {
            let name = match resource {
                Resource::Parameter(name) => name.as_str().to_owned(),
                Resource::Path(text) | Resource::ServiceSetting(text) => text.clone(),
                Resource::All => return None,
            };
            Some(Touched { name, version: None })
        }));
        self.server.access.authorize(self.caller, &request, &self.store).await
    }

    /// As [`authorize`](Self::authorize), for one parameter.
    pub(crate) async fn authorize_on(&mut self, name: &ParameterName) -> Result<(), ApiError> {
        self.authorize(AccessRequest::new(self.action, vec![Resource::Parameter(name.clone())])).await
    }

    /// The settings and the resource policies.
    ///
    /// # Errors
    /// UnknownOperationException, where the server keeps none because its store is another's.
    pub(crate) fn service(&self) -> Result<&'a ServiceTables, ApiError> {
        self.server.service.as_ref().ok_or_else(ApiError::unknown_operation)
    }

    /// Deletes a parameter, and what is kept beside it.
    ///
    /// # Errors
    /// As the store's; what is kept beside it and stays is only logged, since the parameter is gone.
    pub(crate) async fn delete(&self, name: &ParameterName) -> Result<(), StoreError> {
        self.store.delete(name).await?;
        let place = &self.caller.place;
        self.server.deleted.note(place, name, Instant::now());
        if let Some(service) = &self.server.service
            && let Err(error) = service.forget_policies(place, name).await
        {
            tracing::error!(%error, %name, "the resource policies of a deleted parameter stay");
        }
        Ok(())
    }

    /// Remembers which version of a parameter it was.
    pub(crate) fn note(&mut self, name: &ParameterName, version: Version) {
        let version = Some(version.get());
        match self.touched.iter_mut().find(|touched| touched.name == name.as_str() && touched.version.is_none()) {
            Some(touched) => touched.version = version,
            None => self.touched.push(Touched { name: name.as_str().to_owned(), version }),
        }
    }

    /// What `text` names: a name or an ARN, and behind a `:` perhaps a version or a label. With it, the text behind the name.
    ///
    /// # Errors
    /// ValidationException where it names nothing; ParameterNotFound where it is an ARN of another account or Region.
    pub(crate) fn reference(&self, text: &str) -> Result<(ParameterReference, Option<String>), ApiError> {
        let bare = self.without_arn(text)?;
        let (name, selector) = match bare.split_once(':') {
            Some((name, selector)) => (name, Some(selector)),
            None => (bare, None),
        };
        let name = check_name(name)?;
        let Some(selector) = selector else {
            return Ok((ParameterReference::newest(name), None));
        };
        let reference = ParameterReference::parse(&format!("{}:{selector}", name.as_str())).map_err(|_| {
            ApiError::validation(
                "Invalid label name. Please use correct syntax for referencing a version/label  <name>:<version/label>",
            )
        })?;
        Ok((reference, Some(format!(":{selector}"))))
    }

    /// The parameter that `text` names, by its name or its ARN.
    ///
    /// # Errors
    /// As [`reference`](Self::reference).
    pub(crate) fn name(&self, text: &str) -> Result<ParameterName, ApiError> {
        check_name(self.without_arn(text)?)
    }

    /// `text` without what comes before the name in an ARN of the caller's own account and Region.
    fn without_arn<'t>(&self, text: &'t str) -> Result<&'t str, ApiError> {
        if !text.starts_with("arn:") {
            return Ok(text);
        }
        let place = &self.caller.place;
        let mut parts = text.splitn(6, ':');
        let is = |found: Option<&str>, wanted: &str| found == Some(wanted);
        let is_own = is(parts.next(), "arn")
            && is(parts.next(), place.partition())
            && is(parts.next(), "ssm")
            && is(parts.next(), place.region())
            && is(parts.next(), place.account());
        // The name with its leading slash: `parameter/a/b` is `/a/b`.
        let name = parts.next().and_then(|resource| resource.strip_prefix("parameter"));
        name.filter(|name| is_own && name.starts_with('/')).ok_or_else(|| ApiError::bare("ParameterNotFound"))
    }
}

/// Checks what is put before a name is looked for.
///
/// # Errors
/// ValidationException, in AWS's words.
fn check_name(text: &str) -> Result<ParameterName, ApiError> {
    ParameterName::parse(text).map_err(|_| {
        let is_word = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-/".contains(&byte));
        match text {
            text if is_word && !text.starts_with('/') && text.contains('/') && !text.contains("//") => {
                ApiError::validation("Parameter name must be a fully qualified name.")
            }
            text if text.split('/').filter(|level| !level.is_empty()).count() > parados_parameter::MAX_LEVELS => {
                ApiError::new(
                    "HierarchyLevelLimitExceededException",
                    "A hierarchy can have a maximum of 15 levels. For more information, see Requirements and constraints for \
                     parameter names in the AWS Systems Manager User Guide.",
                )
            }
            _ => ApiError::validation(INVALID_NAME),
        }
    })
}

/// What AWS says of a name that it does not take.
pub(crate) const INVALID_NAME: &str = "Parameter name: can't be prefixed with \"ssm\" (case-insensitive). If formed as a path, \
    it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the \
    following 3 symbols .-_";

impl Call<'_> {
    /// What a caller is told where a version is not there.
    pub(crate) fn lookup_error(&self, error: StoreError, reference: &ParameterReference) -> ApiError {
        match (&error.kind, &reference.at) {
            (StoreErrorKind::ParameterVersionNotFound, Some(at)) => {
                let version = match at {
                    VersionReference::Version(version) => version.to_string(),
                    VersionReference::Label(label) => label.to_string(),
                };
                version_not_found(&reference.name, version)
            }
            _ => error.into(),
        }
    }
}

/// ParameterVersionNotFound.
pub(crate) fn version_not_found(name: &ParameterName, version: impl std::fmt::Display) -> ApiError {
    let message =
        format!("Systems Manager could not find version {version} of {name}. Verify the version and try again.");
    ApiError::new("ParameterVersionNotFound", message)
}
