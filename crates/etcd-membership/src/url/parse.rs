//! Splitting and checking one URL the way Go's `net/url` does, as far as etcd's answers depend on it.

use super::{Scheme, UrlError};
use crate::Quoted;

/// Returns the text to keep: trimmed, scheme in lower case, without an empty fragment.
pub(super) fn url(input: &str) -> Result<String, UrlError> {
    let text = input.trim();
    let syntax = |reason: String| UrlError::Syntax { url: text.to_owned(), reason };
    if text.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
        return Err(syntax("net/url: invalid control character in URL".to_owned()));
    }
    let text_without_fragment = text.strip_suffix('#').unwrap_or(text);
    let (scheme, rest) = split_scheme(text_without_fragment).map_err(|reason| syntax(reason.to_owned()))?;
    let scheme = scheme.to_ascii_lowercase();
    if scheme.is_empty() && !rest.starts_with('/') {
        let first = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if first.contains(':') {
            return Err(syntax("first path segment in URL cannot contain colon".to_owned()));
        }
    }
    let (authority, after) = match rest.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len())),
        None => ("", rest),
    };
    let host = check_authority(authority).map_err(syntax)?;
    check_escapes(after).map_err(syntax)?;
    let Some(kind) = Scheme::from_text(&scheme) else { return Err(UrlError::Scheme(text.to_owned())) };
    if !kind.is_unix() {
        if !has_port(host) {
            return Err(UrlError::Address(text.to_owned()));
        }
        if !after.is_empty() && !after.starts_with(['?', '#']) {
            return Err(UrlError::Path(text.to_owned()));
        }
    }
    Ok(format!("{scheme}:{rest}"))
}

/// Splits `host:port` or `[host]:port`; the port is `None` when there is no colon for it.
pub(super) fn split_port(authority: &str) -> (&str, Option<&str>) {
    if let Some(inner) = authority.strip_prefix('[') {
        return match inner.rsplit_once(']') {
            Some((host, rest)) => (host, rest.strip_prefix(':')),
            None => (authority, None),
        };
    }
    match authority.rsplit_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    }
}

fn split_scheme(text: &str) -> Result<(&str, &str), &'static str> {
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if index > 0 => {}
            b':' if index == 0 => return Err("missing protocol scheme"),
            b':' => return Ok((&text[..index], &text[index + 1..])),
            _ => break,
        }
    }
    Ok(("", text))
}

/// Checks user, host and port; returns host and port.
fn check_authority(authority: &str) -> Result<&str, String> {
    let host = match authority.rsplit_once('@') {
        Some((user, host)) => {
            let allowed = |c: char| c.is_ascii_alphanumeric() || "-._:~!$&'()*+,;=%@".contains(c);
            if !user.chars().all(allowed) {
                return Err("net/url: invalid userinfo".to_owned());
            }
            check_escapes(user)?;
            host
        }
        None => authority,
    };
    let (name, port) = if host.starts_with('[') {
        let Some(end) = host.rfind(']') else { return Err("missing ']' in host".to_owned()) };
        (&host[..end], &host[end + 1..])
    } else {
        host.split_at(host.rfind(':').unwrap_or(host.len()))
    };
    if !valid_port(port) {
        return Err(format!("invalid port {} after host", Quoted(port)));
    }
    let zone_escape = name.starts_with('[').then(|| name.find("%25")).flatten();
    let checked = zone_escape.map_or(name, |start| &name[..start]);
    for (index, c) in checked.char_indices() {
        if c == '%' {
            let escape: String = checked[index..].chars().take(3).collect();
            return Err(format!("invalid URL escape {}", Quoted(&escape)));
        }
        if c.is_ascii() && !c.is_ascii_alphanumeric() && !"-_.~!$&'()*+,;=:[]<>\"".contains(c) {
            return Err(format!("invalid character {} in host name", Quoted(c.encode_utf8(&mut [0; 4]))));
        }
    }
    Ok(host)
}

/// Go leaves a port over 65535 to fail when it is bound; here it is refused at once.
fn valid_port(port: &str) -> bool {
    match port.strip_prefix(':') {
        None => port.is_empty(),
        Some("") => true,
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.parse::<u16>().is_ok(),
    }
}

/// The form `host:port` or `[host]:port` of Go's `net.SplitHostPort`.
fn has_port(host: &str) -> bool {
    match split_port(host) {
        (_, None) => false,
        (name, Some(_)) if host.starts_with('[') => !name.contains(['[', ']']),
        (name, Some(_)) => !name.contains([':', '[', ']']),
    }
}

fn check_escapes(text: &str) -> Result<(), String> {
    for (index, _) in text.match_indices('%') {
        let escape: String = text[index..].chars().take(3).collect();
        let digits = escape.bytes().skip(1).filter(u8::is_ascii_hexdigit).count();
        if digits != 2 {
            return Err(format!("invalid URL escape {}", Quoted(&escape)));
        }
    }
    Ok(())
}
