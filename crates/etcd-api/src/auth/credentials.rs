//! What a request says about who makes it.

use std::fmt;
use std::sync::Arc;

use http::{Extensions, HeaderMap, HeaderName};

/// The subject's common name in the certificate that a client has shown, and that was verified.
///
/// Whoever terminates TLS puts it into the extensions of the connection's requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommonName(pub Arc<str>);

/// What a request says about who makes it: not proven yet.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    token: Option<Box<str>>,
    common_name: Option<CommonName>,
}

impl Credentials {
    /// The credentials of a gRPC call; none when it shows none.
    ///
    /// # Source
    /// etcd `server/auth/store.go` `AuthInfoFromCtx`: `token` counts before `authorization`, which may say `Bearer`.
    pub fn of(headers: &HeaderMap, extensions: &Extensions) -> Option<Self> {
        const TOKEN: HeaderName = HeaderName::from_static("token");
        let token = headers.get(TOKEN).or_else(|| headers.get(http::header::AUTHORIZATION));
        let common_name = extensions.get::<CommonName>();
        if token.is_none() && common_name.is_none() {
            return None;
        }
        let token = token.map(|token| {
            // What is no text is no token of anybody.
            let token = token.to_str().unwrap_or_default();
            token.strip_prefix("Bearer ").unwrap_or(token).into()
        });
        Some(Self { token, common_name: common_name.cloned() })
    }

    /// The token. While there is one, the common name does not count.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// The common name of the certificate.
    pub fn common_name(&self) -> Option<&Arc<str>> {
        self.common_name.as_ref().map(|name| &name.0)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("token", &self.token.as_ref().map(|_| "***"))
            .field("common_name", &self.common_name)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(headers: &[(&'static str, &str)], common_name: Option<&str>) -> Option<Credentials> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let mut extensions = Extensions::new();
        if let Some(name) = common_name {
            extensions.insert(CommonName(name.into()));
        }
        Credentials::of(&map, &extensions)
    }

    #[test]
    fn tokens_come_in_two_headers() {
        let check = |headers: &[(&'static str, &str)], expected: Option<&str>| {
            let found = of(headers, None);
            assert_eq!(found.as_ref().and_then(Credentials::token), expected, "{headers:?}");
        };
        check(&[], None);
        check(&[("token", "abc.7")], Some("abc.7"));
        check(&[("authorization", "abc.7")], Some("abc.7"));
        check(&[("authorization", "Bearer abc.7")], Some("abc.7"));
        check(&[("authorization", "first"), ("token", "second")], Some("second"));
        check(&[("token", "first"), ("token", "second")], Some("first"));
        check(&[("token", "caf\u{e9}")], Some(""));
    }

    #[test]
    fn a_certificate_is_kept_beside_a_token() {
        assert_eq!(of(&[], None), None);
        let both = of(&[("token", "abc.7")], Some("ann")).unwrap();
        assert_eq!(both.token(), Some("abc.7"));
        assert_eq!(both.common_name().map(AsRef::as_ref), Some("ann"));
        assert_eq!(of(&[], Some("ann")).unwrap().token(), None);
    }

    #[test]
    fn tokens_do_not_show() {
        let shown = format!("{:?}", of(&[("token", "abc.7")], Some("ann")));
        assert!(!shown.contains("abc") && shown.contains("ann"), "{shown}");
    }
}
