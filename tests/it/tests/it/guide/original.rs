//! The Clustering Guide of etcd 3.4, from its first command to its DNS section, word for word: flags, names, addresses,
//! URLs, order, and what it says that comes of it.
//!
//! `/path/to/` is where each host's certificates lie. The authority of `myetcd.local` and `discovery.etcd.io` is one
//! that the hosts' systems trust.

use etcd_it::{DEADLINE, foreign, is_go_3_4};
use etcd_testkit::{Authority, Leaf, wait_until};

use super::ground::Ground;
use super::machines::{Machines, Running};

const HOSTS: [&str; 3] = ["infra0", "infra1", "infra2"];

/// The command of one host up to its advertised client URLs, with `http` or `https`.
fn begin(n: usize, scheme: &str) -> String {
    format!(
        "etcd --name infra{n} --initial-advertise-peer-urls {scheme}://10.0.1.1{n}:2380 \\
  --listen-peer-urls {scheme}://10.0.1.1{n}:2380 \\
  --listen-client-urls {scheme}://10.0.1.1{n}:2379,{scheme}://127.0.0.1:2379 \\
  --advertise-client-urls {scheme}://10.0.1.1{n}:2379"
    )
}

fn initial(scheme: &str) -> String {
    format!(
        " \\
  --initial-cluster-token etcd-cluster-1 \\
  --initial-cluster infra0={scheme}://10.0.1.10:2380,infra1={scheme}://10.0.1.11:2380,infra2={scheme}://10.0.1.12:2380 \\
  --initial-cluster-state new"
    )
}

const TOKEN_URL: &str = "https://myetcd.local/v2/keys/discovery/6c007a14875d53d9bf0ef5a6fc0257c817f0fb83";
const PUBLIC_URL: &str = "https://discovery.etcd.io/3e86b59982e49066c5d813af1c2e2579cbf573de";

struct Guide {
    machines: Machines,
}

#[test]
fn the_guide_of_etcd_3_4_word_for_word() {
    if is_go_3_4() {
        eprintln!("NOT TESTED: the guide word for word: 3.4 does not do what its guide says");
        return;
    }
    if foreign("curl").is_none() {
        return;
    }
    let mut guide = Guide { machines: Machines::new(Ground::best()) };
    guide.certificates();
    guide.statically();
    guide.with_certificates();
    guide.with_automatic_certificates();
    guide.error_cases();
    guide.custom_discovery_service();
    guide.public_discovery_service();
    guide.dns();
}

impl Guide {
    /// For the discovery services; the systems trust the authority.
    fn certificates(&mut self) {
        let directory = self.machines.scratch.join("system");
        std::fs::create_dir(&directory).unwrap();
        let authority = Authority::open_or_create(&directory, "ca", 30).unwrap();
        let hosts = ["myetcd.local", "discovery.etcd.io", "127.0.1.5", "127.0.1.6"].map(str::to_owned);
        authority.issue(&directory, "services", &Leaf { hosts: &hosts, ..Leaf::default() }).unwrap();
        let trusted = authority.cert().display().to_string();
        for name in ["SSL_CERT_FILE", "CURL_CA_BUNDLE"] {
            self.machines.variables.push((name.to_owned(), trusted.clone()));
        }
    }

    fn service_flags(&self) -> String {
        let directory = self.machines.scratch.join("system");
        format!("--cert-file={0}/services.crt --key-file={0}/services.key", directory.display())
    }

    fn start_all(&mut self, command: impl Fn(usize) -> String) -> Vec<Running> {
        (0..3).map(|n| self.machines.start(HOSTS[n], &command(n))).collect()
    }

    /// All three are healthy; `curl` takes these options.
    fn assert_healthy(&self, scheme: &str, options: &str) {
        for (n, host) in HOSTS.into_iter().enumerate() {
            let script = format!("curl -s {options} {scheme}://10.0.1.1{n}:2379/health");
            let healthy = wait_until(&format!("{host} to be healthy"), DEADLINE, || {
                let said = self.machines.run(host, &script);
                if said.contains(r#""health":"true""#) { Ok(()) } else { Err(said) }
            });
            healthy.unwrap_or_else(|error| panic!("{error}"));
            let script = format!("curl -s {options} {scheme}://10.0.1.1{n}:2379/v2/members");
            let named = wait_until("three members with names", DEADLINE, || {
                let said = self.machines.run(host, &script);
                let is_there = |name| said.contains(&format!(r#""name":"{name}""#));
                if HOSTS.into_iter().all(is_there) { Ok(()) } else { Err(said) }
            });
            named.unwrap_or_else(|error| panic!("{error}"));
        }
    }

    fn end(&self, running: Vec<Running>) {
        drop(running);
        self.machines.empty();
    }

    /// The guide's line comes first, and `exit 1`.
    fn assert_refused(&mut self, host: &str, command: &str, line: &str, end: &str) {
        let mut running = self.machines.start(host, command);
        let code = running.exit_code();
        let log = running.log();
        let first = log.lines().find(|line| line.starts_with("etcd: ")).unwrap_or_default();
        let line = self.machines.ground.here(host, line);
        assert!(first.starts_with(&line) && first.ends_with(end), "{first} is not {line}\n{log}");
        assert_eq!(code, Some(1), "{command}");
    }

    /// Section "Static".
    fn statically(&mut self) {
        // The variables of the guide, and its flags.
        let variables = "ETCD_INITIAL_CLUSTER=\"infra0=http://10.0.1.10:2380,infra1=http://10.0.1.11:2380,infra2=http://10.0.1.12:2380\" \\
ETCD_INITIAL_CLUSTER_STATE=new \\
";
        let servers = self.start_all(|n| match n {
            0 => format!("{variables}{} --initial-cluster-token etcd-cluster-1", begin(0, "http")),
            n => begin(n, "http") + &initial("http"),
        });
        self.assert_healthy("http", "");
        // The third error case needs the cluster.
        let stranger = "etcd --name infra3 --initial-advertise-peer-urls http://10.0.1.13:2380 \\
  --listen-peer-urls http://10.0.1.13:2380 \\
  --listen-client-urls http://10.0.1.13:2379,http://127.0.0.1:2379 \\
  --advertise-client-urls http://10.0.1.13:2379 \\
  --initial-cluster infra0=http://10.0.1.10:2380,infra1=http://10.0.1.11:2380,infra3=http://10.0.1.13:2380 \\
  --initial-cluster-state=new";
        let line = "etcd: conflicting cluster ID to the target cluster (";
        self.assert_refused("infra3", stranger, line, "). Exiting.");
        self.assert_healthy("http", "");
        self.end(servers);
    }

    /// "Self-signed certificates".
    fn with_certificates(&mut self) {
        let files = self.machines.scratch.join("files");
        std::fs::create_dir(&files).unwrap();
        let [clients, peers] =
            ["ca-client", "ca-peer"].map(|name| Authority::open_or_create(&files, name, 30).unwrap());
        for (n, host) in HOSTS.into_iter().enumerate() {
            // On loopback all hosts connect from 127.0.0.1.
            let hosts = [format!("10.0.1.1{n}"), format!("127.0.1.1{n}"), "127.0.0.1".to_owned()];
            let leaf = Leaf { hosts: &hosts, ..Leaf::default() };
            clients.issue(&files, &format!("infra{n}-client"), &leaf).unwrap();
            peers.issue(&files, &format!("infra{n}-peer"), &leaf).unwrap();
            // The guide names this one without a directory.
            let own = self.machines.directory(host).join("ca-peer.crt");
            std::fs::copy(files.join("ca-peer.crt"), own).unwrap();
        }
        clients.issue(&files, "user", &Leaf::default()).unwrap();
        let path = files.display().to_string();
        let command = |n: usize| {
            let flags = format!(
                " \\
  --client-cert-auth --trusted-ca-file=/path/to/ca-client.crt \\
  --cert-file=/path/to/infra{n}-client.crt --key-file=/path/to/infra{n}-client.key \\
  --peer-client-cert-auth --peer-trusted-ca-file=ca-peer.crt \\
  --peer-cert-file=/path/to/infra{n}-peer.crt --peer-key-file=/path/to/infra{n}-peer.key"
            );
            begin(n, "https") + &initial("https") + &flags.replace("/path/to", &path)
        };
        let servers = self.start_all(command);
        let options = format!("--cacert {path}/ca-client.crt --cert {path}/user.crt --key {path}/user.key");
        self.assert_healthy("https", &options);
        self.end(servers);
    }

    /// "Automatic certificates".
    fn with_automatic_certificates(&mut self) {
        let servers = self.start_all(|n| {
            begin(n, "https")
                + &initial("https")
                + " \\
  --auto-tls \\
  --peer-auto-tls"
        });
        self.assert_healthy("https", "--insecure");
        self.end(servers);
    }

    /// "Error cases": the first two; see [`Guide::statically`] for the third.
    fn error_cases(&mut self) {
        let command = "etcd --name infra1 --initial-advertise-peer-urls http://10.0.1.11:2380 \\
  --listen-peer-urls https://10.0.1.11:2380 \\
  --listen-client-urls http://10.0.1.11:2379,http://127.0.0.1:2379 \\
  --advertise-client-urls http://10.0.1.11:2379 \\
  --initial-cluster infra0=http://10.0.1.10:2380 \\
  --initial-cluster-state new";
        self.assert_refused(
            "infra1",
            command,
            "etcd: infra1 not listed in the initial cluster config",
            "config",
        );
        let command = "etcd --name infra0 --initial-advertise-peer-urls http://127.0.0.1:2380 \\
  --listen-peer-urls http://10.0.1.10:2380 \\
  --listen-client-urls http://10.0.1.10:2379,http://127.0.0.1:2379 \\
  --advertise-client-urls http://10.0.1.10:2379 \\
  --initial-cluster infra0=http://10.0.1.10:2380,infra1=http://10.0.1.11:2380,infra2=http://10.0.1.12:2380 \\
  --initial-cluster-state=new";
        let line = "etcd: error setting up initial cluster: infra0 has different advertised URLs in the cluster and \
                    advertised peer URLs list";
        self.assert_refused("infra0", command, line, "advertised peer URLs list");
        self.end(Vec::new());
    }

    /// "Custom etcd discovery service": `https://myetcd.local` is a member of this server.
    fn custom_discovery_service(&mut self) {
        let flags = self.service_flags();
        let service = self.machines.start(
            "myetcd",
            &format!(
                "etcd --name myetcd --listen-client-urls https://10.0.1.5:443 \
                 --advertise-client-urls https://10.0.1.5:443 {flags}"
            ),
        );
        let said =
            self.machines.run("infra0", &format!("curl -s -X PUT {TOKEN_URL}/_config/size -d value=3"));
        assert!(said.contains(r#""action":"set""#) && said.contains(r#""value":"3""#), "{said}");
        let command = |n| begin(n, "http") + &format!(" \\\n  --discovery {TOKEN_URL}");
        let servers = self.start_all(command);
        self.assert_healthy("http", "");
        drop(service);
        self.end(servers);
    }

    /// "Public etcd discovery service": `https://discovery.etcd.io` is this project's. Its errors and warnings.
    fn public_discovery_service(&mut self) {
        let flags = self.service_flags();
        let service = self.machines.start(
            "discovery",
            &format!(
                "etcd-discovery-service --listen 10.0.1.6:443 --base-url https://discovery.etcd.io {flags}"
            ),
        );
        let url = self.machines.run("infra0", "curl -s https://discovery.etcd.io/new?size=3");
        let token = url.strip_prefix("https://discovery.etcd.io/").unwrap_or_else(|| panic!("{url}"));
        assert!(token.len() == 32 && token.bytes().all(|byte| byte.is_ascii_hexdigit()), "{url}");
        // No size means three.
        let three = self.machines.run("infra0", "curl -s https://discovery.etcd.io/new");
        let size = self.machines.run("infra0", &format!("curl -s {three}/_config/size"));
        assert!(size.contains(r#""value":"3""#), "{size}");

        let line = format!(
            "etcd: error: the cluster doesn't have a size configuration value in {PUBLIC_URL}/_config"
        );
        let unknown = begin(0, "http") + &format!(" \\\n  --discovery {PUBLIC_URL}");
        self.assert_refused("infra0", &unknown, &line, "/_config");

        let command = |n| match n {
            2 => format!("ETCD_DISCOVERY={url} {}", begin(2, "http")),
            n => begin(n, "http") + &format!(" \\\n  --discovery {url}"),
        };
        let mut servers = self.start_all(command);
        self.assert_healthy("http", "");
        // The warning: the host has its log already. The service is not needed for it.
        drop(service);
        servers.remove(0).stop();
        let again = self.machines.start("infra0", &command(0));
        again.wait_for_output(
            "discovery token ignored since a cluster has already been initialized. Valid log found at",
        );
        servers.insert(0, again);
        self.assert_healthy("http", "");
        self.end(servers);
    }

    /// The section that the translations break off at.
    fn dns(&mut self) {
        let servers = self.start_all(|n| {
            format!(
                "etcd --name infra{n} \\
--discovery-srv example.com \\
--initial-advertise-peer-urls http://infra{n}.example.com:2380 \\
--initial-cluster-token etcd-cluster-1 \\
--initial-cluster-state new \\
--advertise-client-urls http://infra{n}.example.com:2379 \\
--listen-client-urls http://0.0.0.0:2379 \\
--listen-peer-urls http://0.0.0.0:2380"
            )
        });
        self.assert_healthy("http", "");
        self.end(servers);
    }
}
