//! The end of a log file.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

const WINDOW: u64 = 64 * 1024;

/// The last `count` lines of the file at `path`, looking at its last 64 KiB only; empty when it cannot be read.
#[must_use]
pub fn last_lines(path: &Path, count: usize) -> Vec<String> {
    let text = read_end(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].iter().map(|line| (*line).to_owned()).collect()
}

fn read_end(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(WINDOW)))?;
    let mut end = Vec::new();
    file.take(WINDOW).read_to_end(&mut end)?;
    Ok(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shorter_and_longer_files() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        assert_eq!(last_lines(&path, 3), Vec::<String>::new(), "no file");
        std::fs::write(&path, "one\ntwo\n").unwrap();
        assert_eq!(last_lines(&path, 3), ["one", "two"]);
        assert_eq!(last_lines(&path, 1), ["two"]);
        std::fs::write(&path, "x\n".repeat(100_000) + "last").unwrap();
        assert_eq!(last_lines(&path, 2), ["x", "last"]);
    }
}
