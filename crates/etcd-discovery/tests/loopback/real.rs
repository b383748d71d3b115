//! Go etcd as the service, with both protocols.

use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use etcd_discovery::{DiscoveryError, Found, Password, V2Options, V3Options, join_v2, join_v3};
use etcd_membership::Urls;
use etcd_proto::etcdserverpb::PutRequest;
use etcd_proto::etcdserverpb::kv_client::KvClient;

use crate::keys::{NoPauses, member};

const BINARY: &str = "/usr/bin/etcd";

/// A Go etcd of one member that serves the v2 API.
struct Go {
    process: Child,
    url: String,
    directory: tempfile::TempDir,
}

impl Drop for Go {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
            eprintln!("--- log of etcd ---\n{log}");
        }
    }
}

impl Go {
    /// `None`, said loudly, where there is no etcd to test with; a failure in CI.
    fn start() -> Option<Self> {
        if !Path::new(BINARY).exists() {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "{BINARY} is missing: install etcd-server");
            eprintln!("\n*** NOT TESTED against Go etcd: there is no {BINARY} ***\n");
            return None;
        }
        let ports = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [client, peer] = ports.map(|port| format!("http://{}", port.local_addr().unwrap()));
        let directory = tempfile::tempdir().unwrap();
        let log = File::create(directory.path().join("log")).unwrap();
        let mut command = Command::new(BINARY);
        command.args(["--name", "go", "--enable-v2", "--logger", "zap"]);
        command.arg("--data-dir").arg(directory.path().join("data"));
        command.arg("--initial-cluster").arg(format!("go={peer}"));
        command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
        command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        Some(Self { process: command.spawn().unwrap(), url: client, directory })
    }

    /// The guide's command, and the URL that it makes.
    async fn token(&self, token: &str, size: &str) -> String {
        let url = format!("{}/v2/keys/discovery/{token}", self.url);
        let request = client().put(format!("{url}/_config/size")).body(format!("value={size}"));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        // The server has just been started.
        let mut answer = request.try_clone().unwrap().send().await;
        while !answer.as_ref().is_ok_and(|answer| answer.status().is_success()) {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await; // between two looks
            answer = request.try_clone().unwrap().send().await;
        }
        url
    }

    async fn put(&self, key: String, value: String) {
        let mut kv = KvClient::connect(self.url.clone()).await.unwrap();
        let put = PutRequest { key: key.into(), value: value.into(), ..PutRequest::default() };
        kv.put(put).await.unwrap();
    }
}

fn client() -> reqwest::Client {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let tls = tls.unwrap().with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
    reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().build().unwrap()
}

fn v2(url: &str) -> V2Options {
    let mut options = V2Options::new(url);
    options.request_timeout = std::time::Duration::from_secs(60);
    options
}

fn v3(go: &Go, token: &str) -> V3Options {
    let mut options = V3Options::new(token, ["http://127.0.0.1:1".to_owned(), go.url.clone()]);
    options.request_timeout = std::time::Duration::from_secs(60);
    options.dial_timeout = std::time::Duration::from_secs(60);
    options
}

/// Lets `count` members join at once; the sorted outcomes.
async fn all<F, O>(count: usize, join: F) -> Vec<Result<Found, DiscoveryError>>
where
    F: Fn(String, Urls) -> O,
    O: Future<Output = Result<Found, DiscoveryError>> + Send + 'static,
{
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..count {
        let (name, urls) = member(n);
        tasks.spawn(join(name, urls));
    }
    tasks.join_all().await
}

fn assert_one_cluster(outcomes: &[Result<Found, DiscoveryError>], size: usize) {
    let found: Vec<&Found> = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).collect();
    assert_eq!(found.len(), size);
    assert!(found.iter().all(|one| one.members == found[0].members && one.members.len() == size));
    let full = outcomes.iter().filter(|outcome| matches!(outcome, Err(DiscoveryError::Full { .. })));
    assert_eq!(full.count(), outcomes.len() - size, "{outcomes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_want_to_be_five() {
    let Some(go) = Go::start() else { return };
    let url = go.token("crowd", "5").await;
    let outcomes = all(50, |name, urls| {
        let options = v2(&url);
        async move { join_v2(&options, &name, &urls).await }
    })
    .await;
    assert_one_cluster(&outcomes, 5);
    // The same again, with a restart in each member: those that were in it are known, the others still too late.
    let (name, urls) = member(0);
    let again = join_v2(&v2(&url), &name, &urls).await.unwrap_err();
    assert!(matches!(again, DiscoveryError::Full { .. } | DiscoveryError::DuplicateId { .. }), "{again:?}");

    go.put("/_etcd/registry/crowd/_config/size".into(), "5".into()).await;
    let outcomes = all(50, |name, urls| {
        let options = v3(&go, "crowd");
        async move { join_v3(&options, &name, &urls).await }
    })
    .await;
    assert_one_cluster(&outcomes, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn v3_keys_and_answers() {
    let Some(go) = Go::start() else { return };
    go.token("ready", "1").await;
    let join = async |options: V3Options, n: usize| {
        let (name, urls) = member(n);
        join_v3(&options, &name, &urls).await
    };
    let error = join(v3(&go, "t"), 0).await.unwrap_err();
    assert_eq!(error.to_string(), "discovery: size key not found");
    for size in ["0", "-1", "abc"] {
        go.put("/_etcd/registry/t/_config/size".into(), size.into()).await;
        let error = join(v3(&go, "t"), 0).await.unwrap_err();
        assert!(error.to_string().starts_with("discovery: size key is bad"), "{error}");
    }
    go.put("/_etcd/registry/t/_config/size".into(), "2".into()).await;
    // What is no member is passed over.
    go.put("/_etcd/registry/t/members/xyz".into(), "a=http://10.0.9.9:2380".into()).await;
    go.put("/_etcd/registry/t/members/12ab".into(), "nothing".into()).await;
    let (first, second) = tokio::join!(join(v3(&go, "t"), 0), join(v3(&go, "t"), 1));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first.members, second.members);
    assert_eq!(first.members.to_string(), "infra0=http://10.0.0.10:2380,infra1=http://10.0.0.11:2380");
    assert_eq!(
        first.local_id,
        etcd_membership::MemberId::derive(&["http://10.0.0.10:2380".into()], "t", None)
    );
    assert_eq!(join(v3(&go, "t"), 0).await.unwrap().members, first.members, "it may come again");
    assert_eq!(join(v3(&go, "t"), 2).await, Err(DiscoveryError::Full { size: 2 }));
    // A cluster without authentication does not mind a user.
    let mut options = v3(&go, "t");
    (options.user, options.password) = ("root".into(), Password::new("secret"));
    assert!(!format!("{options:?}").contains("secret"));
    assert_eq!(join(options, 0).await.unwrap().members, first.members);
}

#[tokio::test]
async fn v3_nobody_there() {
    let mut options = V3Options::new("t", ["127.0.0.1:1", "http://[::1]:1"]);
    let pauses = Arc::new(NoPauses::default());
    options.pauses = pauses.clone();
    let joined = tokio::spawn(async move {
        let (name, urls) = member(0);
        join_v3(&options, &name, &urls).await
    });
    while pauses.0.lock().unwrap().len() < 9 {
        assert!(!joined.is_finished());
        tokio::task::yield_now().await;
    }
    joined.abort();
    assert_eq!(pauses.0.lock().unwrap()[..9], [2, 4, 8, 16, 32, 64, 128, 256, 256]);
    let (name, urls) = member(0);
    let error = join_v3(&V3Options::new("t", [""; 0]), &name, &urls).await.unwrap_err();
    assert!(matches!(error, DiscoveryError::InvalidUrl { .. }));
}
