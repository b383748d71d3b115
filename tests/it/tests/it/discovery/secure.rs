//! A discovery service behind TLS: v2 over https, v3 over gRPC with a user.

use etcd_it::{Ctl, Server, is_go_3_4};
use etcd_testkit::{CertFiles, Certificates, Leaf};

use super::Hosts;
use crate::lone::Lone;
use crate::tls::material::{Curl, Material, certificates, secure_member, start, text};

const PASSWORD: &str = "s3cret-of-the-finder";

/// A member of ours that wants to see certificates.
struct SecureService {
    lone: Lone,
    material: Material,
    files: Certificates,
    _server: Server,
}

impl SecureService {
    /// `None` where the server under test has no flags for it.
    fn start() -> Option<Self> {
        if is_go_3_4() {
            eprintln!("NOT TESTED: discovery over TLS: 3.4 has no flags for certificates");
            return None;
        }
        let (lone, material) = secure_member();
        let files = certificates(&lone.spec).clone();
        let server = start(&lone, &[]);
        Some(Self { lone, material, files, _server: server })
    }

    /// `--discovery-cacert`, and the certificate to show.
    fn flags(&self, shown: &CertFiles) -> [String; 3] {
        [
            format!("--discovery-cacert={}", text(&self.files.client_ca)),
            format!("--discovery-cert={}", text(&shown.cert)),
            format!("--discovery-key={}", text(&shown.key)),
        ]
    }
}

fn words(flags: &[String]) -> Vec<&str> {
    flags.iter().map(String::as_str).collect()
}

#[test]
fn an_https_url_with_certificates_on_both_sides() {
    let Some(service) = SecureService::start() else { return };
    let Some(curl) = Curl::trusting(&service.files.client_ca) else { return };
    let curl = curl.showing(&service.files.user);
    let sized = |token: &str, size: &str| {
        let url = format!("{}/v2/keys/discovery/{token}", service.lone.spec.client_url());
        let value = format!("value={size}");
        let key = format!("{url}/_config/size");
        let said = curl.get(&key, &["-X", "PUT", "-d", &value]).unwrap();
        assert!(said.starts_with("{\"action\":\"set\""), "{said}");
        format!("--discovery={url}")
    };
    let discovery = sized("three", "3");
    let flags = service.flags(&service.files.user);
    let flags = [&[discovery.as_str()][..], &words(&flags)].concat();
    let hosts = Hosts::new(3);
    let _servers = hosts.start_all(&flags);
    hosts.assert_one_cluster();
    let late = Hosts::new(1);
    late.assert_refused(0, &flags, "etcd: discovery cluster is full", &[]);

    // Who does not trust the service, or is not trusted by it, goes on asking, and says why. (In TLS 1.3 the service may
    // hang up before its reason is read.)
    let discovery = sized("one", "1");
    let shows = service.flags(&service.files.user);
    for (flags, reason) in
        [(&shows[1..], "invalid peer certificate"), (&shows[..1], "failed to get from discovery server")]
    {
        let mut server = late.start(0, &[&[discovery.as_str()][..], &words(flags)].concat());
        server.wait_for_output("cluster status check: error connecting to https://127.0.0.1:");
        server.wait_for_output("retrying in 2s");
        assert!(server.output().contains(reason), "{reason}: {}", server.output());
        assert!(server.is_running());
    }
    let careless =
        [&[discovery.as_str(), "--discovery-insecure-skip-tls-verify"][..], &words(&shows[1..])].concat();
    let mut server = late.start(0, &careless);
    late.wait_for_health(0, &mut server);
}

#[test]
fn v3_with_certificates_and_a_user() {
    let Some(service) = SecureService::start() else { return };
    let url = service.lone.spec.client_url();
    let Some(ctl) = Ctl::new(&[&url]) else { return };
    let nobody = service.material.client("nobody", &Leaf { common_name: "nobody", ..Leaf::default() });
    let (ca, cert, key) = (text(&service.files.client_ca), text(&nobody.cert), text(&nobody.key));
    let run = |command: &str| {
        let command: Vec<&str> = command.split(' ').collect();
        let said = ctl.ok(&[&["--cacert", &ca, "--cert", &cert, "--key", &key], &command[..]].concat());
        assert!(!said.contains("Error"), "{said}");
    };
    for command in [
        "put /_etcd/registry/t3/_config/size 3",
        "put /_etcd/registry/others/_config/size 1",
        "user add root:r00t",
        "user grant-role root root",
        &format!("user add finder:{PASSWORD}"),
        "role add finding",
        "role grant-permission finding --prefix=true readwrite /_etcd/registry/t3/",
        "user grant-role finder finding",
        "auth enable",
    ] {
        run(command);
    }

    // The certificate is of nobody: it is the user who may.
    let endpoint = format!("--discovery-endpoints={}", url.trim_start_matches("https://"));
    let tls = service.flags(&nobody);
    let flags = |more: &[&str]| {
        let fixed = [&[endpoint.as_str()][..], &words(&tls), more].concat();
        fixed.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let late = Hosts::new(1);
    for (more, reason) in [
        (&["--discovery-token=t3"][..], "permission denied"),
        (
            &["--discovery-token=t3", "--discovery-user=finder", "--discovery-password=wrong"],
            "authentication failed, invalid user ID or password",
        ),
        (
            &["--discovery-token=others", "--discovery-user=finder", "--discovery-password", PASSWORD],
            "permission denied",
        ),
    ] {
        let line = "etcd: failed to join discovery cluster (etcdserver: ";
        let ended = late.assert_refused(
            0,
            &words(&flags(more)),
            line,
            &[reason, "check --discovery-user and --discovery-password"],
        );
        assert!(!ended.stderr.contains(PASSWORD) && !ended.stderr.contains("wrong"), "{}", ended.stderr);
    }

    let hosts = Hosts::new(3);
    let user = format!("--discovery-user=finder:{PASSWORD}");
    let apart = ["--discovery-token=t3", "--discovery-user=finder", "--discovery-password", PASSWORD];
    let together = ["--discovery-token=t3", &user];
    let mut servers = [
        hosts.start(0, &words(&flags(&apart))),
        hosts.start(1, &words(&flags(&apart))),
        hosts.start(2, &words(&flags(&together))),
    ];
    for (index, server) in servers.iter_mut().enumerate() {
        hosts.wait_for_health(index, server);
        assert!(!server.output().contains(PASSWORD), "{}", server.output());
    }
    hosts.assert_one_cluster();
}
