//! `parados.json`: says that this is a repository, of which format, and with which id. FORMAT.md, "Repository layout", is normative.
//!
//! Owns when it is written: by a first backup between its data object and its manifest, so that one that fails leaves nothing.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{FORMAT_VERSION, MAX_SMALL_BYTES, Objects, RepositoryError, layout};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Marker {
    format_version: u32,
    #[serde(default)]
    id: String,
    #[serde(default)]
    created_at: Option<Timestamp>,
}

/// Which repository it is.
#[derive(Debug)]
pub(super) struct Identity(Mutex<State>);

#[derive(Debug)]
struct State {
    id: String,
    /// What is still to be written.
    unwritten: Option<Marker>,
}

impl Identity {
    /// That of a repository that is there.
    pub(super) fn established(id: String) -> Self {
        Self(Mutex::new(State { id, unwritten: None }))
    }

    /// That of one that is going to be.
    pub(super) fn begun(id: [u8; 16], now: Timestamp) -> Self {
        let id = hex::encode(id);
        let marker = Marker { format_version: FORMAT_VERSION, id: id.clone(), created_at: Some(now) };
        Self(Mutex::new(State { id, unwritten: Some(marker) }))
    }

    pub(super) fn id(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).id.clone()
    }

    /// What is still to be written.
    pub(super) fn unwritten(&self) -> Option<Marker> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).unwritten.clone()
    }

    /// Writes it where that is still to be done. Of two that do so at once the first one's stands, and is everybody's.
    pub(super) async fn establish(&self, objects: &Objects) -> Result<bool, RepositoryError> {
        let Some(marker) = self.unwritten() else { return Ok(true) };
        let mut bytes = serde_json::to_vec(&marker).expect("texts and numbers are JSON");
        bytes.push(b'\n');
        let id = match objects.create(&layout::marker(), bytes.into()).await {
            Ok(()) => marker.id,
            Err(RepositoryError::AlreadyExists { .. }) => read(objects).await?,
            Err(error) => return Err(error),
        };
        Ok(self.take(id))
    }

    /// Takes the id of who wrote it meanwhile.
    pub(super) async fn look_again(&self, objects: &Objects) -> Result<bool, RepositoryError> {
        if self.unwritten().is_none() {
            return Ok(true);
        }
        match read(objects).await {
            Ok(id) => Ok(self.take(id)),
            Err(RepositoryError::NotFound { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Whether it is the same id as before.
    fn take(&self, id: String) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same = state.id == id;
        *state = State { id, unwritten: None };
        is_same
    }
}

/// Reads the id of the repository in `objects`.
pub(super) async fn read(objects: &Objects) -> Result<String, RepositoryError> {
    parse(objects, &objects.read(&layout::marker(), MAX_SMALL_BYTES).await?)
}

/// The id that the `parados.json` of `objects` says.
pub(super) fn parse(objects: &Objects, bytes: &[u8]) -> Result<String, RepositoryError> {
    let damaged = |reason: &str| RepositoryError::Damaged {
        key: layout::MARKER.into(),
        repository: objects.location().into(),
        reason: reason.into(),
    };
    let marker: Marker = serde_json::from_slice(bytes).map_err(|error| match error.is_eof() {
        true => RepositoryError::CutOff { key: layout::MARKER.into(), repository: objects.location().into() },
        false => damaged("it is not the JSON of a repository"),
    })?;
    match marker.format_version {
        0 => return Err(damaged("formats are numbered from 1")),
        FORMAT_VERSION => {}
        found => {
            let repository = objects.location().to_owned();
            return Err(RepositoryError::NewerFormat { repository, found, supported: FORMAT_VERSION });
        }
    }
    if marker.id.len() != 32 || !marker.id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(damaged("its id is not 32 characters of hexadecimal"));
    }
    Ok(marker.id)
}
