//! The service inside another program, with its tokens in the etcd cluster at `ENDPOINT`: `library ENDPOINT`.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use etcd_discovery_service::{Options, Service, Storage, serve};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let endpoint = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:2379".to_owned());
    let service = Service::new(Storage::new([endpoint])?, Options::default());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("curl 'http://{}/new?size=3'", listener.local_addr()?);
    serve(listener, service.router(), None, CancellationToken::new()).await;
    Ok(())
}
