//! v2 discovery: the guide's private discovery service, its errors and its warning.

use std::process::Command;

use etcd_it::{Server, foreign, is_go_3_4};
use etcd_testkit::{Signal, reserve_ports};

use super::Hosts;
use super::service::Service;

/// As the guide has it, word for word but for the address.
const TOKEN: &str = "6c007a14875d53d9bf0ef5a6fc0257c817f0fb83";

#[test]
fn through_etcd_3_4() {
    let Some(service) = Service::foreign() else { return };
    let url = service.sized(TOKEN, "3");
    three_members_and_one_too_many(service, &url);
}

/// The guide's own command makes the token.
#[test]
fn through_our_own_server() {
    let service = Service::ours();
    let url = service.token(TOKEN);
    let Some(curl) = foreign("curl") else { return };
    let script = format!("{} -s -X PUT {url}/_config/size -d value=3", curl.display());
    let said = Command::new("sh").args(["-c", &script]).output().unwrap();
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let key = format!("\"key\":\"/discovery/{TOKEN}/_config/size\",\"value\":\"3\"");
    assert!(said.starts_with("{\"action\":\"set\",\"node\":{") && said.contains(&key), "{said}");
    three_members_and_one_too_many(service, &url);
}

/// Four come, for a token of three.
fn three_members_and_one_too_many(service: Service, url: &str) {
    let discovery = format!("--discovery={url}");
    let hosts = Hosts::new(3);
    let mut first = hosts.start(0, &[&discovery]);
    first.wait_for_output(if is_go_3_4() {
        "waiting for 2 more"
    } else {
        "1 of 3 members registered, waiting for 2 more"
    });
    let mut servers = vec![first, hosts.start(1, &[&discovery]), hosts.start(2, &[&discovery])];
    for (index, server) in servers.iter_mut().enumerate() {
        hosts.wait_for_health(index, server);
    }
    hosts.assert_one_cluster();
    if is_go_3_4() {
        eprintln!("NOT TESTED: our own words about a full cluster: 3.4 becomes a proxy");
        return;
    }
    let late = Hosts::new(1);
    let says = ["failed to join discovery cluster (discovery: cluster is full)", "etcdctl member add"];
    late.assert_refused(0, &[&discovery], "etcd: discovery cluster is full", &says);
    late.assert_refused(
        0,
        &[&discovery, "--discovery-fallback=exit"],
        "etcd: discovery cluster is full",
        &says,
    );
    late.assert_refused(
        0,
        &[&discovery, "--discovery-fallback=proxy"],
        "etcd: v2 proxy is deprecated, and --discovery-fallback can't be configured as \"proxy\"",
        &[],
    );

    // A member that has a log does not need the service, and says so.
    drop(service);
    let server = servers.remove(0);
    server.signal(Signal::TERM);
    let ended = server.wait();
    assert_ne!(ended.signal, Some(9), "{ended:?}");
    let mut again = hosts.start(0, &[&discovery]);
    let wal = hosts.specs[0].data_dir.join("member/wal");
    again.wait_for_output(&format!(
        "discovery token ignored since a cluster has already been initialized. Valid log found at {}",
        wal.display()
    ));
    hosts.wait_for_health(0, &mut again);

    drop(servers);
}

#[test]
fn tokens_that_lead_nowhere() {
    if is_go_3_4() {
        eprintln!("NOT TESTED: our own words about tokens");
        return;
    }
    tokens_of_nobody(&Service::ours());
    if let Some(service) = Service::foreign() {
        tokens_of_nobody(&service);
    }
}

fn tokens_of_nobody(service: &Service) {
    let hosts = Hosts::new(1);
    let url = service.token("nosuch");
    hosts.assert_refused(
        0,
        &["--discovery", &url],
        &format!("etcd: error: the cluster doesn't have a size configuration value in {url}/_config"),
        &[
            "failed to join discovery cluster (100: Key not found (",
            &format!("curl -X PUT {url}/_config/size -d value=3"),
        ],
    );
    for (token, size) in [("word", "abc"), ("negative", "-1"), ("zero", "0")] {
        let url = service.sized(token, size);
        let line = "etcd: failed to join discovery cluster (discovery: size key is bad";
        hosts.assert_refused(0, &["--discovery", &url], line, &[]);
    }
    // Texts, where JSON is expected.
    for path in ["version", "metrics", "nothing"] {
        let url = format!("{}/{path}", service.url());
        let line = "etcd: failed to join discovery cluster (discovery: bad discovery endpoint";
        hosts.assert_refused(0, &["--discovery", &url], line, &["hint: check --discovery"]);
    }
    hosts.assert_refused(
        0,
        &["--discovery", "ftp://127.0.0.1/token"],
        "etcd: failed to join discovery cluster (discovery: invalid URL",
        &["the scheme must be http or https"],
    );
    hosts.assert_refused(
        0,
        &["--discovery", &service.token("x"), "--discovery-proxy=http://user:hunter2@[::1"],
        "etcd: failed to join discovery cluster (invalid proxy address",
        &["--discovery-proxy"],
    );
    hosts.assert_refused(
        0,
        &["--discovery", &service.token("x"), "--initial-cluster-state=existing"],
        "etcd: discovery URL should not be set when joining existing initial cluster",
        &[],
    );
    let own = format!("infra0={}", hosts.specs[0].peer_url());
    hosts.assert_refused(
        0,
        &["--discovery", &service.token("x"), "--initial-cluster", &own],
        "etcd: multiple discovery or bootstrap flags are set",
        &["set are --initial-cluster and --discovery"],
    );
}

#[test]
fn members_that_are_known_already() {
    if is_go_3_4() {
        eprintln!("NOT TESTED: our own words about duplicates");
        return;
    }
    known_already(&Service::ours());
    if let Some(service) = Service::foreign() {
        known_already(&service);
    }
}

fn known_already(service: &Service) {
    let hosts = Hosts::new(2);
    let url = service.sized("ids", "2");
    // It registers, and stops before it has a log.
    let mut first = hosts.start(0, &["--discovery", &url]);
    first.wait_for_output("1 of 2 members registered, waiting for 1 more");
    first.signal(Signal::KILL);
    assert_eq!(first.wait().signal, Some(9));
    hosts.assert_refused(
        0,
        &["--discovery", &url],
        &format!("etcd: member \"infra0\" has previously registered with discovery service token ({url})"),
        &["discovery: found duplicate id", "--data-dir", "use a new token"],
    );

    // Two of one name: both learn it once both have registered.
    let url = service.sized("names", "2");
    let discovery = format!("--discovery={url}");
    let mut second = hosts.arguments(1, &[&discovery]);
    second[1] = "infra0".to_owned();
    let servers = [hosts.start(0, &[&discovery]), Server::start(&hosts.scratch, second)];
    for server in servers {
        let ended = server.wait();
        assert_eq!(ended.code, Some(1), "{ended:?}");
        let line =
            format!("etcd: member with duplicated name has registered with discovery service token({url})");
        assert_eq!(ended.human_lines().first(), Some(&line.as_str()), "{}", ended.stderr);
    }

    // Two that advertise one address have one id.
    let url = service.sized("addresses", "2");
    let mut first = hosts.start(0, &["--discovery", &url]);
    first.wait_for_output("1 of 2 members registered, waiting for 1 more");
    let same = format!("--initial-advertise-peer-urls={}", hosts.specs[0].peer_url());
    hosts.assert_refused(
        1,
        &["--discovery", &url, &same],
        &format!("etcd: member \"infra1\" has previously registered with discovery service token ({url})"),
        &["discovery: found duplicate id"],
    );
    // One of two URLs in common is found out only when all are there.
    let shared = format!("{},{}", hosts.specs[0].peer_url(), hosts.specs[1].peer_url());
    let both = format!("--initial-advertise-peer-urls={shared}");
    let second = hosts.start(1, &["--discovery", &url, &both]);
    for server in [first, second] {
        let ended = server.wait();
        assert_eq!(ended.code, Some(1), "{ended:?}");
        let line = ended.human_lines().first().copied().unwrap_or_default().to_owned();
        assert!(line.starts_with("etcd: discovery cluster infra0="), "{}", ended.stderr);
        assert!(line.ends_with(" has duplicate url"), "{}", ended.stderr);
    }
}

#[test]
fn a_service_that_is_not_there_yet() {
    let hosts = Hosts::new(1);
    let port = reserve_ports(1).unwrap();
    let address = format!("127.0.0.1:{}", port[0].get());
    let mut server = hosts.start(0, &["--discovery", &format!("http://{address}/v2/keys/discovery/t")]);
    server.wait_for_output(&format!(
        "cluster status check: error connecting to http://{address}, retrying in 2s"
    ));
    assert!(server.is_running());
}
