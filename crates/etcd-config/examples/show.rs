//! Shows what a command line and environment mean: `show --name infra0 --election-timeout 2000`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "printing is what this program is for")]

use std::process::ExitCode;

use etcd_config::help::{USAGE, Versions, version};
use etcd_config::{Invocation, parse};

fn main() -> ExitCode {
    match parse(std::env::args_os().skip(1), std::env::vars_os()) {
        Ok(Invocation::Run(mut config, notices)) => {
            config.update_default_cluster_from_name(None);
            notices.iter().for_each(|notice| println!("# {notice}"));
            println!("{config:#?}");
        }
        Ok(Invocation::PrintHelp(text)) => print!("{text}"),
        Ok(_) => {
            let own = env!("CARGO_PKG_VERSION");
            let versions = Versions { etcd: "3.7.0", own, commit: "-", compiler: "-", platform: "-" };
            print!("{}", version(versions));
        }
        Err(failure) => {
            eprintln!("etcd: {failure}");
            if failure.usage {
                eprintln!("{USAGE}");
            }
            return ExitCode::from(failure.exit_code);
        }
    }
    ExitCode::SUCCESS
}
