//! Where deliveries go: an HTTPS address, which must not be one of the inside.
//!
//! What a webhook's address names is looked up for every connection, and addresses of this machine, of private networks and of link-local services (a cloud's metadata) are
//! left out, so that whoever may add a webhook cannot make the server call its neighbours.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Certificate, Client, Url, redirect};
use thiserror::Error;

/// What may be delivered to.
#[derive(Clone, Debug, Default)]
pub struct DestinationOptions {
    /// Whether addresses of this machine and of private networks may be, and plain HTTP.
    pub allow_private: bool,
    /// Certificates of authorities (PEM) beside those that the machine trusts.
    pub authorities: Vec<u8>,
    /// How long one delivery may take.
    pub timeout: Duration,
}

/// An address that cannot be delivered to.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DestinationError {
    /// It is no address.
    #[error("the webhook's address is no URL: {0}")]
    Invalid(String),
    /// It is not HTTPS.
    #[error(
        "the webhook's address begins with {0}; it has to be https, or http where private addresses are allowed (--webhook-allow-private)"
    )]
    Scheme(String),
    /// It holds a password.
    #[error("the webhook's address holds a user or a password; whether a delivery is genuine is told by its signature")]
    Credentials,
    /// It is of the inside.
    #[error(
        "the webhook's address is this machine's or a private network's ({0}); allow that with --webhook-allow-private"
    )]
    Private(String),
    /// The certificates of authorities cannot be read, or the client cannot be made.
    #[error("the certificates of authorities cannot be used: {0}")]
    Authorities(String),
}

/// An address that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination(Url);

impl Destination {
    /// Checks an address. What its name is looked up as is checked when it is connected to.
    ///
    /// # Errors
    /// Why it is none.
    pub fn parse(text: &str, options: &DestinationOptions) -> Result<Self, DestinationError> {
        let url = Url::parse(text).map_err(|error| DestinationError::Invalid(error.to_string()))?;
        match url.scheme() {
            "https" => {}
            "http" if options.allow_private => {}
            scheme => return Err(DestinationError::Scheme(scheme.to_owned())),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(DestinationError::Credentials);
        }
        let address = match url.host() {
            Some(url::Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(url::Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            _ => None,
        };
        match address {
            Some(address) if !options.allow_private && is_inside(address) => {
                Err(DestinationError::Private(address.to_string()))
            }
            _ => Ok(Self(url)),
        }
    }

    /// It as a URL.
    pub fn url(&self) -> &Url {
        &self.0
    }
}

impl DestinationOptions {
    /// A client for them: no redirects, no proxy, certificates verified.
    pub(super) fn client(&self) -> Result<Client, DestinationError> {
        let unusable = |error: reqwest::Error| DestinationError::Authorities(error.to_string());
        let mut builder = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .timeout(self.timeout)
            .user_agent(concat!("parados/", env!("CARGO_PKG_VERSION")))
            .pool_idle_timeout(Duration::from_secs(60));
        if !self.authorities.is_empty() {
            let authorities = Certificate::from_pem_bundle(&self.authorities).map_err(unusable)?;
            builder = builder.tls_certs_merge(authorities);
        }
        if !self.allow_private {
            builder = builder.dns_resolver(Outside);
        }
        builder.build().map_err(unusable)
    }
}

/// Looks names up as the system does, and leaves out what is inside.
#[derive(Clone, Copy, Debug)]
struct Outside;

impl Resolve for Outside {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let outside: Vec<SocketAddr> = found.filter(|address| !is_inside(address.ip())).collect();
            if outside.is_empty() {
                let host = name.as_str().to_owned();
                return Err(Box::new(DestinationError::Private(host)) as Box<dyn std::error::Error + Send + Sync>);
            }
            Ok(Box::new(outside.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is not one of the public internet (RFC 6890 and its successors).
fn is_inside(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_inside_v4(address),
        IpAddr::V6(address) => is_inside_v6(address),
    }
}

fn is_inside_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_unspecified()
        || address.is_multicast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (b == 18 || b == 19))
}

fn is_inside_v6(address: Ipv6Addr) -> bool {
    // Addresses that lead to one of version 4: mapped, translated (64:ff9b::/96) and 6to4 (2002::/16).
    let segments = address.segments();
    let embedded = match segments {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some((high, low)),
        [0x2002, high, low, ..] => Some((high, low)),
        _ => None,
    };
    if let Some((high, low)) = embedded {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        return is_inside_v4(Ipv4Addr::new(a, b, c, d));
    }
    if let Some(mapped) = address.to_ipv4() {
        return is_inside_v4(mapped);
    }
    address.is_loopback()
        || address.is_unspecified()
        || address.is_multicast()
        || address.is_unique_local()
        || address.is_unicast_link_local()
        || segments[0] & 0xffc0 == 0xfec0
        || (segments[0] == 0x2001 && segments[1] == 0xdb8)
        || segments[0] & 0xe000 != 0x2000
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("https://127.0.0.1/")]
    #[case("https://2130706433/")]
    #[case("https://0x7f.1/")]
    #[case("https://10.1.2.3/")]
    #[case("https://172.31.0.1/")]
    #[case("https://192.168.0.1/")]
    #[case("https://169.254.169.254/latest/meta-data")]
    #[case("https://100.64.0.1/")]
    #[case("https://0.0.0.0/")]
    #[case("https://[::1]/")]
    #[case("https://[fd00:ec2::254]/")]
    #[case("https://[fe80::1]/")]
    #[case("https://[::ffff:10.0.0.1]/")]
    #[case("https://[64:ff9b::a9fe:a9fe]/")]
    #[case("https://[2002:7f00:1::]/")]
    fn an_address_of_the_inside_is_refused(#[case] url: &str) {
        let refused = Destination::parse(url, &DestinationOptions::default()).unwrap_err();
        assert!(matches!(refused, DestinationError::Private(_)), "{refused}");
        let allowed = DestinationOptions { allow_private: true, ..DestinationOptions::default() };
        assert!(Destination::parse(url, &allowed).is_ok());
    }

    #[rstest]
    #[case("https://example.com/hook?token=1")]
    #[case("https://1.1.1.1/")]
    #[case("https://[2606:4700::1111]/")]
    fn an_address_of_the_outside_is_taken(#[case] url: &str) {
        assert!(Destination::parse(url, &DestinationOptions::default()).is_ok());
    }

    #[rstest]
    #[case("http://example.com/", "has to be https")]
    #[case("ftp://example.com/", "has to be https")]
    #[case("https://me:secret@example.com/", "holds a user or a password")]
    #[case("example.com", "no URL")]
    fn what_is_no_destination_is_refused(#[case] url: &str, #[case] why: &str) {
        let refused = Destination::parse(url, &DestinationOptions::default()).unwrap_err().to_string();
        assert!(refused.contains(why) && !refused.contains("secret"), "{refused}");
    }

    #[tokio::test]
    async fn a_name_of_the_inside_is_not_connected_to() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let options = DestinationOptions { timeout: Duration::from_secs(30), ..DestinationOptions::default() };
        let sent = options.client().unwrap().post(format!("https://localhost:{port}/")).send().await;
        let mut error: &dyn std::error::Error = &sent.unwrap_err();
        let mut words = error.to_string();
        while let Some(source) = error.source() {
            error = source;
            words.push_str(&error.to_string());
        }
        assert!(words.contains("this machine's or a private network's"), "{words}");
    }
}
