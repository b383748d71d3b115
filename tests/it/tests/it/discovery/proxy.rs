//! Members that reach the discovery service through an HTTP proxy only.

use std::io::{Read as _, Write as _, copy};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use etcd_it::{Server, is_go_3_4};

use super::Hosts;
use super::service::Service;

/// A name that only the proxy knows.
const NAME: &str = "discovery.invalid";

/// An HTTP proxy that knows [`NAME`]; keeps the heads of the requests that it was asked for.
struct Proxy {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Runs as long as the test's process.
    fn start(service: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let known = Arc::clone(&heads);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (service, heads) = (service.clone(), Arc::clone(&known));
                thread::spawn(move || pass(client, &service, &heads));
            }
        });
        Self { address, heads }
    }
}

/// One request, and whatever comes of it.
fn pass(mut client: TcpStream, service: &str, heads: &Mutex<Vec<String>>) -> Option<()> {
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        let length = client.read(&mut buffer).ok().filter(|length| *length > 0)?;
        head.extend_from_slice(&buffer[..length]);
    }
    let text = String::from_utf8(head).ok()?;
    heads.lock().unwrap().push(text.clone());
    let (line, rest) = text.split_once("\r\n")?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let path = target.strip_prefix(&format!("http://{NAME}"))?;
    let mut server = TcpStream::connect(service).ok()?;
    // One request for a connection, so that each is seen here.
    server.write_all(format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n{rest}").as_bytes()).ok()?;
    let (mut to_server, mut from_client) = (server.try_clone().ok()?, client.try_clone().ok()?);
    let upwards = thread::spawn(move || {
        let _ended = copy(&mut from_client, &mut to_server);
        let _ended = to_server.shutdown(Shutdown::Both);
    });
    let _ended = copy(&mut server, &mut client);
    let _ended = client.shutdown(Shutdown::Both);
    upwards.join().ok()
}

#[test]
fn members_find_each_other_through_a_proxy() {
    let service = Service::ours();
    service.sized("hidden", "3");
    let proxy = Proxy::start(service.endpoint().to_owned());
    let discovery = format!("--discovery=http://{NAME}/v2/keys/discovery/hidden");
    let hosts = Hosts::new(3);
    // By variable, as in the guide, and by flag.
    let variable = format!("http://ann:hunter2@{}", proxy.address);
    let flag = format!("--discovery-proxy={}", proxy.address);
    let mut servers: Vec<Server> = (0..3)
        .map(|index| {
            if index == 0 {
                let arguments = hosts.arguments(index, &[&discovery]);
                Server::start_with(&hosts.scratch, arguments, &[("ETCD_DISCOVERY_PROXY", &variable)])
            } else {
                hosts.start(index, &[&discovery, &flag])
            }
        })
        .collect();
    for (index, server) in servers.iter_mut().enumerate() {
        hosts.wait_for_health(index, server);
        assert!(is_go_3_4() || !server.output().contains("hunter2"), "{}", server.output());
    }
    hosts.assert_one_cluster();
    let heads = proxy.heads.lock().unwrap().clone();
    let registered = heads.iter().filter(|head| head.starts_with("PUT http://discovery.invalid/"));
    assert_eq!(registered.count(), 3, "{heads:?}");
    let credentials = "proxy-authorization: basic yw5uomh1bnrlcji=";
    assert!(heads.iter().any(|head| head.to_lowercase().contains(credentials)), "{heads:?}");
}
