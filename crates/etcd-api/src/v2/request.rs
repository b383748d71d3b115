//! What a request on `/v2/keys` asks for.
//!
//! Source: etcd 3.4 `etcdserver/api/v2http/client.go` `parseKeyRequest`, its order of checks included.

use etcd_proto::etcdserverpb::Request;
use etcd_v2store::{Code, Error, WatchOptions, clean};
use http::Method;

use super::form::Form;

/// Where keys lie in the paths of requests in the log.
const KEYS: &str = "/1";

/// A request that was understood.
#[derive(Debug, PartialEq)]
pub(super) enum Asked {
    /// To read; with `quorum`, what the whole cluster has.
    Get { key: String, recursive: bool, quorum: bool },
    /// To wait.
    Wait { key: String, options: WatchOptions },
    /// To write; with `silent`, the answer leaves the nodes out.
    Write { request: Box<Request>, silent: bool },
}

/// # Errors
/// Those of the form; none of them comes from the store.
pub(super) fn parse(method: &Method, key: &str, form: &Form, now: i64) -> Result<Asked, Error> {
    let invalid = |name: &str| format!("invalid value for \"{name}\"");
    let flag = |name: &str| Ok::<_, Error>(form.flag(name, &invalid(name))?.unwrap_or(false));
    let prev_index = form.number("prevIndex", Code::IndexNaN)?;
    let since = form.number("waitIndex", Code::IndexNaN)?;
    let recursive = flag("recursive")?;
    let sorted = flag("sorted")?;
    let wait = flag("wait")?;
    let dir = flag("dir")?;
    let quorum = flag("quorum")?;
    let stream = flag("stream")?;
    if wait && *method != Method::GET {
        return Err(refused(Code::InvalidField, "\"wait\" can only be used with GET requests"));
    }
    let prev_value = form.text("prevValue");
    if form.get("prevValue") == Some("") {
        return Err(refused(Code::PrevValueRequired, "\"prevValue\" cannot be empty"));
    }
    let silent = flag("noValueOnSuccess")?;
    let has_ttl = !form.text("ttl").is_empty();
    let ttl = if has_ttl { Some(form.number("ttl", Code::TtlNaN)?) } else { None };
    let prev_exist = form.flag("prevExist", "invalid value for prevExist")?;
    let refresh = form.flag("refresh", "invalid value for refresh")?;
    if refresh == Some(true) {
        if !form.text("value").is_empty() {
            return Err(refused(Code::RefreshValue, "A value was provided on a refresh"));
        }
        if ttl.is_none() {
            return Err(refused(Code::RefreshTtlRequired, "No TTL value set"));
        }
    }
    let key = clean(key);
    if *method == Method::GET && wait {
        return Ok(Asked::Wait { key, options: WatchOptions { recursive, stream, since } });
    }
    if *method == Method::GET || *method == Method::HEAD {
        return Ok(Asked::Get { key, recursive, quorum: quorum && *method == Method::GET });
    }
    let request = Request {
        method: method.as_str().to_owned(),
        path: if key == "/" { KEYS.to_owned() } else { format!("{KEYS}{key}") },
        val: form.text("value").to_owned(),
        dir,
        prev_value: prev_value.to_owned(),
        prev_index,
        prev_exist,
        expiration: ttl.map_or(0, |seconds| expiration(now, seconds)),
        since,
        recursive,
        sorted,
        quorum,
        stream,
        refresh,
        ..Request::default()
    };
    Ok(Asked::Write { request: Box::new(request), silent })
}

/// A time to live beyond what fits ends at the last moment that does.
fn expiration(now: i64, seconds: u64) -> i64 {
    let nanos = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000_000);
    now.saturating_add(nanos)
}

fn refused(code: Code, cause: &str) -> Error {
    Error::of_request(code, cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(method: Method, query: &str) -> Result<Asked, Error> {
        parse(&method, "/foo/", &Form::parse(query, b"").unwrap(), 1_000)
    }

    #[test]
    fn reads_waits_and_writes_are_told_apart() {
        let key = || "/foo".to_owned();
        assert_eq!(
            ask(Method::GET, "recursive=true&quorum=1&sorted=t"),
            Ok(Asked::Get { key: key(), recursive: true, quorum: true })
        );
        assert_eq!(
            ask(Method::HEAD, "quorum=1"),
            Ok(Asked::Get { key: key(), recursive: false, quorum: false })
        );
        let options = WatchOptions { recursive: false, stream: true, since: 7 };
        assert_eq!(ask(Method::GET, "wait=1&waitIndex=7&stream=1"), Ok(Asked::Wait { key: key(), options }));
        let Ok(Asked::Write { request, silent }) =
            ask(Method::PUT, "value=a&ttl=5&prevExist=false&noValueOnSuccess=t")
        else {
            panic!("a write")
        };
        assert!(silent);
        assert_eq!((request.path.as_str(), request.val.as_str()), ("/1/foo", "a"));
        assert_eq!(
            (request.expiration, request.prev_exist, request.refresh),
            (5_000_001_000, Some(false), None)
        );
    }

    #[test]
    fn the_first_mistake_is_named() {
        for (method, query, code, cause) in [
            (Method::PUT, "prevIndex=x&waitIndex=y", Code::IndexNaN, "invalid value for \"prevIndex\""),
            (Method::GET, "waitIndex=y&recursive=maybe", Code::IndexNaN, "invalid value for \"waitIndex\""),
            (Method::GET, "recursive=maybe", Code::InvalidField, "invalid value for \"recursive\""),
            (Method::PUT, "wait=true", Code::InvalidField, "\"wait\" can only be used with GET requests"),
            (Method::PUT, "prevValue=", Code::PrevValueRequired, "\"prevValue\" cannot be empty"),
            (Method::PUT, "ttl=-1", Code::TtlNaN, "invalid value for \"ttl\""),
            (Method::PUT, "prevExist=", Code::InvalidField, "invalid value for prevExist"),
            (Method::PUT, "refresh=2", Code::InvalidField, "invalid value for refresh"),
            (Method::PUT, "refresh=1&value=x", Code::RefreshValue, "A value was provided on a refresh"),
            (Method::PUT, "refresh=1", Code::RefreshTtlRequired, "No TTL value set"),
        ] {
            assert_eq!(ask(method, query), Err(Error::of_request(code, cause)), "{query}");
        }
    }

    #[test]
    fn an_endless_time_to_live_ends_at_the_end_of_time() {
        let Ok(Asked::Write { request, .. }) = ask(Method::PUT, "ttl=18446744073709551615") else { panic!() };
        assert_eq!(request.expiration, i64::MAX);
    }
}
