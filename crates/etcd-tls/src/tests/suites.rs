//! Cipher suites and versions.

use super::material::{Authority, Leaf, REMOTE, tls};
use crate::{CipherSuites, LoadError, Options, Tls, UnavailableSuites, Version};

fn suites(names: &[&str]) -> Result<(CipherSuites, UnavailableSuites), LoadError> {
    CipherSuites::parse(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
}

#[test]
fn names_are_gos() {
    let (_, left_out) = suites(&[
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305",
        "TLS_AES_128_GCM_SHA256",
        "TLS_RSA_WITH_AES_128_CBC_SHA",
    ])
    .unwrap();
    assert_eq!(left_out, UnavailableSuites(vec!["TLS_RSA_WITH_AES_128_CBC_SHA".to_owned()]));
    let error = suites(&["TLS_GOOD"]).unwrap_err();
    assert_eq!(error.to_string(), "unexpected TLS cipher suite \"TLS_GOOD\"");
}

/// Version and suite that two sides agree on.
async fn agree(server: Options, client: Options) -> Option<(rustls::ProtocolVersion, rustls::CipherSuite)> {
    let authority = Authority::new("all");
    let pair = Some(authority.pair("server", &Leaf::default()));
    let server = tls(Options { server: pair, ..server });
    let client = tls(Options { trusted_ca: Some(authority.ca()), ..client });
    let (near, far) = tokio::io::duplex(1 << 14);
    let name = client.server_name("127.0.0.1").unwrap();
    let connector = tokio_rustls::TlsConnector::from(client.client_config().unwrap());
    let acceptor = crate::Acceptor::new("client", server, 1);
    let (accepted, _connected) = tokio::join!(acceptor.accept(near, REMOTE), connector.connect(name, far));
    let accepted = accepted.ok()?;
    let connection = accepted.get_ref().1;
    Some((connection.protocol_version()?, connection.negotiated_cipher_suite()?.suite()))
}

#[tokio::test]
async fn versions_and_suites_are_kept_to() {
    use rustls::{CipherSuite, ProtocolVersion};
    let old = Options { max_version: Some(Version::V1_2), ..Options::default() };
    let new = Options { min_version: Some(Version::V1_3), ..Options::default() };
    let version = |agreed: Option<(ProtocolVersion, CipherSuite)>| agreed.map(|(version, _)| version);
    assert_eq!(version(agree(Options::default(), Options::default()).await), Some(ProtocolVersion::TLSv1_3));
    let agreed = agree(Options::default(), Options::default()).await.unwrap().1;
    assert_eq!(agreed, CipherSuite::TLS13_AES_128_GCM_SHA256, "as Go prefers");
    let agreed = agree(old.clone(), old.clone()).await.unwrap().1;
    assert_eq!(agreed, CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256);
    assert_eq!(version(agree(old.clone(), Options::default()).await), Some(ProtocolVersion::TLSv1_2));
    assert_eq!(version(agree(Options::default(), old.clone()).await), Some(ProtocolVersion::TLSv1_2));
    assert_eq!(agree(new.clone(), old.clone()).await, None);

    let chosen = suites(&["TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"]).unwrap().0;
    let chosen = Options { cipher_suites: chosen, ..Options::default() };
    let agreed = agree(chosen.clone(), old.clone()).await.unwrap().1;
    assert_eq!(agreed, CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256);
    assert_eq!(version(agree(chosen, Options::default()).await), Some(ProtocolVersion::TLSv1_3));

    let only_1_3 = suites(&["TLS_AES_128_GCM_SHA256"]).unwrap().0;
    let only_1_3 = Options { cipher_suites: only_1_3, ..Options::default() };
    assert_eq!(agree(only_1_3.clone(), old).await, None, "no suite of TLS 1.2 is left");
    let none = Options { max_version: Some(Version::V1_2), ..only_1_3 };
    assert!(matches!(Tls::load(none), Err(LoadError::NoCipherSuite { .. })));
}
