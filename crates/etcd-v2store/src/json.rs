//! JSON as Go's encoder writes it, so that answers are equal to the byte.

use std::fmt::Write as _;

const SECOND: i64 = 1_000_000_000;

/// Appends a quoted string; `<`, `>` and `&` are escaped too, as Go does.
pub(crate) fn string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\x1f' => {
                let _infallible = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Appends a quoted time: RFC 3339 in UTC, with as many digits of the second as there are.
pub(crate) fn time(out: &mut String, nanos: i64) {
    let (seconds, fraction) = (nanos.div_euclid(SECOND), nanos.rem_euclid(SECOND));
    let (year, month, day) = date(seconds.div_euclid(86_400));
    let second = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let _infallible = write!(out, "\"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    if fraction != 0 {
        let digits = format!("{fraction:09}");
        let _infallible = write!(out, ".{}", digits.trim_end_matches('0'));
    }
    out.push_str("Z\"");
}

/// The civil date of a day counted from 1970 (Howard Hinnant's algorithm over 400-year eras).
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Whole seconds until `expires`, rounded up; 0 once it has passed.
pub(crate) fn ttl(expires: i64, now: i64) -> i64 {
    let left = expires.saturating_sub(now).max(0);
    left / SECOND + i64::from(left % SECOND > 0)
}
