use super::*;

fn parse(text: &str) -> Result<TokenOptions, OptionsError> {
    TokenOptions::parse(text, |text| text.strip_suffix('s')?.parse().ok().map(Duration::from_secs))
}

#[test]
fn kinds_and_options_are_read() {
    assert_eq!(parse("simple"), Ok(TokenOptions::Simple));
    assert_eq!(parse("simple,a=b"), Ok(TokenOptions::Simple));
    let jwt = |public: Option<&str>, private: Option<&str>, ttl, unknown: &[&str]| {
        Ok(TokenOptions::Jwt(JwtOptions {
            algorithm: Algorithm::Rs256,
            public_key: public.map(str::to_owned),
            private_key: private.map(str::to_owned),
            ttl: Duration::from_secs(ttl),
            unknown: unknown.iter().map(|name| (*name).to_owned()).collect(),
        }))
    };
    assert_eq!(
        parse("jwt,pub-key=a.pem,priv-key=b.pem,sign-method=RS256,ttl=9s"),
        jwt(Some("a.pem"), Some("b.pem"), 9, &[])
    );
    assert_eq!(parse("jwt,sign-method=RS256,pub-key=,colour=red"), jwt(None, None, 300, &["colour"]));
}

#[test]
fn mistakes_are_named() {
    let check = |text: &str, expected: &str| assert_eq!(parse(text).unwrap_err().to_string(), expected);
    check("", "unknown token type \"\"; use 'simple', or 'jwt' with its options");
    check("JWT", "unknown token type \"JWT\"; use 'simple', or 'jwt' with its options");
    check("jwt,ttl", "\"ttl\" is not an option; write name=value");
    check("jwt,a=b=c", "\"a=b=c\" is not an option; write name=value");
    check("jwt,ttl=1s,ttl=2s", "option ttl is given twice");
    check("jwt,sign-method=RS256,ttl=soon", "ttl \"soon\" is not a duration such as 5m");
    check(
        "jwt,sign-method=ES512",
        "sign-method ES512 is not available: there is no P-521 here; use ES384, ES256 or EdDSA",
    );
    assert!(parse("jwt").unwrap_err().to_string().starts_with("sign-method \"\" is not known; use RS256"));
    assert!(
        parse("jwt,sign-method=none")
            .unwrap_err()
            .to_string()
            .starts_with("sign-method \"none\" is not known")
    );
}
