//! A v2 service behind TLS, and clients that it may or may not like.

use std::net::SocketAddr;
use std::sync::Arc;

use etcd_discovery::DiscoveryError;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::keys::{Keys, NoPauses, join, unhurried};

/// A service of size 1 with a certificate for 127.0.0.1.
pub(crate) struct Https {
    pub(crate) url: String,
    roots: Arc<RootCertStore>,
    identity: (CertificateDer<'static>, PrivateKeyDer<'static>),
}

struct Listener(TcpListener, TlsAcceptor);

impl axum::serve::Listener for Listener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = self.0.accept().await.unwrap();
            if let Ok(stream) = self.1.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

impl Https {
    pub(crate) async fn start(asks_for_certificates: bool) -> Self {
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let issue = |name: &str| {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
            let certificate = params.signed_by(&key, &authority).unwrap();
            (certificate.der().clone(), PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        };
        let mut roots = RootCertStore::empty();
        roots.add(authority.der().clone()).unwrap();
        let roots = Arc::new(roots);
        let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let builder = if asks_for_certificates {
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.clone(), provider());
            builder.unwrap().with_client_cert_verifier(verifier.build().unwrap())
        } else {
            builder.unwrap().with_no_client_auth()
        };
        let (certificate, key) = issue("127.0.0.1");
        let config = builder.with_single_cert(vec![certificate], key).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}/v2/keys/token", listener.local_addr().unwrap());
        let keys = Keys::new("1");
        let router = axum::Router::new()
            .fallback(async move |request: axum::extract::Request| keys.answer(request).await);
        let listener = Listener(listener, TlsAcceptor::from(Arc::new(config)));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, roots, identity: issue("client") }
    }

    /// A client that trusts the service, with or without a certificate of its own.
    pub(crate) fn client(&self, shows_certificate: bool) -> Arc<ClientConfig> {
        let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let builder = builder.unwrap().with_root_certificates(self.roots.clone());
        let (certificate, key) = &self.identity;
        Arc::new(if shows_certificate {
            builder.with_client_auth_cert(vec![certificate.clone()], key.clone_key()).unwrap()
        } else {
            builder.with_no_client_auth()
        })
    }
}

#[tokio::test]
async fn certificates_on_both_sides() {
    let https = Https::start(true).await;
    let mut options = unhurried(&https.url);
    options.tls = Some(https.client(true));
    assert_eq!(join(&options, 0).await.unwrap().members.len(), 1);
}

/// A wrong certificate is a connection that does not come about: it is tried again, as etcd does, and logged.
#[tokio::test]
async fn certificates_that_are_not_trusted() {
    for (asks, stranger) in [(false, true), (true, false)] {
        let https = Https::start(asks).await;
        let mut options = unhurried(&https.url);
        let trusts = if stranger { Https::start(false).await } else { https };
        options.tls = Some(trusts.client(false));
        let pauses = Arc::new(NoPauses::default());
        options.pauses = pauses.clone();
        let joined = tokio::spawn(async move { join(&options, 0).await });
        while pauses.0.lock().unwrap().len() < 3 {
            assert!(!joined.is_finished());
            tokio::task::yield_now().await;
        }
        joined.abort();
    }
}

#[tokio::test]
async fn https_without_anybody_to_trust() {
    let error = join(&unhurried("https://127.0.0.1:1/v2/keys/token"), 0).await.unwrap_err();
    assert!(matches!(error, DiscoveryError::InvalidUrl { .. }), "{error}");
}
