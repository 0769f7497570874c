use std::net::SocketAddr;
use std::process::Output;

use axum::Router;
use axum::routing::get;
use axum_server::Handle;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;
use testkit::tool;

use super::*;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut parameters = CertificateParams::new([]).unwrap();
    parameters.distinguished_name.push(DnType::CommonName, "an authority");
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap()
}

/// Writes a certificate of `authority` and its key into the folder.
fn write_pair(folder: &TempDir, name: &str, authority: &Authority) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, authority).unwrap();
    fs::write(folder.path().join(format!("{name}.pem")), certificate.pem()).unwrap();
    fs::write(folder.path().join(format!("{name}.key")), key.serialize_pem()).unwrap();
    fs::write(folder.path().join(format!("{name}-ca.pem")), authority.pem()).unwrap();
}

fn files(folder: &TempDir) -> TlsFiles {
    let at = |name: &str| folder.path().join(name);
    TlsFiles { certificate: at("server.pem"), key: at("server.key"), client_authorities: None }
}

struct Served {
    port: u16,
    handle: Handle<SocketAddr>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.handle.shutdown();
    }
}

async fn serve(tls: &Tls) -> Served {
    let handle = Handle::new();
    let app = Router::new().route("/", get(async || "hello"));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = axum_server::from_tcp_rustls(listener, tls.config()).unwrap().handle(handle.clone());
    tokio::spawn(server.serve(app.into_make_service()));
    handle.listening().await.unwrap();
    Served { port, handle }
}

async fn curl(folder: &TempDir, served: &Served, arguments: &[&str]) -> Output {
    let mut curl = tool("curl");
    curl.current_dir(folder.path()).args(["-sS", "--cacert", "server-ca.pem"]).args(arguments);
    curl.args(["-w", " %{http_version}", &format!("https://localhost:{}/", served.port)]);
    tokio::task::spawn_blocking(move || curl.output().unwrap()).await.unwrap()
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn it_speaks_http_2_and_1_over_tls_1_2_and_1_3_and_nothing_older() {
    let folder = tempfile::tempdir().unwrap();
    write_pair(&folder, "server", &authority());
    let served = serve(&Tls::load(files(&folder)).unwrap()).await;
    assert_eq!(said(&curl(&folder, &served, &[]).await), "hello 2");
    assert_eq!(said(&curl(&folder, &served, &["--http1.1"]).await), "hello 1.1");
    assert_eq!(said(&curl(&folder, &served, &["--tls-max", "1.2"]).await), "hello 2");
    let old = curl(&folder, &served, &["--tls-max", "1.1", "--tlsv1.1", "--ciphers", "DEFAULT@SECLEVEL=0"]).await;
    assert!(!old.status.success());
}

#[tokio::test]
async fn a_certificate_that_changes_is_taken_over_and_one_that_is_none_is_not() {
    let folder = tempfile::tempdir().unwrap();
    write_pair(&folder, "server", &authority());
    let mut tls = Tls::load(files(&folder)).unwrap();
    let served = serve(&tls).await;
    assert!(!tls.reload().unwrap());

    // The old authority does not know the new certificate, so whoever is let in has seen the new one.
    write_pair(&folder, "server", &authority());
    assert!(!curl(&folder, &served, &[]).await.status.success());
    assert!(tls.reload().unwrap());
    assert_eq!(said(&curl(&folder, &served, &[]).await), "hello 2");

    let kept = fs::read(folder.path().join("server.key")).unwrap();
    fs::write(folder.path().join("server.key"), KeyPair::generate().unwrap().serialize_pem()).unwrap();
    assert!(matches!(tls.reload(), Err(TlsError::Pair { .. })));
    fs::write(folder.path().join("server.key"), "nothing").unwrap();
    assert!(matches!(tls.reload(), Err(TlsError::Pem { what: "private key", .. })));
    assert_eq!(said(&curl(&folder, &served, &[]).await), "hello 2");
    fs::write(folder.path().join("server.key"), kept).unwrap();
    assert!(!tls.reload().unwrap(), "it is what is in use");
}

#[tokio::test]
async fn a_client_shows_a_certificate_where_it_has_to() {
    let folder = tempfile::tempdir().unwrap();
    write_pair(&folder, "server", &authority());
    write_pair(&folder, "client", &authority());
    write_pair(&folder, "stranger", &authority());
    let client_authorities = Some(folder.path().join("client-ca.pem"));
    let served = serve(&Tls::load(TlsFiles { client_authorities, ..files(&folder) }).unwrap()).await;
    assert_eq!(said(&curl(&folder, &served, &["--cert", "client.pem", "--key", "client.key"]).await), "hello 2");
    assert!(!curl(&folder, &served, &["--cert", "stranger.pem", "--key", "stranger.key"]).await.status.success());
    assert!(!curl(&folder, &served, &[]).await.status.success());
}

#[test]
fn a_file_that_is_missing_or_empty_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = Tls::load(files(&folder)).unwrap_err().to_string();
    assert!(missing.contains("server.pem"), "{missing}");
    write_pair(&folder, "server", &authority());
    fs::write(folder.path().join("server.pem"), "").unwrap();
    let empty = Tls::load(files(&folder)).unwrap_err().to_string();
    assert!(empty.ends_with("server.pem holds no certificate in PEM"), "{empty}");
}
