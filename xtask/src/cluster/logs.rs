//! `cluster logs`.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use etcd_testkit::last_lines;

use super::names;
use super::state::Directory;

const PAUSE: Duration = Duration::from_millis(200);

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Show new lines as they come, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// How many of each member's last lines to show (of the last 64 KiB)
    #[arg(short = 'n', long, default_value_t = 20)]
    lines: usize,
    /// Names of members, `leader`, or `all` [default: all]
    #[arg(value_name = "MEMBER")]
    members: Vec<String>,
}

/// One log that is followed.
struct Followed {
    prefix: String,
    path: PathBuf,
    position: u64,
    /// The start of a line that has no end yet.
    rest: Vec<u8>,
}

pub(super) fn run(directory: &Directory, options: &Options) -> anyhow::Result<ExitCode> {
    let state = directory.load_existing()?;
    let all = [String::from("all")];
    let words = if options.members.is_empty() { &all[..] } else { &options.members };
    let indexes = names::resolve(directory, &state, words)?;
    let mut followed = Vec::new();
    for index in &indexes {
        let member = &state.members[*index];
        let prefix = if indexes.len() > 1 { format!("{} | ", member.name) } else { String::new() };
        let path = directory.log(member);
        let position = path.metadata().map_or(0, |metadata| metadata.len());
        for line in last_lines(&path, options.lines) {
            if !print_line(&prefix, line.as_bytes())? {
                return Ok(ExitCode::SUCCESS);
            }
        }
        followed.push(Followed { prefix, path, position, rest: Vec::new() });
    }
    if !options.follow {
        return Ok(ExitCode::SUCCESS);
    }
    loop {
        std::thread::sleep(PAUSE);
        for log in &mut followed {
            for line in log.new_lines()? {
                if !print_line(&log.prefix, &line)? {
                    return Ok(ExitCode::SUCCESS);
                }
            }
        }
    }
}

impl Followed {
    /// The lines that were finished since the last time; none while there is no file.
    fn new_lines(&mut self) -> std::io::Result<Vec<Vec<u8>>> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        if file.metadata()?.len() < self.position {
            // A new cluster began a new file.
            self.position = 0;
            self.rest.clear();
        }
        file.seek(SeekFrom::Start(self.position))?;
        self.position += file.take(1 << 20).read_to_end(&mut self.rest)? as u64;
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else { return Ok(Vec::new()) };
        let finished: Vec<u8> = self.rest.drain(..=end).collect();
        Ok(finished[..end].split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect())
    }
}

/// Prints one line; `false` once nobody reads any more.
fn print_line(prefix: &str, line: &[u8]) -> std::io::Result<bool> {
    let mut out = std::io::stdout().lock();
    let text = String::from_utf8_lossy(line);
    match writeln!(out, "{prefix}{text}") {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn only_whole_lines_come_out_and_each_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let mut log = Followed { prefix: String::new(), path: path.clone(), position: 0, rest: Vec::new() };
        let none: [&[u8]; 0] = [];
        assert_eq!(log.new_lines().unwrap(), none, "no file yet");
        fs::write(&path, "one\ntwo\nthr").unwrap();
        assert_eq!(log.new_lines().unwrap(), [b"one", b"two"]);
        fs::write(&path, "one\ntwo\nthree\n").unwrap();
        assert_eq!(log.new_lines().unwrap(), [b"three"]);
        assert_eq!(log.new_lines().unwrap(), none);
        fs::write(&path, "new\n").unwrap();
        assert_eq!(log.new_lines().unwrap(), [b"new"], "a shorter file is a new one");
    }
}
