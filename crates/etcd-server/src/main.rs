//! The `etcd` binary: command line, logs, one member, signals, exit code.
#![expect(clippy::print_stderr, reason = "a command-line program")]

use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;

use etcd_config::help::Versions;
use etcd_config::{Config, Failure, Invocation, LogFormat, LogLevel, Notice, help};
use etcd_server::logging::{self, Format, LogError, Output, Rotation};
use etcd_server::{API_VERSION, Ended, Member, cores, default_host};
use tokio::signal::unix::{SignalKind, signal};
use tracing::level_filters::LevelFilter;
use tracing::{error, info, warn};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Cores for one thread of the runtime that carries peers and timed tasks; clients have threads of their own.
/// Peers are few and their traffic is batched, so that more threads only wake each other up.
const CORES_A_THREAD: usize = 4;
const MAX_THREADS: usize = 4;

const VERSIONS: Versions<'_> = Versions {
    etcd: API_VERSION,
    own: env!("CARGO_PKG_VERSION"),
    commit: env!("ETCD_COMMIT"),
    compiler: env!("ETCD_COMPILER"),
    platform: PLATFORM,
};

/// As Go names the place.
const PLATFORM: &str = if cfg!(target_arch = "aarch64") { "linux/arm64" } else { "linux/amd64" };

fn main() -> ExitCode {
    match etcd_config::parse(std::env::args_os().skip(1), std::env::vars_os()) {
        Ok(Invocation::PrintHelp(text)) => print(&text),
        Ok(Invocation::PrintVersion) => print(&help::version(VERSIONS)),
        Ok(Invocation::Run(config, notices)) => run(*config, &notices),
        Err(failure) => refuse(&failure),
    }
}

/// A reader that has seen enough, such as `head`, is no error.
fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    }
}

fn refuse(failure: &Failure) -> ExitCode {
    for mistake in &failure.mistakes {
        eprintln!("etcd: {mistake}");
    }
    if failure.usage {
        eprintln!("{}", help::USAGE);
    }
    ExitCode::from(failure.exit_code)
}

fn run(mut config: Config, notices: &[Notice]) -> ExitCode {
    let logging = outputs(&config)
        .and_then(|outputs| logging::init(level(config.log_level), format(config.log_format), &outputs));
    if let Err(failure) = logging {
        eprintln!("etcd: {failure}");
        return ExitCode::FAILURE;
    }
    for notice in notices {
        if notice.is_warning() {
            warn!("{notice}");
        } else {
            info!("{notice}");
        }
    }
    let host = default_host();
    if let Some(host) = config.update_default_cluster_from_name(host.as_deref()) {
        info!(host, "detected default host for advertise");
    }
    let threads = cores().div_ceil(CORES_A_THREAD).min(MAX_THREADS);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(failure) => {
            eprintln!("etcd: cannot start the runtime: {failure}");
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(serve(&config))
}

async fn serve(config: &Config) -> ExitCode {
    info!(
        version = API_VERSION,
        own_version = env!("CARGO_PKG_VERSION"),
        name = config.name,
        "starting an etcd member"
    );
    let member = match Member::start(config).await {
        Ok(member) => member,
        Err(failure) => {
            error!(error = %failure, "failed to start etcd");
            for line in failure.lines() {
                eprintln!("{line}");
            }
            return ExitCode::FAILURE;
        }
    };
    match member.run(shutdown_signal()).await {
        Ended::Stopped => ExitCode::SUCCESS,
        Ended::Removed => {
            warn!("the member has been permanently removed from the cluster");
            eprintln!("etcd: the member has been permanently removed from the cluster");
            ExitCode::SUCCESS
        }
        Ended::Failed(reason) => {
            error!(error = reason, "etcd stops");
            eprintln!("etcd: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// Ready when the process is asked to stop.
async fn shutdown_signal() {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        error!("cannot listen for signals; only SIGKILL will stop this process");
        return std::future::pending().await;
    };
    let name = tokio::select! {
        _ = terminate.recv() => "terminated",
        _ = interrupt.recv() => "interrupt",
    };
    info!(signal = name, "received signal; shutting down");
}

const fn level(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error | LogLevel::Panic | LogLevel::Fatal => LevelFilter::ERROR,
    }
}

const fn format(format: LogFormat) -> Format {
    match format {
        LogFormat::Json => Format::Json,
        LogFormat::Console => Format::Console,
    }
}

fn outputs(config: &Config) -> Result<Vec<Output>, LogError> {
    let rotation =
        config.enable_log_rotation.then(|| Rotation::parse(&config.log_rotation_config_json)).transpose()?;
    let outputs = config.log_outputs.iter().map(|output| match (output.as_str(), &rotation) {
        ("default" | "stderr", _) => Output::Stderr,
        ("stdout", _) => Output::Stdout,
        (path, None) => Output::File(path.into()),
        (path, Some(rotation)) => Output::Rotated(path.into(), rotation.clone()),
    });
    Ok(outputs.collect())
}
