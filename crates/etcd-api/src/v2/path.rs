//! Paths of URLs, as Go's `net/http` takes them.

use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, Method, StatusCode, Uri, header};

use super::form::{escape, unescape};

/// The path of `uri` below `prefix`, unescaped. A path that is not clean is answered with a redirection to the one
/// that is, as Go's `ServeMux` does.
pub(super) fn below(prefix: &str, method: &Method, uri: &Uri) -> Result<String, Box<Response>> {
    let Ok(path) = unescape(uri.path().as_bytes(), false) else {
        return Err(Box::new(crate::http::text(StatusCode::BAD_REQUEST, "400 Bad Request")));
    };
    let mut clean = etcd_v2store::clean(&path);
    if path.ends_with('/') && clean != "/" {
        clean.push('/');
    }
    if clean != path {
        return Err(Box::new(redirect(method, &clean, uri.query())));
    }
    Ok(path.strip_prefix(prefix).unwrap_or_default().to_owned())
}

fn redirect(method: &Method, path: &str, query: Option<&str>) -> Response {
    let mut location = escape(path);
    if let Some(query) = query {
        location.push('?');
        location += query;
    }
    let mut response = StatusCode::MOVED_PERMANENTLY.into_response();
    if *method == Method::GET {
        let link = format!("<a href=\"{}\">Moved Permanently</a>.\n\n", location.replace('&', "&amp;"));
        response = (StatusCode::MOVED_PERMANENTLY, link).into_response();
    }
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    if matches!(*method, Method::GET | Method::HEAD) {
        response.headers_mut().insert(header::CONTENT_TYPE, html);
    }
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(uri: &'static str) -> Result<String, String> {
        below("/v2/keys", &Method::GET, &Uri::from_static(uri)).map_err(|response| {
            let location = response.headers().get("location").map(|value| value.to_str().unwrap().to_owned());
            location.unwrap_or_else(|| response.status().to_string())
        })
    }

    #[test]
    fn clean_paths_pass_and_others_are_sent_to_them() {
        assert_eq!(of("http://h/v2/keys"), Ok(String::new()));
        assert_eq!(of("http://h/v2/keys/a%20b%2fc/"), Ok("/a b/c/".to_owned()));
        assert_eq!(of("http://h/v2/keys//a/./b?x=1&y=2"), Err("/v2/keys/a/b?x=1&y=2".to_owned()));
        assert_eq!(of("http://h/v2/keys/%2e%2e/%20a"), Err("/v2/%20a".to_owned()));
    }
}
