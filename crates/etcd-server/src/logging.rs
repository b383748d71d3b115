//! Structured logs: level, format and outputs, as the `--log-*` flags choose them.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

mod console;
mod event;
mod json;
mod rotate;

use rotate::RotatingFile;
pub use rotate::Rotation;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line, with etcd's keys: `level`, `ts`, `caller`, `msg`, then the event's fields.
    Json,
    /// Tab-separated time, level, place, message and fields, for people.
    Console,
}

/// Where log lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Standard error.
    Stderr,
    /// Standard output.
    Stdout,
    /// Appended to this file, which is created with mode 0600.
    File(PathBuf),
    /// The same, with a new file when it is full.
    Rotated(PathBuf, Rotation),
}

/// A log file cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The operating system refused.
    #[error("--log-outputs: cannot open log file {path}")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The configuration of the rotation is wrong.
    #[error("--log-rotation-config-json: {text}")]
    Rotation {
        /// Why.
        text: String,
    },
    /// Some other subscriber is installed in this process.
    #[error("logging is already set up in this process")]
    AlreadySet,
}

/// Installs the process-wide subscriber.
///
/// # Errors
/// [`LogError`] when an output cannot be opened or a subscriber is there already.
pub fn init(level: LevelFilter, format: Format, outputs: &[Output]) -> Result<(), LogError> {
    let writer = Tee::open(outputs)?;
    let builder = tracing_subscriber::fmt().with_max_level(level).with_writer(writer);
    let installed = match format {
        Format::Json => tracing::subscriber::set_global_default(builder.event_format(json::Json).finish()),
        Format::Console => {
            tracing::subscriber::set_global_default(builder.event_format(console::Console).finish())
        }
    };
    installed.map_err(|_| LogError::AlreadySet)
}

/// Writes every line to all outputs.
#[derive(Clone)]
struct Tee(Arc<[Mutex<Box<dyn Write + Send>>]>);

impl Tee {
    fn open(outputs: &[Output]) -> Result<Self, LogError> {
        outputs
            .iter()
            .map(|output| {
                Ok(Mutex::new(match output {
                    Output::Stderr => Box::new(io::stderr()) as Box<dyn Write + Send>,
                    Output::Stdout => Box::new(io::stdout()),
                    Output::File(path) => Box::new(open_file(path)?),
                    Output::Rotated(path, rotation) => Box::new(RotatingFile::open(path, rotation.clone())?),
                }))
            })
            .collect::<Result<Vec<_>, LogError>>()
            .map(|writers| Self(writers.into()))
    }
}

fn open_file(path: &Path) -> Result<std::fs::File, LogError> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map_err(|source| LogError::Open { path: path.to_owned(), source })
}

impl<'a> MakeWriter<'a> for Tee {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Write for Tee {
    /// A line is lost on an output that fails: logging must not stop the server.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        for writer in self.0.iter() {
            let _lost = writer.lock().write_all(line);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        for writer in self.0.iter() {
            let _lost = writer.lock().flush();
        }
        Ok(())
    }
}
