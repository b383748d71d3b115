//! One live line on a terminal; nothing elsewhere.

use std::io::{IsTerminal as _, Write as _};
use std::time::Instant;

const BAR: u64 = 20;

/// Shows how far a phase is.
#[derive(Debug)]
pub(crate) struct Progress {
    live: bool,
    begun: Instant,
    label: String,
}

impl Progress {
    pub(crate) fn new(label: &str) -> Self {
        Self { live: std::io::stderr().is_terminal(), begun: Instant::now(), label: label.to_owned() }
    }

    /// Redraws the line: `fraction` (0 to 1) of the phase is over, and `done` requests were answered.
    pub(crate) fn show(&self, fraction: f64, done: u64) {
        if self.live {
            let line = line(&self.label, fraction, done, self.begun.elapsed().as_secs_f64());
            eprint!("\r\x1b[2K{line}");
            // A terminal that is gone is no reason to stop.
            let _flushed = std::io::stderr().flush();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.live {
            eprint!("\r\x1b[2K");
        }
    }
}

fn line(label: &str, fraction: f64, done: u64, seconds: f64) -> String {
    let full = (fraction.clamp(0.0, 1.0) * BAR as f64) as u64;
    let bar: String = (0..BAR).map(|cell| if cell < full { '█' } else { '░' }).collect();
    let rate = if seconds > 0.0 { done as f64 / seconds } else { 0.0 };
    format!("{label} {bar} {:3.0} %  {rate:.0} requests/s  {seconds:.0} s", fraction.clamp(0.0, 1.0) * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_at_the_start_in_the_middle_and_beyond() {
        assert_eq!(line("A", 0.0, 0, 0.0), "A ░░░░░░░░░░░░░░░░░░░░   0 %  0 requests/s  0 s");
        assert_eq!(line("A", 0.5, 500, 2.0), "A ██████████░░░░░░░░░░  50 %  250 requests/s  2 s");
        assert!(line("A", 1.5, 1, 1.0).contains("100 %"));
    }
}
