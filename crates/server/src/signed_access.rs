//! Access as it is in earnest: a call is who signed it, is done as often as its rate lets it, and only if a policy permits it.

use std::sync::Arc;
use std::time::Duration;

use ::http::StatusCode;
use async_trait::async_trait;
use parados_parameter::{AccountRegion, SharedStore, StoreErrorKind, Tag};
use tokio::time::{Instant, sleep, timeout};

use crate::access::{Access, AccessRequest, Caller, Received, Resource};
use crate::limit::{Limiter, RateLimits};
use crate::policy::{Circumstances, Decision, PolicyBook, Question, Target};
use crate::principal::{Directory, KnownKey, MAX_STALENESS, REFRESH_EVERY};
use crate::signature::{Claim, ReplayWindow, Replayed, SignatureError, SigningKey, SigningKeys};
use crate::{Action, ApiError, Service};

/// Most signing keys that are remembered: one for each access key, day, Region and service.
const MAX_SIGNING_KEYS: usize = 4096;
/// Most signatures of writes that are remembered, of some 30 bytes each: 3,000 writes a second, when clocks agree.
const MAX_REPLAY: usize = 1 << 20;
/// How often it is noted when keys were used.
const NOTE_USE_EVERY: Duration = Duration::from_secs(60);
const TARGET: &str = "x-amz-target";

/// What becomes of a write that was signed once and is sent again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplayedWrites {
    /// It is refused, so that whoever saw it go by can do nothing with it. Clients sign it anew and go on.
    #[default]
    Refuse,
    /// It is done again, as AWS does it.
    Allow,
}

/// How strict access is, beyond signatures and policies.
#[derive(Clone, Debug, Default)]
pub struct SignedAccessOptions {
    /// How often may be called.
    pub limits: RateLimits,
    /// What becomes of a write that is sent again.
    pub replayed_writes: ReplayedWrites,
}

/// Verifies signatures, counts calls, and asks the policies.
#[derive(Debug)]
pub struct SignedAccess {
    directory: Arc<Directory>,
    signing_keys: SigningKeys,
    replay: Option<ReplayWindow>,
    limiter: Limiter,
}

impl SignedAccess {
    /// Access of the principals in `directory`, which [`keep_fresh`](Self::keep_fresh) has to keep so.
    pub fn new(directory: Arc<Directory>, options: SignedAccessOptions) -> Self {
        Self {
            directory,
            signing_keys: SigningKeys::new(MAX_SIGNING_KEYS),
            replay: (options.replayed_writes == ReplayedWrites::Refuse).then(|| ReplayWindow::new(MAX_REPLAY)),
            limiter: Limiter::new(options.limits),
        }
    }

    /// Looks for changes of principals, keys and policies for ever, and notes when keys were used. Without it nobody is let in after
    /// [`MAX_STALENESS`].
    pub async fn keep_fresh(&self) {
        let mut noted_at = Instant::now();
        loop {
            sleep(REFRESH_EVERY).await;
            match timeout(MAX_STALENESS, self.directory.refresh()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::error!(%error, "access keys and policies could not be looked at; it is tried again")
                }
                Err(_) => tracing::error!("access keys and policies could not be looked at in time; it is tried again"),
            }
            if noted_at.elapsed() >= NOTE_USE_EVERY {
                noted_at = Instant::now();
                self.note_used().await;
            }
        }
    }

    /// Notes when keys were used, as a server does before it ends.
    pub async fn note_used(&self) {
        if let Err(error) = self.directory.note_used().await {
            tracing::warn!(%error, "when access keys were used could not be noted; it is tried again");
        }
    }

    /// The key that signs for `key` in this scope, and whether it was made just now.
    async fn signing_key(&self, claim: &Claim<'_>, key: &KnownKey) -> Result<(Arc<SigningKey>, bool), ApiError> {
        if let Some(signing_key) = self.signing_keys.get(claim) {
            return Ok((signing_key, false));
        }
        let secret = self.directory.secret(key).await.map_err(|error| ApiError::internal(error.to_string()))?;
        let derived = SigningKey::derive(secret.reveal(), claim.date(), claim.region(), claim.service());
        Ok((Arc::new(derived), true))
    }
}

#[async_trait]
impl Access for SignedAccess {
    async fn authenticate(&self, request: Received<'_>) -> Result<Caller, ApiError> {
        let Received { parts, body, at: now, peer } = request;
        let target = parts.headers.get(TARGET).and_then(|target| target.to_str().ok());
        let action = target.and_then(Action::of_target);
        let service = action.map_or(Service::Sts, Action::service);
        let refuse = |error: SignatureError| error.answer(service);

        let claim = Claim::read(parts).map_err(refuse)?;
        claim.check(service.signing_name(), now).map_err(refuse)?;
        if !self.directory.is_fresh() {
            return Err(ApiError::new("ServiceUnavailable", "Access keys and policies cannot be looked at just now.")
                .status(StatusCode::SERVICE_UNAVAILABLE));
        }
        let key = self.directory.key(claim.access_key_id()).ok_or_else(|| refuse(SignatureError::UnknownKey))?;
        let (signing_key, is_new) = self.signing_key(&claim, &key).await?;
        claim.verify(parts, body, &signing_key).map_err(refuse)?;
        let place = AccountRegion::new(key.principal().account(), claim.region())
            .map_err(|_| refuse(SignatureError::no_region()))?;
        if is_new {
            self.signing_keys.remember(&claim, signing_key);
        }
        if let Some(replay) = &self.replay
            && action.is_some_and(Action::is_write)
        {
            replay.take(&claim, now).map_err(replayed)?;
        }
        key.use_at(now);
        Ok(Caller {
            principal: key.principal().name().to_owned(),
            arn: key.arn().to_owned(),
            user_id: key.user_id().to_owned(),
            access_key_id: claim.access_key_id().to_owned(),
            place,
            source: peer.map(|peer| peer.ip()),
        })
    }

    fn admit(&self, caller: &Caller, action: Action) -> Result<(), ApiError> {
        match self.limiter.admit(&caller.arn, &caller.place, action.quota_group()) {
            true => Ok(()),
            false => Err(ApiError::throttling()),
        }
    }

    async fn authorize(&self, caller: &Caller, request: &AccessRequest, store: &SharedStore) -> Result<(), ApiError> {
        let policies = self.directory.policies();
        for resource in &request.resources {
            let tags = tags(&policies, resource, store).await?;
            let decision = policies.decide(&question(caller, request, resource, &tags));
            if !decision.is_allowed() {
                return Err(denied(caller, request.action, resource, decision));
            }
        }
        Ok(())
    }
}

fn question<'a>(caller: &'a Caller, request: &AccessRequest, resource: &'a Resource, tags: &'a [Tag]) -> Question<'a> {
    Question {
        principal: &caller.arn,
        name: &caller.principal,
        place: &caller.place,
        action: request.action.iam_action(),
        target: match resource {
            Resource::Parameter(name) => Target::Parameter(name.canonical()),
            Resource::Path(path) => Target::Path(path),
            Resource::ServiceSetting(_) | Resource::All => Target::Store,
        },
        tags,
        circumstances: Circumstances {
            source: caller.source,
            with_decryption: request.with_decryption,
            overwrite: request.overwrite,
            recursive: request.recursive,
        },
    }
}

/// The tags that a decision needs to know: none where no policy looks at them, or the parameter is not there.
async fn tags(policies: &PolicyBook, resource: &Resource, store: &SharedStore) -> Result<Vec<Tag>, ApiError> {
    let Resource::Parameter(name) = resource else { return Ok(Vec::new()) };
    if !policies.reads_tags() {
        return Ok(Vec::new());
    }
    match store.list_tags(name).await {
        Ok(tags) => Ok(tags),
        Err(error) if matches!(error.kind, StoreErrorKind::InvalidResourceId | StoreErrorKind::ParameterNotFound) => {
            Ok(Vec::new())
        }
        Err(error) => Err(error.into()),
    }
}

/// AccessDeniedException, in IAM's words.
fn denied(caller: &Caller, action: Action, resource: &Resource, decision: Decision) -> ApiError {
    let action = action.iam_action();
    let place = &caller.place;
    let on = match resource {
        Resource::All if action.starts_with("ssm:") => {
            format!(" on resource: arn:{}:ssm:{}:{}:*", place.partition(), place.region(), place.account())
        }
        Resource::All => String::new(),
        resource => format!(" on resource: {}", resource.arn(place)),
    };
    let because = match decision {
        Decision::Forbidden => " with an explicit deny in an identity-based policy".to_owned(),
        _ => format!(" because no identity-based policy allows the {action} action"),
    };
    ApiError::access_denied(format!("User: {} is not authorized to perform: {action}{on}{because}", caller.arn))
}

/// A client that meant it signs it anew when it is told to try again later, and whoever only saw it cannot.
fn replayed(replayed: Replayed) -> ApiError {
    ApiError::new("ThrottlingException", format!("Rate exceeded: {replayed}; sign it anew"))
}
