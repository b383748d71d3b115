//! `cargo xtask certs`: an authority and certificates for TLS between real hosts, named as the clustering guide names
//! them.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use etcd_testkit::{Authority, CertFiles, Certificates, Leaf};

use crate::paths;

/// Certificates for a cluster of real hosts: `cargo xtask certs infra0=10.0.1.10,infra0.example.com infra1=10.0.1.11`
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Members: name=host,host,… with every host name and address by which others reach the member
    #[arg(required = true, value_name = "NAME=HOST,…", value_parser = member)]
    members: Vec<Member>,
    /// Where to write; an authority that is there already is used again
    #[arg(long, default_value = "certs", value_name = "DIRECTORY")]
    out: PathBuf,
    /// How long the certificates are valid
    #[arg(long, default_value_t = 365, value_name = "DAYS", value_parser = clap::value_parser!(i64).range(1..=36_500))]
    days: i64,
    /// Common names of clients that get a certificate
    #[arg(long, default_value = "root", value_delimiter = ',', value_name = "NAME,…")]
    clients: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Member {
    name: String,
    hosts: Vec<String>,
}

fn member(text: &str) -> Result<Member, String> {
    let (name, hosts) = text.split_once('=').ok_or("want NAME=HOST,HOST,…")?;
    let hosts: Vec<String> = hosts.split(',').map(|host| host.trim().to_owned()).collect();
    if name.is_empty() || name.contains('/') || hosts.iter().any(String::is_empty) {
        return Err("want NAME=HOST,HOST,…".to_owned());
    }
    Ok(Member { name: name.to_owned(), hosts })
}

pub(crate) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    make(&options.out, &options.members, &options.clients, options.days)?;
    let out = paths::short(&options.out);
    println!("wrote certificates for {} days to {out}\n", options.days);
    for member in &options.members {
        let name = &member.name;
        println!(
            "{name}: copy ca-client.crt, ca-peer.crt, {name}-client.*, {name}-peer.* there, and start etcd with
  --client-cert-auth --trusted-ca-file={out}/ca-client.crt \\
  --cert-file={out}/{name}-client.crt --key-file={out}/{name}-client.key \\
  --peer-client-cert-auth --peer-trusted-ca-file={out}/ca-peer.crt \\
  --peer-cert-file={out}/{name}-peer.crt --peer-key-file={out}/{name}-peer.key\n"
        );
    }
    for client in &options.clients {
        println!(
            "clients: etcdctl --cacert={out}/ca-client.crt --cert={out}/{client}.crt --key={out}/{client}.key …"
        );
    }
    println!(
        "\nKeep ca-client.key and ca-peer.key away from the members: whoever has them can make certificates."
    );
    Ok(ExitCode::SUCCESS)
}

/// Certificates for members on this machine, where they are missing.
pub(crate) fn for_local_members<'a>(
    directory: &Path,
    names: impl Iterator<Item = &'a str>,
) -> anyhow::Result<()> {
    let hosts = || ["127.0.0.1", "localhost"].map(str::to_owned).to_vec();
    let missing = names.filter(|name| !of_member(directory, name).peer.key.exists());
    let members: Vec<_> = missing.map(|name| Member { name: name.to_owned(), hosts: hosts() }).collect();
    if members.is_empty() {
        return Ok(());
    }
    make(directory, &members, &["root".to_owned()], 365)
}

/// The files of one member; the user is `root`.
pub(crate) fn of_member(directory: &Path, name: &str) -> Certificates {
    let files = |stem: String| CertFiles {
        cert: directory.join(format!("{stem}.crt")),
        key: directory.join(format!("{stem}.key")),
    };
    Certificates {
        client_ca: directory.join("ca-client.crt"),
        peer_ca: directory.join("ca-peer.crt"),
        client: files(format!("{name}-client")),
        peer: files(format!("{name}-peer")),
        user: files("root".to_owned()),
    }
}

fn make(directory: &Path, members: &[Member], clients: &[String], days: i64) -> anyhow::Result<()> {
    for client in clients {
        let taken = client.is_empty() || client.contains('/') || client.starts_with("ca-");
        if taken || members.iter().any(|member| client.starts_with(&format!("{}-", member.name))) {
            bail!("a client cannot be called {client:?}: its files would be those of somebody else");
        }
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .with_context(|| format!("cannot make {}", directory.display()))?;
    // The authorities outlive what they sign.
    let client_ca = Authority::open_or_create(directory, "ca-client", days + 3650)?;
    let peer_ca = Authority::open_or_create(directory, "ca-peer", days + 3650)?;
    for Member { name, hosts } in members {
        let leaf = Leaf { common_name: name, hosts, to_days: days, ..Leaf::default() };
        client_ca.issue(directory, &format!("{name}-client"), &leaf)?;
        peer_ca.issue(directory, &format!("{name}-peer"), &leaf)?;
    }
    for client in clients {
        let leaf = Leaf { common_name: client, to_days: days, ..Leaf::default() };
        client_ca.issue(directory, client, &leaf)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_names_with_hosts() {
        let hosts = vec!["10.0.1.10".to_owned(), "a.example.com".to_owned()];
        let want = Member { name: "infra0".to_owned(), hosts };
        assert_eq!(member("infra0=10.0.1.10, a.example.com"), Ok(want));
        for bad in ["infra0", "=10.0.1.10", "infra0=", "infra0=a,,b", "../x=a"] {
            assert!(member(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_second_run_keeps_the_authorities() {
        let directory = tempfile::tempdir().unwrap();
        for_local_members(directory.path(), ["infra0"].into_iter()).unwrap();
        let read = |name: &str| std::fs::read(directory.path().join(name)).unwrap();
        let before = (read("ca-peer.crt"), read("infra0-peer.crt"));
        for_local_members(directory.path(), ["infra0", "infra1"].into_iter()).unwrap();
        assert_eq!((read("ca-peer.crt"), read("infra0-peer.crt")), before);
        let files = of_member(directory.path(), "infra1");
        for path in [files.client_ca, files.peer_ca, files.client.key, files.peer.cert, files.user.key] {
            assert!(path.exists(), "{}", path.display());
        }
        let members = [member("infra0=a").unwrap()];
        for taken in ["infra0-client", "ca-peer", "a/b", ""] {
            assert!(make(directory.path(), &members, &[taken.to_owned()], 1).is_err(), "{taken:?}");
        }
    }
}
