//! A name server for a zone that exists only here.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use hickory_server::Server;
use hickory_server::net::runtime::TokioRuntimeProvider;
use hickory_server::proto::ProtoError;
use hickory_server::proto::rr::rdata::{A, SOA, SRV};
use hickory_server::proto::rr::{LowerName, Name, RData, Record};
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{AxfrPolicy, Catalog, ZoneType};
use tokio::sync::oneshot;

/// How long a record is valid, in seconds.
const TTL: u32 = 300;

/// How long a TCP client may take for a question.
const PATIENCE: Duration = Duration::from_secs(5);

/// The records of one zone.
#[derive(Debug, Clone)]
pub struct Zone {
    origin: String,
    records: Vec<(String, Answer)>,
}

#[derive(Debug, Clone)]
enum Answer {
    Address(Ipv4Addr),
    Service { target: String, port: u16 },
}

/// A zone cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DnsError {
    /// A name is none.
    #[error("not a DNS name")]
    Name(#[from] ProtoError),
    /// There is no port or no thread for it.
    #[error("cannot serve DNS")]
    Io(#[from] io::Error),
}

impl Zone {
    /// An empty zone, such as `example.com`.
    #[must_use]
    pub fn new(origin: &str) -> Self {
        Self { origin: origin.to_owned(), records: Vec::new() }
    }

    /// An address of `host`, which is a full name.
    #[must_use]
    pub fn address(mut self, host: &str, ip: Ipv4Addr) -> Self {
        self.records.push((host.to_owned(), Answer::Address(ip)));
        self
    }

    /// A record `_<service>._tcp.<zone> SRV 0 0 <port> <target>`.
    #[must_use]
    pub fn service(mut self, service: &str, target: &str, port: u16) -> Self {
        let name = format!("_{service}._tcp.{}", self.origin);
        self.records.push((name, Answer::Service { target: target.to_owned(), port }));
        self
    }

    fn catalog(&self) -> Result<Catalog, ProtoError> {
        let origin = name(&self.origin)?;
        let mut zone: InMemoryZoneHandler<TokioRuntimeProvider> =
            InMemoryZoneHandler::empty(origin.clone(), ZoneType::Primary, AxfrPolicy::Deny);
        let soa = SOA::new(origin.clone(), origin.clone(), 1, 3600, 600, 86_400, 60);
        zone.upsert_mut(Record::from_rdata(origin.clone(), TTL, RData::SOA(soa)), 0);
        for (owner, answer) in &self.records {
            let data = match answer {
                Answer::Address(ip) => RData::A(A(*ip)),
                Answer::Service { target, port } => RData::SRV(SRV::new(0, 0, *port, name(target)?)),
            };
            zone.upsert_mut(Record::from_rdata(name(owner)?, TTL, data), 0);
        }
        let mut catalog = Catalog::new();
        catalog.upsert(LowerName::from(origin), vec![Arc::new(zone)]);
        Ok(catalog)
    }
}

/// With its dot at the end: the root's.
fn name(text: &str) -> Result<Name, ProtoError> {
    Name::from_ascii(format!("{}.", text.trim_end_matches('.')))
}

/// Serves a [`Zone`] over UDP and TCP, on a thread of its own, until it is dropped.
#[derive(Debug)]
pub struct DnsServer {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl DnsServer {
    /// Serves on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When a name is none, or there is no port.
    pub fn start(zone: &Zone) -> Result<Self, DnsError> {
        // The port must be free for both; somebody may take one of them in between.
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..20 {
            let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            match TcpListener::bind(udp.local_addr()?) {
                Ok(tcp) => return Self::start_on(zone, udp, tcp),
                Err(error) => last = error,
            }
        }
        Err(last.into())
    }

    /// Serves on these sockets, which have the same address.
    ///
    /// # Errors
    /// When a name is none, or there is no thread.
    pub fn start_on(zone: &Zone, udp: UdpSocket, tcp: TcpListener) -> Result<Self, DnsError> {
        let catalog = zone.catalog()?;
        let address = udp.local_addr()?;
        udp.set_nonblocking(true)?;
        tcp.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let (udp, tcp) = {
            let _inside = runtime.enter();
            (tokio::net::UdpSocket::from_std(udp)?, tokio::net::TcpListener::from_std(tcp)?)
        };
        let serve = move || {
            runtime.block_on(async move {
                let mut server = Server::new(catalog);
                server.register_socket(udp);
                server.register_listener(tcp, PATIENCE, 32);
                // Either way it is time to stop.
                let _dropped = stopped.await;
            });
        };
        let thread = std::thread::Builder::new().name("dns".to_owned()).spawn(serve)?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for DnsServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}
