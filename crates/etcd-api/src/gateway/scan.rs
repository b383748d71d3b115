//! Finds where a JSON value ends, and whether it is one, while its bytes arrive.
//!
//! A machine over single bytes, so that a value that comes in many pieces is looked at once. The texts of mistakes
//! are those of Go's `encoding/json`: that is what etcd's gateway answers, and scripts show them to people.

use std::fmt::Write as _;

/// Objects and arrays inside each other.
const MAX_DEPTH: usize = 10_000;

/// What cannot be JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mistake(pub(super) String);

/// The scan of one value.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    state: State,
    /// For each open container whether it is an object.
    open: Vec<bool>,
    began: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Value,
    /// After `[`.
    ValueOrEnd,
    /// After `{`.
    KeyOrEnd,
    /// After `,` in an object.
    Key,
    /// After a key.
    Colon,
    /// After a value.
    Next,
    Text {
        is_key: bool,
    },
    Escape {
        is_key: bool,
    },
    Hex {
        is_key: bool,
        left: u8,
    },
    Minus,
    Zero,
    Digits,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    ExponentDigits,
    Word {
        word: &'static str,
        at: usize,
    },
}

/// What one byte does.
enum Step {
    On(State),
    /// The value is complete with this byte.
    Last,
    /// The value was complete before this byte.
    Past,
}

impl Scanner {
    /// Looks at more bytes; answers how many of them belong to the value once it is complete.
    ///
    /// # Errors
    /// Go's text for what cannot follow.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<Option<usize>, Mistake> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            // Most bytes are inside strings.
            if let State::Text { .. } = self.state {
                let plain = bytes[at..].iter().position(|b| *b == b'"' || *b == b'\\' || *b < 0x20);
                let Some(plain) = plain else { return Ok(None) };
                at += plain;
            }
            match self.step(bytes.get(at).copied().unwrap_or(byte))? {
                Step::On(state) => self.state = state,
                Step::Last => return Ok(Some(at + 1)),
                Step::Past => return Ok(Some(at)),
            }
            at += 1;
        }
        Ok(None)
    }

    /// Whether there was anything but white space.
    pub(super) const fn began(&self) -> bool {
        self.began
    }

    /// Whether the value is complete if nothing follows: only a number can be.
    pub(super) fn is_complete_number(&self) -> bool {
        self.open.is_empty()
            && matches!(self.state, State::Zero | State::Digits | State::Fraction | State::ExponentDigits)
    }

    fn step(&mut self, byte: u8) -> Result<Step, Mistake> {
        let is_space = matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        match self.state {
            State::Value | State::ValueOrEnd | State::KeyOrEnd | State::Key | State::Colon | State::Next
                if is_space =>
            {
                Ok(Step::On(self.state))
            }
            State::ValueOrEnd if byte == b']' => Ok(self.close()),
            State::KeyOrEnd if byte == b'}' => Ok(self.close()),
            State::Value | State::ValueOrEnd => self.value(byte),
            State::KeyOrEnd | State::Key if byte == b'"' => Ok(Step::On(State::Text { is_key: true })),
            State::KeyOrEnd | State::Key => {
                Err(unexpected(byte, "looking for beginning of object key string"))
            }
            State::Colon if byte == b':' => Ok(Step::On(State::Value)),
            State::Colon => Err(unexpected(byte, "after object key")),
            State::Next => self.next(byte),
            State::Text { is_key } => match byte {
                b'"' if is_key => Ok(Step::On(State::Colon)),
                b'"' => Ok(self.after()),
                b'\\' => Ok(Step::On(State::Escape { is_key })),
                0..0x20 => Err(unexpected(byte, "in string literal")),
                _ => Ok(Step::On(self.state)),
            },
            State::Escape { is_key } => match byte {
                b'b' | b'f' | b'n' | b'r' | b't' | b'\\' | b'/' | b'"' => {
                    Ok(Step::On(State::Text { is_key }))
                }
                b'u' => Ok(Step::On(State::Hex { is_key, left: 4 })),
                _ => Err(unexpected(byte, "in string escape code")),
            },
            State::Hex { is_key, left } if byte.is_ascii_hexdigit() => Ok(Step::On(if left == 1 {
                State::Text { is_key }
            } else {
                State::Hex { is_key, left: left - 1 }
            })),
            State::Hex { .. } => Err(unexpected(byte, "in \\u hexadecimal character escape")),
            State::Word { word, at } => self.word(word, at, byte),
            _ => self.number(byte),
        }
    }

    fn value(&mut self, byte: u8) -> Result<Step, Mistake> {
        self.began = true;
        let word = |word| Ok(Step::On(State::Word { word, at: 1 }));
        match byte {
            b'{' => self.descend(true, State::KeyOrEnd),
            b'[' => self.descend(false, State::ValueOrEnd),
            b'"' => Ok(Step::On(State::Text { is_key: false })),
            b'-' => Ok(Step::On(State::Minus)),
            b'0' => Ok(Step::On(State::Zero)),
            b'1'..=b'9' => Ok(Step::On(State::Digits)),
            b't' => word("true"),
            b'f' => word("false"),
            b'n' => word("null"),
            _ => Err(unexpected(byte, "looking for beginning of value")),
        }
    }

    fn descend(&mut self, is_object: bool, state: State) -> Result<Step, Mistake> {
        if self.open.len() >= MAX_DEPTH {
            return Err(Mistake("exceeded max depth".to_owned()));
        }
        self.open.push(is_object);
        Ok(Step::On(state))
    }

    fn close(&mut self) -> Step {
        self.open.pop();
        self.after()
    }

    fn after(&self) -> Step {
        if self.open.is_empty() { Step::Last } else { Step::On(State::Next) }
    }

    fn next(&mut self, byte: u8) -> Result<Step, Mistake> {
        match (self.open.last(), byte) {
            (Some(true), b',') => Ok(Step::On(State::Key)),
            (Some(true), b'}') | (Some(false), b']') => Ok(self.close()),
            (Some(false), b',') => Ok(Step::On(State::Value)),
            (Some(true), _) => Err(unexpected(byte, "after object key:value pair")),
            (Some(false), _) => Err(unexpected(byte, "after array element")),
            (None, _) => Ok(Step::Past),
        }
    }

    fn word(&self, word: &'static str, at: usize, byte: u8) -> Result<Step, Mistake> {
        let expected = word.as_bytes()[at];
        if byte != expected {
            return Err(unexpected(
                byte,
                &format!("in literal {word} (expecting '{}')", char::from(expected)),
            ));
        }
        Ok(if at + 1 == word.len() { self.after() } else { Step::On(State::Word { word, at: at + 1 }) })
    }

    /// Inside a number; it ends with the first byte that cannot be part of it.
    fn number(&mut self, byte: u8) -> Result<Step, Mistake> {
        let state = match (self.state, byte) {
            (State::Minus, b'0') => State::Zero,
            (State::Minus, b'1'..=b'9') | (State::Digits, b'0'..=b'9') => State::Digits,
            (State::Minus, _) => return Err(unexpected(byte, "in numeric literal")),
            (State::Zero | State::Digits, b'.') => State::Point,
            (State::Point | State::Fraction, b'0'..=b'9') => State::Fraction,
            (State::Point, _) => return Err(unexpected(byte, "after decimal point in numeric literal")),
            (State::Zero | State::Digits | State::Fraction, b'e' | b'E') => State::Exponent,
            (State::Exponent, b'+' | b'-') => State::ExponentSign,
            (State::Exponent | State::ExponentSign | State::ExponentDigits, b'0'..=b'9') => {
                State::ExponentDigits
            }
            (State::Exponent | State::ExponentSign, _) => {
                return Err(unexpected(byte, "in exponent of numeric literal"));
            }
            _ => {
                self.state = State::Next;
                if self.open.is_empty() {
                    return Ok(Step::Past);
                }
                let is_space = matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
                return if is_space { Ok(Step::On(State::Next)) } else { self.next(byte) };
            }
        };
        Ok(Step::On(state))
    }
}

/// Checks a text that must be one value and nothing else.
///
/// # Errors
/// Go's text for what is wrong.
pub(super) fn check(text: &[u8]) -> Result<(), Mistake> {
    let mut scanner = Scanner::default();
    let end = match scanner.feed(text)? {
        Some(end) => end,
        None if scanner.is_complete_number() => text.len(),
        None => return Err(Mistake("unexpected end of JSON input".to_owned())),
    };
    match text[end..].iter().find(|byte| !byte.is_ascii_whitespace()) {
        None => Ok(()),
        Some(byte) => Err(unexpected(*byte, "after top-level value")),
    }
}

/// As Go says it, the byte quoted as its character.
fn unexpected(byte: u8, place: &str) -> Mistake {
    let mut text = String::from("invalid character '");
    match byte {
        b'\'' => text.push_str("\\'"),
        b'\\' => text.push_str("\\\\"),
        b'\t' => text.push_str("\\t"),
        b'\n' => text.push_str("\\n"),
        b'\r' => text.push_str("\\r"),
        0x07 => text.push_str("\\a"),
        0x08 => text.push_str("\\b"),
        0x0b => text.push_str("\\v"),
        0x0c => text.push_str("\\f"),
        0..0x20 | 0x7f => drop(write!(text, "\\x{byte:02x}")),
        0x80..=0xa0 | 0xad => drop(write!(text, "\\u{:04x}", u32::from(byte))),
        _ => text.push(char::from(byte)),
    }
    text.push_str("' ");
    text.push_str(place);
    Mistake(text)
}

#[cfg(test)]
mod tests;
