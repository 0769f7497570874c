//! TLS of the server: a certificate, its key, and where clients have to show one too, the authority that signed theirs. Files that change
//! are taken over for new connections; those that are open stay as they are.
//!
//! TLS 1.2 and 1.3 with rustls's own choice of ciphers; HTTP/2 and HTTP/1.1 by ALPN.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use axum_server::tls_rustls::RustlsConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig, version};
use thiserror::Error;
use zeroize::Zeroizing;

/// How often is looked whether the files changed.
pub const RELOAD_EVERY: Duration = Duration::from_secs(5);

/// Where the certificate and its key are, in PEM.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificate, and behind it those that lead to one that clients trust.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Authorities of which a client has to show a certificate; none where it need not.
    pub client_authorities: Option<PathBuf>,
}

/// Files that are no TLS.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TlsError {
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// It holds no certificate or key in PEM.
    #[error("{} holds no {what} in PEM", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// "certificate", "private key"
        what: &'static str,
    },
    /// The certificate and the key cannot be used, or not together.
    #[error("the certificate in {} and the key in {} cannot be used together", certificate.display(), key.display())]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// The authorities cannot be used.
    #[error("the authorities in {} cannot be used", path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// Why.
        source: VerifierBuilderError,
    },
}

/// TLS as it is now.
#[derive(Clone, Debug)]
pub struct Tls {
    files: TlsFiles,
    config: RustlsConfig,
    seen: Vec<u8>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// They cannot be read or used.
    pub fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let read = Read::files(&files)?;
        let config = RustlsConfig::from_config(Arc::new(read.config(&files)?));
        Ok(Self { seen: read.digest(), files, config })
    }

    /// What a listener takes; it follows what is [reloaded](Self::reload).
    pub fn config(&self) -> RustlsConfig {
        self.config.clone()
    }

    /// Takes over files that changed, and says whether they had.
    ///
    /// # Errors
    /// They cannot be read or used; what was in use stays in use.
    pub fn reload(&mut self) -> Result<bool, TlsError> {
        let read = Read::files(&self.files)?;
        let seen = read.digest();
        if seen == self.seen {
            return Ok(false);
        }
        self.config.reload_from_config(Arc::new(read.config(&self.files)?));
        self.seen = seen;
        Ok(true)
    }

    /// Looks for changes for ever.
    pub async fn watch(mut self) {
        loop {
            tokio::time::sleep(RELOAD_EVERY).await;
            match self.reload() {
                Ok(false) => {}
                Ok(true) => tracing::info!("the TLS certificate was reloaded"),
                Err(error) => {
                    let cause = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::error!(%error, cause, "the TLS certificate changed and cannot be used; the one before stays in use");
                }
            }
        }
    }
}

/// The files' contents.
struct Read {
    certificate: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
    client_authorities: Option<Vec<u8>>,
}

impl Read {
    fn files(files: &TlsFiles) -> Result<Self, TlsError> {
        Ok(Self {
            certificate: read(&files.certificate)?,
            key: Zeroizing::new(read(&files.key)?),
            client_authorities: files.client_authorities.as_deref().map(read).transpose()?,
        })
    }

    fn digest(&self) -> Vec<u8> {
        let mut context = Context::new(&SHA256);
        for part in [Some(&self.certificate), Some(&*self.key), self.client_authorities.as_ref()] {
            let part = part.map_or(&[][..], Vec::as_slice);
            context.update(&part.len().to_be_bytes());
            context.update(part);
        }
        context.finish().as_ref().to_vec()
    }

    fn config(&self, files: &TlsFiles) -> Result<ServerConfig, TlsError> {
        let chain = certificates(&files.certificate, &self.certificate)?;
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|_| TlsError::Pem { path: files.key.clone(), what: "private key" })?;
        let provider = Arc::new(default_provider());
        let pair = |source| TlsError::Pair { certificate: files.certificate.clone(), key: files.key.clone(), source };
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])
            .map_err(pair)?;
        let builder = match (&files.client_authorities, &self.client_authorities) {
            (Some(path), Some(contents)) => {
                let mut roots = RootCertStore::empty();
                for authority in certificates(path, contents)? {
                    let unusable = |_| TlsError::Pem { path: path.clone(), what: "certificate that can be used" };
                    roots.add(authority).map_err(unusable)?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                    .build()
                    .map_err(|source| TlsError::Authorities { path: path.clone(), source })?;
                builder.with_client_cert_verifier(verifier)
            }
            _ => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, key).map_err(pair)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::File { path: path.to_owned(), source })
}

fn certificates(path: &Path, contents: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let none = || TlsError::Pem { path: path.to_owned(), what: "certificate" };
    let chain: Vec<_> = CertificateDer::pem_slice_iter(contents).collect::<Result<_, _>>().map_err(|_| none())?;
    if chain.is_empty() { Err(none()) } else { Ok(chain) }
}

#[cfg(test)]
mod tests;
