use proptest::prelude::*;
use ring::rand::SystemRandom;

use super::*;

macro_rules! pem {
    ($name:literal) => {
        include_bytes!(concat!("../../testdata/", $name)).as_slice()
    };
}

const TTL: Duration = Duration::from_secs(300);
const NOW: Duration = Duration::from_secs(1_000_000);

fn new(algorithm: Algorithm, public: Option<&[u8]>, private: Option<&[u8]>) -> Result<Jwt, KeyError> {
    Jwt::new(algorithm, public, private, TTL, &SystemRandom::new())
}

fn verify(jwt: &Jwt, token: &str, now: Duration) -> Option<Identity> {
    jwt.verify(token, now)?.at(now).cloned()
}

/// Public and private files that fit the algorithm.
fn files(algorithm: Algorithm) -> Vec<(Option<&'static [u8]>, &'static [u8])> {
    match algorithm {
        Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => vec![(None, b"s3cret")],
        Algorithm::Es256 => {
            vec![(Some(pem!("p256-pub.pem")), pem!("p256-sec1.pem")), (None, pem!("p256-pkcs8.pem"))]
        }
        Algorithm::Es384 => vec![(Some(pem!("p384-pub.pem")), pem!("p384-sec1.pem"))],
        Algorithm::EdDsa => vec![(Some(pem!("ed25519-pub.pem")), pem!("ed25519.pem"))],
        _ => vec![
            (Some(pem!("rsa-pub.pem")), pem!("rsa-pkcs1.pem")),
            (Some(pem!("rsa-pub-pkcs1.pem")), pem!("rsa-pkcs8.pem")),
            (Some(pem!("rsa-cert.pem")), pem!("rsa-pkcs8.pem")),
        ],
    }
}

#[test]
fn every_algorithm_signs_and_verifies() {
    let ann = Identity::new("ann", 7);
    for algorithm in Algorithm::ALL {
        for (public, private) in files(algorithm) {
            let jwt = new(algorithm, public, Some(private)).unwrap();
            let token = jwt.sign(&ann, NOW, &SystemRandom::new()).unwrap();
            assert_eq!(verify(&jwt, &token, NOW), Some(ann.clone()), "{algorithm:?}");
            assert_eq!(verify(&jwt, &token, NOW + TTL), None, "{algorithm:?} has expired");
            let proven = jwt.verify(&token, NOW).unwrap();
            assert_eq!((proven.at(NOW), proven.at(NOW + TTL)), (Some(&ann), None), "{algorithm:?}");
            let Some(public) = public else { continue };
            let checking = new(algorithm, Some(public), None).unwrap();
            assert_eq!(
                verify(&checking, &token, NOW),
                Some(ann.clone()),
                "{algorithm:?} with the public key alone"
            );
            assert_eq!(checking.sign(&ann, NOW, &SystemRandom::new()), Err(SignError::VerifyOnly));
        }
    }
}

#[test]
fn no_changed_token_passes() {
    let jwt = new(Algorithm::Hs256, None, Some(b"s3cret")).unwrap();
    let token = jwt.sign(&Identity::new("ann", 7), NOW, &SystemRandom::new()).unwrap();
    for index in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert_eq!(verify(&jwt, &changed, NOW), None, "{changed}");
    }
    for text in ["", ".", "..", "a.b.c", &token[..token.len() - 1], &format!("{token}.x")] {
        assert_eq!(verify(&jwt, text, NOW), None, "{text}");
    }
    let other = new(Algorithm::Hs256, None, Some(b"s3cret\n")).unwrap();
    assert_eq!(other.verify(&token, NOW), None);
    assert_eq!(jwt.verify(&"a".repeat(MAX_BYTES + 1), NOW), None);
}

/// A token of these claims, signed with the secret that `verify` knows.
fn with_claims(header: &str, claims: &str) -> Option<Identity> {
    let jwt = new(Algorithm::Hs256, None, Some(b"s3cret")).unwrap();
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = jwt.key.sign(signed.as_bytes(), &SystemRandom::new()).unwrap();
    verify(&jwt, &format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)), NOW)
}

#[test]
fn claims_are_read_as_go_reads_them() {
    let check = |claims: &str, expected: Option<(&str, u64)>| {
        let found = with_claims(r#"{"alg":"HS256"}"#, claims);
        assert_eq!(found, expected.map(|(user, revision)| Identity::new(user, revision)), "{claims}");
    };
    check(r#"{"username":"ann","revision":7}"#, Some(("ann", 7)));
    check(r#"{"username":"ann","revision":7.9,"exp":1000000.5}"#, Some(("ann", 7)));
    check(r#"{"username":"ann","revision":7,"exp":1000000}"#, None);
    check(r#"{"username":"ann","revision":7,"exp":"2000000"}"#, None);
    check(r#"{"username":"ann","revision":7,"nbf":1000000}"#, Some(("ann", 7)));
    check(r#"{"username":"ann","revision":7,"nbf":1000001}"#, None);
    check(r#"{"username":1,"revision":7}"#, None);
    check(r#"{"username":"ann","revision":"7"}"#, None);
    check(r#"{"username":"ann","revision":-1}"#, None);
    check(r#"{"username":"ann"}"#, None);
    check("[]", None);
}

#[test]
fn another_algorithm_never_passes() {
    for header in [r#"{"alg":"none"}"#, r#"{"alg":"HS384"}"#, r#"{"alg":"RS256"}"#, "{}", "[]", "x"] {
        assert_eq!(with_claims(header, r#"{"username":"ann","revision":7}"#), None, "{header}");
    }
    // The public key of one algorithm is no secret of another.
    let public = pem!("rsa-pub.pem");
    let forged = new(Algorithm::Hs256, None, Some(public)).unwrap();
    let token = forged.sign(&Identity::new("root", 7), NOW, &SystemRandom::new()).unwrap();
    assert_eq!(new(Algorithm::Rs256, Some(public), None).unwrap().verify(&token, NOW), None);
}

#[test]
fn a_token_of_openssl_is_known() {
    let jwt = new(Algorithm::Rs256, Some(pem!("rsa-pub.pem")), None).unwrap();
    let token = include_str!("../../testdata/openssl-rs256.jwt");
    assert_eq!(verify(&jwt, token, NOW), Some(Identity::new("ann", 7)));
}

#[test]
fn keys_that_do_not_fit_are_refused() {
    let check = |algorithm, public: Option<&[u8]>, private: Option<&[u8]>, expected: &str| {
        let error = new(algorithm, public, private).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    };
    check(Algorithm::Rs256, None, None, "missing key data");
    check(Algorithm::Hs256, Some(pem!("rsa-pub.pem")), None, "missing key data");
    check(Algorithm::Hs256, None, Some(b""), "missing key data");
    check(Algorithm::EdDsa, None, Some(b""), "missing key data");
    check(Algorithm::Rs256, Some(pem!("p256-pub.pem")), None, "pub-key holds no public key for RS256");
    check(Algorithm::Es256, Some(pem!("ed25519-pub.pem")), None, "pub-key holds no public key for ES256");
    check(Algorithm::Rs256, Some(b"nonsense"), None, "pub-key holds no public key for RS256");
    check(
        Algorithm::Ps512,
        None,
        Some(b"nonsense"),
        "priv-key holds no private key for PS512 (no PEM block)",
    );
    check(Algorithm::Es256, None, Some(pem!("p384-sec1.pem")), "priv-key holds no private key for ES256");
    check(Algorithm::EdDsa, None, Some(pem!("rsa-pkcs8.pem")), "priv-key holds no private key for EdDSA");
    check(
        Algorithm::Es384,
        Some(pem!("p256-pub.pem")),
        Some(pem!("p384-sec1.pem")),
        "public and private keys don't match",
    );
}

#[test]
fn keys_do_not_show() {
    let jwt = new(Algorithm::Hs256, None, Some(b"s3cret")).unwrap();
    assert_eq!(format!("{jwt:?}"), "Jwt { algorithm: Hs256, ttl: 300s, .. }");
}

proptest! {
    #[test]
    fn random_texts_are_nobodys_token(text in "[A-Za-z0-9_=.{}\" -]{0,120}") {
        let jwt = new(Algorithm::Hs256, None, Some(b"s3cret")).unwrap();
        prop_assert_eq!(jwt.verify(&text, NOW), None);
    }

    /// Whatever the claims are: signed by us, they are read or refused.
    #[test]
    fn random_claims_never_panic(claims in any::<Vec<u8>>(), header in "\\PC{0,40}") {
        let jwt = new(Algorithm::Hs256, None, Some(b"s3cret")).unwrap();
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = jwt.key.sign(signed.as_bytes(), &SystemRandom::new()).unwrap();
        let _read = jwt.verify(&format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)), NOW);
    }
}
