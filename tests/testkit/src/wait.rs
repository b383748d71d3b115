//! Waiting for a state, never for a time.

use std::thread;
use std::time::{Duration, Instant};

const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// The state did not come about before the deadline.
#[derive(Debug, thiserror::Error)]
#[error("waited {}s in vain for {what}: {last}", deadline.as_secs_f64())]
pub struct WaitError {
    /// The state that was waited for.
    pub what: String,
    /// How long.
    pub deadline: Duration,
    /// What the last look showed instead.
    pub last: String,
}

/// Looks again and again, at most 100 ms apart, until `look` gives a value.
///
/// `look` answers with `Err(what it saw instead)` for as long as the state is not there. It is called at least once,
/// and never again after `deadline`.
///
/// # Errors
/// What the last look saw, once `deadline` has passed.
pub fn wait_until<T>(
    what: &str,
    deadline: Duration,
    mut look: impl FnMut() -> Result<T, String>,
) -> Result<T, WaitError> {
    let begun = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        match look() {
            Ok(value) => return Ok(value),
            Err(last) if begun.elapsed() >= deadline => {
                return Err(WaitError { what: what.to_owned(), deadline, last });
            }
            Err(_) => thread::sleep(pause),
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_what_the_look_gives() {
        let mut looks = 0;
        let value = wait_until("three looks", Duration::from_secs(60), || {
            looks += 1;
            if looks == 3 { Ok(looks) } else { Err(format!("only {looks}")) }
        });
        assert_eq!(value.unwrap(), 3);
    }

    #[test]
    fn says_what_it_saw_last() {
        let error = wait_until::<()>("a miracle", Duration::ZERO, || Err("nothing".into())).unwrap_err();
        assert_eq!(error.to_string(), "waited 0s in vain for a miracle: nothing");
    }
}
