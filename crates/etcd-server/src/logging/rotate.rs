//! A log file that is set aside when it is full: `--enable-log-rotation`.
//!
//! Names and rules are those of lumberjack, which Go's etcd uses: `etcd.log` becomes
//! `etcd-2026-01-31T23-59-59.999.log` (in UTC) and, when asked for, `….log.gz`; the oldest go first.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use flate2::Compression;
use flate2::write::GzEncoder;
use parking_lot::Mutex;
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::{LogError, open_file};

/// What is between the name and its extension.
const STAMP: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]-[minute]-[second].[subsecond digits:3]");
/// How long that is.
const STAMP_LENGTH: usize = "2026-01-31T23-59-59.999".len();

/// When a log file is set aside, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// Size at which a file is set aside, in bytes.
    pub max_bytes: u64,
    /// Files older than this are removed.
    pub max_age: Option<Duration>,
    /// So many files are kept beside the one in use.
    pub max_backups: Option<usize>,
    /// Whether files that are set aside are compressed.
    pub compress: bool,
}

/// `--log-rotation-config-json` as it is written: megabytes, days, files; 0 is no limit, or 100 megabytes.
#[derive(Deserialize)]
#[serde(default)]
struct Written {
    maxsize: u64,
    maxage: u64,
    maxbackups: usize,
    localtime: bool,
    compress: bool,
}

impl Default for Written {
    fn default() -> Self {
        Self { maxsize: 100, maxage: 0, maxbackups: 0, localtime: false, compress: false }
    }
}

impl Rotation {
    /// Reads the value of `--log-rotation-config-json`.
    ///
    /// # Errors
    /// [`LogError::Rotation`] for what is no such JSON, and for `localtime`: the times in the names are UTC.
    pub fn parse(json: &str) -> Result<Self, LogError> {
        let mistake = |text: String| LogError::Rotation { text };
        let written: Written = serde_json::from_str(json).map_err(|error| {
            mistake(if error.is_syntax() || error.is_eof() {
                format!("improperly formatted log rotation config: {error}")
            } else {
                format!("invalid log rotation config: {error}")
            })
        })?;
        if written.localtime {
            return Err(mistake("localtime is not available: rotated files are named in UTC".to_owned()));
        }
        let megabytes = if written.maxsize == 0 { 100 } else { written.maxsize };
        Ok(Self {
            max_bytes: megabytes.saturating_mul(1 << 20),
            max_age: (written.maxage > 0)
                .then(|| Duration::from_secs(written.maxage.saturating_mul(24 * 60 * 60))),
            max_backups: (written.maxbackups > 0).then_some(written.maxbackups),
            compress: written.compress,
        })
    }
}

/// A file that is followed by a new one when it is full.
pub(super) struct RotatingFile {
    path: PathBuf,
    file: File,
    size: u64,
    rotation: Rotation,
}

impl RotatingFile {
    pub(super) fn open(path: &Path, rotation: Rotation) -> Result<Self, LogError> {
        let file = open_file(path)?;
        let size = file.metadata().map_or(0, |metadata| metadata.len());
        Ok(Self { path: path.to_owned(), file, size, rotation })
    }

    /// Sets the file aside. When that fails, it goes on growing: no line is lost for it.
    fn rotate(&mut self) -> io::Result<()> {
        let stamp = OffsetDateTime::now_utc().format(STAMP).map_err(io::Error::other)?;
        let (stem, extension) = parts(&self.path);
        let aside = self.path.with_file_name(format!("{stem}-{stamp}{extension}"));
        if aside.exists() {
            // Twice within a millisecond.
            return Ok(());
        }
        fs::rename(&self.path, &aside)?;
        self.file = open_file(&self.path).map_err(io::Error::other)?;
        self.size = 0;
        let (path, rotation) = (self.path.clone(), self.rotation.clone());
        // Compressing takes long, and nobody who logs should wait for it.
        std::thread::Builder::new().name("log-rotation".to_owned()).spawn(move || tidy(&path, &rotation))?;
        Ok(())
    }
}

impl Write for RotatingFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let is_full = self.size > 0 && self.size + line.len() as u64 > self.rotation.max_bytes;
        if is_full && let Err(error) = self.rotate() {
            // Not through the log: this is the log.
            let _lost = writeln!(io::stderr(), "etcd: cannot rotate {}: {error}", self.path.display());
        }
        let written = self.file.write(line)?;
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Removes what is too old or too much, and compresses what is left.
fn tidy(path: &Path, rotation: &Rotation) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock();
    for (newer, aside) in set_aside(path).into_iter().enumerate() {
        let age = fs::metadata(&aside).and_then(|metadata| metadata.modified());
        let age = age.ok().and_then(|modified| SystemTime::now().duration_since(modified).ok());
        let is_old = rotation.max_age.zip(age).is_some_and(|(limit, age)| age > limit);
        let outcome = if is_old || rotation.max_backups.is_some_and(|most| newer >= most) {
            fs::remove_file(&aside)
        } else if rotation.compress && aside.extension().is_none_or(|extension| extension != "gz") {
            compress(&aside)
        } else {
            Ok(())
        };
        if let Err(error) = outcome
            && error.kind() != io::ErrorKind::NotFound
        {
            let _lost = writeln!(io::stderr(), "etcd: cannot tidy up {}: {error}", aside.display());
        }
    }
}

/// The files that were set aside, the newest first.
fn set_aside(path: &Path) -> Vec<PathBuf> {
    let (stem, extension) = parts(path);
    let directory =
        path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let is_aside = |name: &str| {
        let stamp = name.strip_prefix(&format!("{stem}-"));
        let rest = stamp.and_then(|rest| rest.get(STAMP_LENGTH..));
        rest.is_some_and(|rest| rest == extension || rest.strip_suffix(".gz") == Some(&extension))
    };
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| is_aside(name))
        .collect();
    names.sort();
    names.into_iter().rev().map(|name| directory.join(name)).collect()
}

/// Writes `….gz` beside the file, then removes the file.
fn compress(path: &Path) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".gz");
    let packed = PathBuf::from(name);
    let half = packed.with_extension("gz.tmp");
    let file = fs::OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&half)?;
    let mut encoder = GzEncoder::new(file, Compression::default());
    io::copy(&mut File::open(path)?, &mut encoder)?;
    encoder.finish()?;
    fs::rename(&half, &packed)?;
    fs::remove_file(path)
}

/// Name and extension, the latter with its dot: both as lumberjack cuts them.
fn parts(path: &Path) -> (String, String) {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    match name.rfind('.') {
        Some(dot) => (name[..dot].to_owned(), name[dot..].to_owned()),
        None => (name, String::new()),
    }
}

#[cfg(test)]
mod tests;
