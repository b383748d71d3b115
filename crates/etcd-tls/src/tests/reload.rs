//! Files that change while they are in use.

use super::material::{Authority, Leaf, shake, tls};
use crate::{Change, LoadError, Options, Role, Tls};

#[tokio::test]
async fn a_new_certificate_is_taken_over_and_a_broken_one_is_not() {
    let old = Authority::new("old");
    let new = Authority::new("new");
    let pair = old.pair("server", &Leaf::default());
    let server = tls(Options { server: Some(pair.clone()), ..Options::default() });
    let trusts_old = tls(Options { trusted_ca: Some(old.ca()), ..Options::default() });
    let trusts_new = tls(Options { trusted_ca: Some(new.ca()), ..Options::default() });
    assert!(matches!(server.check_files(), Change::None));

    let (cert, key) = new.sign(&Leaf::default());
    std::fs::write(&pair.cert, &cert).unwrap();
    assert!(matches!(server.check_files(), Change::Refused(LoadError::KeyMismatch { .. })));
    assert!(matches!(server.check_files(), Change::None), "told once");
    assert_eq!(shake(&server, &trusts_old, "127.0.0.1").await, (Ok(()), Ok(())));

    std::fs::write(&pair.key, &key).unwrap();
    assert!(matches!(server.check_files(), Change::Reloaded));
    assert_eq!(shake(&server, &trusts_new, "127.0.0.1").await, (Ok(()), Ok(())));
    assert!(shake(&server, &trusts_old, "127.0.0.1").await.1.is_err());

    std::fs::remove_file(&pair.cert).unwrap();
    assert!(matches!(server.check_files(), Change::Refused(LoadError::Open { .. })));
    assert_eq!(shake(&server, &trusts_new, "127.0.0.1").await, (Ok(()), Ok(())));
    std::fs::write(&pair.cert, &cert).unwrap();
    assert!(matches!(server.check_files(), Change::Reloaded));
    assert!(matches!(server.check_files(), Change::None));
}

#[tokio::test]
async fn authorities_and_lists_are_taken_over() {
    let authority = Authority::new("all");
    let empty = authority.crl("crl.pem", &[]);
    let server = tls(Options {
        server: Some(authority.pair("server", &Leaf::default())),
        trusted_ca: Some(authority.ca()),
        crl: Some(empty),
        ..Options::default()
    });
    let client = tls(Options {
        client: Some(authority.pair("client", &Leaf { serial: 5, ..Leaf::default() })),
        trusted_ca: Some(authority.ca()),
        ..Options::default()
    });
    assert_eq!(shake(&server, &client, "127.0.0.1").await.0, Ok(()));
    authority.crl("crl.pem", &[5]);
    assert!(matches!(server.check_files(), Change::Reloaded));
    assert!(shake(&server, &client, "127.0.0.1").await.0.unwrap_err().contains("Revoked"));
    authority.crl("crl.pem", &[]);
    assert!(matches!(server.check_files(), Change::Reloaded));
    assert_eq!(shake(&server, &client, "127.0.0.1").await.0, Ok(()));

    let other = Authority::new("other");
    std::fs::write(authority.ca(), other.pem()).unwrap();
    assert!(matches!(server.check_files(), Change::Reloaded));
    assert!(shake(&server, &client, "127.0.0.1").await.0.unwrap_err().contains("UnknownIssuer"));
}

#[test]
fn the_ends_of_certificates_are_known() {
    let authority = Authority::new("all");
    let tls = tls(Options {
        server: Some(authority.pair("server", &Leaf::default())),
        client: Some(authority.pair("client", &Leaf::default())),
        trusted_ca: Some(authority.ca()),
        ..Options::default()
    });
    let roles: Vec<Role> = tls.certificates().into_iter().map(|certificate| certificate.role).collect();
    assert_eq!(roles, [Role::Authority, Role::Server, Role::Client]);
}

#[test]
fn what_is_wrong_with_a_file_is_said() {
    let authority = Authority::new("all");
    let pair = authority.pair("server", &Leaf::default());
    let load = |options| Tls::load(options).unwrap_err().to_string();
    let missing = Options { trusted_ca: Some("/nope".into()), ..Options::default() };
    assert_eq!(load(missing), "open /nope: no such file or directory");
    let with = |cert: &str, key: &str| {
        let pair = super::material::write_pair(authority.directory.path(), "bad", cert, key);
        load(Options { server: Some(pair), ..Options::default() })
    };
    let good = std::fs::read_to_string(&pair.cert).unwrap();
    let key = std::fs::read_to_string(&pair.key).unwrap();
    assert!(with("", &key).contains("failed to find any PEM data in certificate input"));
    assert!(with(&good, "").contains("failed to find any PEM data in key input"));
    assert!(with(&good, &good).contains("failed to find any PEM data in key input"));
    let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    assert!(with(&good, locked).contains("is encrypted"));
    assert!(with(&good, &authority.sign(&Leaf::default()).1).contains("does not match"));
    let crl = Options { crl: Some(pair.cert), ..Options::default() };
    assert!(load(crl).contains("no certificate revocation list"));
}
