//! What a member would do at its first start: `static NAME INITIAL_CLUSTER ADVERTISED_URLS [TOKEN]`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "printing is what this program is for")]

use std::process::ExitCode;

use etcd_bootstrap::{Offline, Options, SystemResolver, resolve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument =
        |index: usize, default: &str| arguments.get(index).cloned().unwrap_or_else(|| default.to_owned());
    let advertised = match argument(2, "http://localhost:2380").parse() {
        Ok(urls) => urls,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let cluster = argument(1, "default=http://localhost:2380");
    let mut options = Options::new(&argument(0, "default"), &cluster, advertised);
    options.token = argument(3, "etcd-cluster");
    match resolve(&options, &Offline, &SystemResolver).await {
        Ok(cluster) => {
            println!("cluster {}", cluster.cluster_id);
            for member in cluster.members {
                let mark = if member.id == cluster.local_id { " (this one)" } else { "" };
                println!("{:>16} {} {}{mark}", member.id, member.name, member.peer_urls.join(","));
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{}\n  {}\n  hint: {}", error.guide_line(), error.etcd_text(), error.hint());
            ExitCode::FAILURE
        }
    }
}
