//! Who is let in, and whom we trust.

use std::time::SystemTime;

use rcgen::ExtendedKeyUsagePurpose;

use super::material::{Authority, DAY, Leaf, shake, tls};
use crate::address::carries;
use crate::{LoadError, Options, Tls, common_name};

/// Shakes hands between a server that wants certificates of `trusted` and a client with a certificate of `authority`.
async fn admit(
    authority: &Authority,
    leaf: &Leaf<'_>,
    options: impl FnOnce(&mut Options),
) -> Result<(), String> {
    let own = Authority::new("server");
    let mut server = Options {
        server: Some(own.pair("server", &Leaf::default())),
        trusted_ca: Some(authority.ca()),
        ..Options::default()
    };
    options(&mut server);
    let client = Options {
        client: Some(authority.pair("client", leaf)),
        trusted_ca: Some(own.ca()),
        ..Options::default()
    };
    let (accepted, connected) = shake(&tls(server), &tls(client), "127.0.0.1").await;
    assert_eq!(connected, Ok(()), "the client trusts the server");
    accepted
}

fn refused(outcome: Result<(), String>, word: &str) {
    let error = outcome.expect_err("it must be refused");
    assert!(error.contains(word), "{error:?} does not say {word:?}");
}

#[tokio::test]
async fn clients_need_a_valid_certificate_of_a_trusted_authority() {
    let clients = Authority::new("clients");
    let now = SystemTime::now();
    admit(&clients, &Leaf::default(), |_| {}).await.unwrap();
    let expired = Leaf { from: now - 2 * DAY, to: now - DAY, ..Leaf::default() };
    refused(admit(&clients, &expired, |_| {}).await, "expired");
    let early = Leaf { from: now + DAY, to: now + 2 * DAY, ..Leaf::default() };
    refused(admit(&clients, &early, |_| {}).await, "not valid yet");
    let server_only = Leaf { usages: &[ExtendedKeyUsagePurpose::ServerAuth], ..Leaf::default() };
    refused(admit(&clients, &server_only, |_| {}).await, "extended key usage");
    let any = Leaf { usages: &[], ..Leaf::default() };
    admit(&clients, &any, |_| {}).await.unwrap();
    let others = Authority::new("others");
    let outcome = admit(&clients, &Leaf::default(), |server| server.trusted_ca = Some(others.ca())).await;
    refused(outcome, "UnknownIssuer");
}

#[tokio::test]
async fn a_client_without_certificate_is_refused() {
    let authority = Authority::new("all");
    let server = tls(Options {
        server: Some(authority.pair("server", &Leaf::default())),
        trusted_ca: Some(authority.ca()),
        ..Options::default()
    });
    let client = tls(Options { trusted_ca: Some(authority.ca()), ..Options::default() });
    let (accepted, _) = shake(&server, &client, "127.0.0.1").await;
    refused(accepted, "no certificates");
}

#[tokio::test]
async fn intermediates_come_with_the_certificate() {
    let root = Authority::new("root");
    let between = root.intermediate("between");
    let (leaf, key) = between.sign(&Leaf::default());
    let chain = format!("{leaf}{}", between.pem());
    let whole = super::material::write_pair(root.directory.path(), "whole", &chain, &key);
    let alone = super::material::write_pair(root.directory.path(), "alone", &leaf, &key);
    for (pair, known) in [(whole, true), (alone, false)] {
        let both = tls(Options { server: Some(pair), trusted_ca: Some(root.ca()), ..Options::default() });
        let outcome = shake(&both, &both, "127.0.0.1").await;
        assert_eq!(outcome == (Ok(()), Ok(())), known, "{outcome:?}");
    }
}

#[tokio::test]
async fn an_expired_authority_vouches_for_nobody() {
    let clients = Authority::valid_until("old", SystemTime::now() - DAY);
    refused(admit(&clients, &Leaf::default(), |_| {}).await, "UnknownIssuer");
}

#[tokio::test]
async fn common_names_and_host_names_are_allowed_one_by_one() {
    let clients = Authority::new("clients");
    let infra = Leaf { common_name: "infra0", hosts: &["*.infra.test", "10.0.0.7"], ..Leaf::default() };
    let cns = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    admit(&clients, &infra, |server| server.allowed_cns = cns(&["other", "infra0"])).await.unwrap();
    let outcome = admit(&clients, &infra, |server| server.allowed_cns = cns(&["infra", "INFRA0"])).await;
    refused(outcome, "client certificate authentication failed");
    for name in ["a.infra.test", "10.0.0.7"] {
        admit(&clients, &infra, |server| server.allowed_hostnames = cns(&[name])).await.unwrap();
    }
    for name in ["a.b.infra.test", "infra.test", "10.0.0.8"] {
        let outcome = admit(&clients, &infra, |server| server.allowed_hostnames = cns(&[name])).await;
        refused(outcome, "client certificate authentication failed");
    }
}

#[tokio::test]
async fn revoked_serials_are_refused() {
    let clients = Authority::new("clients");
    let crl = clients.crl("crl.pem", &[7, 300]);
    let with = |serial| Leaf { serial, ..Leaf::default() };
    let list = |server: &mut Options| server.crl = Some(crl.clone());
    admit(&clients, &with(8), list).await.unwrap();
    for serial in [7, 300] {
        let list = |server: &mut Options| server.crl = Some(crl.clone());
        refused(admit(&clients, &with(serial), list).await, "Revoked");
    }
    // A list of another trusted authority speaks for that one alone; a list of a stranger counts for all, as in etcd.
    let others = Authority::new("others");
    let theirs = others.crl("crl.pem", &[7]);
    let both = clients.directory.path().join("both.pem");
    std::fs::write(&both, format!("{}{}", clients.pem(), others.pem())).unwrap();
    let trust_both = |server: &mut Options| {
        server.trusted_ca = Some(both);
        server.crl = Some(theirs.clone());
    };
    admit(&clients, &with(7), trust_both).await.unwrap();
    refused(admit(&clients, &with(7), |server| server.crl = Some(theirs.clone())).await, "Revoked");
}

#[tokio::test]
async fn servers_are_verified_by_authority_and_name() {
    let authority = Authority::new("servers");
    let server = tls(Options {
        server: Some(authority.pair("server", &Leaf { common_name: "infra0", ..Leaf::default() })),
        ..Options::default()
    });
    let trusting = Options { trusted_ca: Some(authority.ca()), ..Options::default() };
    for host in ["127.0.0.1", "member.test"] {
        assert_eq!(shake(&server, &tls(trusting.clone()), host).await, (Ok(()), Ok(())));
    }
    for host in ["127.0.0.2", "other.test", "infra0"] {
        refused(shake(&server, &tls(trusting.clone()), host).await.1, "not valid for");
    }
    let named = Options { server_name: Some("member.test".to_owned()), ..trusting.clone() };
    assert_eq!(shake(&server, &tls(named), "10.9.9.9").await, (Ok(()), Ok(())));
    let other_name = Options { allowed_cns: vec!["infra1".to_owned()], ..trusting };
    refused(shake(&server, &tls(other_name), "127.0.0.1").await.1, "authentication failed");
    let strangers = Authority::new("strangers");
    let stranger = Options { trusted_ca: Some(strangers.ca()), ..Options::default() };
    refused(shake(&server, &tls(stranger), "127.0.0.1").await.1, "UnknownIssuer");
    let careless = Options { skip_verify: true, ..Options::default() };
    assert_eq!(shake(&server, &tls(careless), "10.9.9.9").await, (Ok(()), Ok(())));
}

#[tokio::test]
async fn a_certificate_in_the_trusted_file_is_trusted_itself() {
    // As `openssl req -x509` makes it: an authority that serves.
    let authority = Authority::new("self");
    let now = SystemTime::now();
    for (end, trusted) in [(now + DAY, true), (now - DAY, false)] {
        let mut params = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.not_before = (now - 3 * DAY).into();
        params.not_after = end.into();
        let key = rcgen::KeyPair::generate().unwrap();
        let cert = params.self_signed(&key).unwrap().pem();
        let pair =
            super::material::write_pair(authority.directory.path(), "own", &cert, &key.serialize_pem());
        let both =
            tls(Options { trusted_ca: Some(pair.cert.clone()), server: Some(pair), ..Options::default() });
        let outcome = shake(&both, &both, "127.0.0.1").await;
        assert_eq!(outcome == (Ok(()), Ok(())), trusted, "{outcome:?}");
        assert!(shake(&both, &both, "127.0.0.2").await.1.is_err(), "the name is checked nevertheless");
    }
}

#[test]
fn names_are_either_common_or_of_hosts() {
    let options = Options {
        allowed_cns: vec!["a".to_owned(), "b".to_owned()],
        allowed_hostnames: vec!["c".to_owned()],
        ..Options::default()
    };
    let error = Tls::load(options).unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"AllowedCNs and AllowedHostnames are mutually exclusive (cns=["a" "b"], hostnames=["c"])"#
    );
    let unverified = Options { allowed_cns: vec!["a".to_owned()], skip_verify: true, ..Options::default() };
    assert!(matches!(Tls::load(unverified), Err(LoadError::NamesUnverified)));
    let unspeakable = Options { allowed_hostnames: vec!["a b".to_owned()], ..Options::default() };
    assert!(matches!(Tls::load(unspeakable), Err(LoadError::Hostname { .. })));
}

#[test]
fn the_last_common_name_counts() {
    let authority = Authority::new("a");
    let pair = authority.pair("client", &Leaf { common_name: "alice", ..Leaf::default() });
    let chain = crate::pem::certificates(&pair.cert).unwrap();
    assert_eq!(common_name(&chain[0]), Some("alice".to_owned()));
    let pair = authority.pair("nobody", &Leaf::default());
    assert_eq!(common_name(&crate::pem::certificates(&pair.cert).unwrap()[0]), None);
    assert_eq!(common_name(b"rubbish"), None);
}

#[test]
fn host_names_found_by_address_match_names_and_wildcards() {
    let names = ["a.test".to_owned(), "*.b.test".to_owned(), "*".to_owned()];
    for (found, expected) in [
        ("a.test", true),
        ("a.test.", true),
        ("x.b.test", true),
        ("b.test", false),
        ("x.a.test", false),
        ("", false),
    ] {
        assert_eq!(carries(&names, found), expected, "{found}");
    }
}

#[tokio::test]
async fn addresses_are_compared_with_certificates() {
    let authority = Authority::new("a");
    let der = |hosts: &[&str]| {
        let pair = authority.pair("peer", &Leaf { hosts, ..Leaf::default() });
        crate::pem::certificates(&pair.cert).unwrap().remove(0)
    };
    let check = async |hosts: &[&str], remote: &str| {
        crate::address::check(&der(hosts), remote.parse().unwrap()).await.map_err(|error| error.to_string())
    };
    assert_eq!(check(&["10.0.0.1", "10.0.0.2"], "10.0.0.2").await, Ok(()));
    assert_eq!(check(&["10.0.0.1"], "::ffff:10.0.0.1").await, Ok(()));
    assert_eq!(check(&[], "10.0.0.2").await, Ok(()));
    let wrong = check(&["10.0.0.1", "10.0.0.2"], "10.0.0.3").await;
    assert_eq!(wrong, Err("x509: certificate is valid for 10.0.0.1, 10.0.0.2, not 10.0.0.3".to_owned()));
    assert_eq!(check(&["localhost"], "127.0.0.1").await, Ok(()));
    assert_eq!(check(&["10.0.0.1", "localhost"], "127.0.0.1").await, Ok(()));
    let wrong = check(&["localhost"], "127.77.0.1").await.unwrap_err();
    assert!(
        wrong.starts_with(r#"tls: "127.77.0.1" does not match any of DNSNames ["localhost"]"#),
        "{wrong}"
    );
}
