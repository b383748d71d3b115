//! A line that says how far things are: live on a terminal, plain otherwise.

use std::io::{IsTerminal as _, Write as _};
use std::time::Instant;

const SPINNER: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/// Shows one changing text. On a terminal it is redrawn in place; elsewhere each new text is a line.
#[derive(Debug)]
pub(super) struct Progress {
    live: bool,
    begun: Instant,
    shown: String,
    frame: usize,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self { live: std::io::stderr().is_terminal(), begun: Instant::now(), shown: String::new(), frame: 0 }
    }

    pub(super) fn show(&mut self, text: &str) {
        if self.live {
            self.frame += 1;
            let spinner = SPINNER[self.frame % SPINNER.len()];
            eprint!("\r\x1b[2K{spinner} {text}  {:.1}s", self.begun.elapsed().as_secs_f64());
            // A terminal that is gone is no reason to stop.
            let _flushed = std::io::stderr().flush();
        } else if self.shown != text {
            eprintln!("{text}");
        }
        text.clone_into(&mut self.shown);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.live {
            eprint!("\r\x1b[2K");
        }
    }
}
