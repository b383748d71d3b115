//! The query and the form of a request, read as Go's `net/http` and `strconv` read them.

use bytes::Bytes;
use etcd_v2store::{Code, Error};

/// Names and values; those of the body come before those of the query.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// # Errors
    /// [`Code::InvalidForm`] with Go's words.
    pub(super) fn parse(query: &str, body: &[u8]) -> Result<Self, Error> {
        let mut fields = Vec::new();
        for text in [body, query.as_bytes()] {
            for pair in text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
                if pair.contains(&b';') {
                    return Err(invalid_form("invalid semicolon separator in query"));
                }
                let at = pair.iter().position(|byte| *byte == b'=');
                let (name, value) = at.map_or((pair, &[][..]), |at| (&pair[..at], &pair[at + 1..]));
                fields.push((unescape(name, true)?, unescape(value, true)?));
            }
        }
        Ok(Self(fields))
    }

    /// The first value, if the field is there.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// The value of a text field; empty when it is not there.
    pub(super) fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    /// A field that is true or false, if it is there.
    pub(super) fn flag(&self, name: &str, cause: &str) -> Result<Option<bool>, Error> {
        let Some(value) = self.get(name) else { return Ok(None) };
        match value {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(Some(true)),
            "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(Some(false)),
            _ => Err(Error::of_request(Code::InvalidField, cause)),
        }
    }

    /// A number; 0 when it is not there.
    pub(super) fn number(&self, name: &str, code: Code) -> Result<u64, Error> {
        let Some(value) = self.get(name) else { return Ok(0) };
        let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.then(|| value.parse().ok()).flatten();
        number.ok_or_else(|| Error::of_request(code, format!("invalid value for \"{name}\"")))
    }
}

/// Whether a body of this type is a form.
pub(super) fn is_form(content_type: Option<&http::HeaderValue>) -> bool {
    let text = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = text.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// Takes the escapes out; bytes that are no text become U+FFFD, as which they would be shown anyway.
pub(super) fn unescape(text: &[u8], plus_is_space: bool) -> Result<String, Error> {
    let mut plain = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        at += 1;
        match byte {
            b'%' => {
                let digits = text.get(at..at + 2).and_then(|digits| Some((hex(digits[0])?, hex(digits[1])?)));
                let Some((high, low)) = digits else {
                    let shown = &text[at - 1..text.len().min(at + 2)];
                    return Err(invalid_form(&format!(
                        "invalid URL escape {:?}",
                        String::from_utf8_lossy(shown)
                    )));
                };
                plain.push(high << 4 | low);
                at += 2;
            }
            b'+' if plus_is_space => plain.push(b' '),
            byte => plain.push(byte),
        }
    }
    Ok(String::from_utf8(plain)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// Escapes a path as Go writes it.
pub(super) fn escape(path: &str) -> String {
    let mut escaped = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped += &format!("%{byte:02X}");
        }
    }
    escaped
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn invalid_form(cause: &str) -> Error {
    Error::of_request(Code::InvalidForm, cause)
}

/// What a body that is no form, or none at all, counts for.
pub(super) const NO_BODY: Bytes = Bytes::new();

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(query: &str) -> String {
        Form::parse(query, b"").unwrap_err().cause
    }

    #[test]
    fn the_body_wins_and_escapes_are_taken_out() {
        let form = Form::parse("value=query&a=%2F+%e4%bd%a0&b", b"value=b%3Dc,d=e&&x=1").unwrap();
        assert_eq!(form.get("value"), Some("b=c,d=e"));
        assert_eq!(form.get("a"), Some("/ \u{4f60}"));
        assert_eq!((form.get("b"), form.get("c")), (Some(""), None));
        assert_eq!(Form::parse("a=%ff", b"").unwrap().get("a"), Some("\u{fffd}"));
    }

    #[test]
    fn malformed_forms_are_refused_in_gos_words() {
        assert_eq!(cause("a=%zz1"), "invalid URL escape \"%zz\"");
        assert_eq!(cause("a=%4"), "invalid URL escape \"%4\"");
        assert_eq!(cause("a=1;b=2"), "invalid semicolon separator in query");
    }

    #[test]
    fn numbers_and_flags_are_strict() {
        let form = Form::parse("n=12&m=-1&o=1_0&p=&q=99999999999999999999&t=T&u=yes", b"").unwrap();
        assert_eq!(form.number("n", Code::IndexNaN), Ok(12));
        assert_eq!(form.number("none", Code::IndexNaN), Ok(0));
        for name in ["m", "o", "p", "q"] {
            let error = form.number(name, Code::IndexNaN).unwrap_err();
            assert_eq!(error.cause, format!("invalid value for \"{name}\""));
        }
        assert_eq!(form.flag("t", ""), Ok(Some(true)));
        assert_eq!(form.flag("none", ""), Ok(None));
        assert_eq!(
            form.flag("u", "cause").unwrap_err().to_json(),
            r#"{"errorCode":209,"message":"Invalid field","cause":"cause","index":0}"#
        );
    }

    #[test]
    fn only_forms_are_read() {
        let of = |text: &'static str| is_form(Some(&http::HeaderValue::from_static(text)));
        assert!(
            of("application/x-www-form-urlencoded") && of("Application/X-WWW-form-urlencoded; charset=x")
        );
        assert!(!of("application/json") && !of("") && !is_form(None));
    }
}
