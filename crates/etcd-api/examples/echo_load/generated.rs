//! The yardstick: the server that tonic generates, on hyper's automatic connection.

use std::error::Error;

use etcd_proto::etcdserverpb::kv_server::{Kv, KvServer};
use etcd_proto::etcdserverpb::{
    CompactionRequest, CompactionResponse, DeleteRangeRequest, DeleteRangeResponse, PutRequest, PutResponse,
    RangeRequest, RangeResponse, RangeStreamResponse, TxnRequest, TxnResponse,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tonic::{Request, Response, Status};

struct Generated;

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl Kv for Generated {
    type RangeStreamStream = tokio_stream::Empty<Result<RangeStreamResponse, Status>>;

    async fn range(&self, _request: Request<RangeRequest>) -> Answer<RangeResponse> {
        Ok(Response::new(super::answer()))
    }

    async fn range_stream(&self, _request: Request<RangeRequest>) -> Answer<Self::RangeStreamStream> {
        Ok(Response::new(tokio_stream::empty()))
    }

    async fn put(&self, _request: Request<PutRequest>) -> Answer<PutResponse> {
        Ok(Response::new(PutResponse::default()))
    }

    async fn delete_range(&self, _request: Request<DeleteRangeRequest>) -> Answer<DeleteRangeResponse> {
        Ok(Response::new(DeleteRangeResponse::default()))
    }

    async fn txn(&self, _request: Request<TxnRequest>) -> Answer<TxnResponse> {
        Ok(Response::new(TxnResponse::default()))
    }

    async fn compact(&self, _request: Request<CompactionRequest>) -> Answer<CompactionResponse> {
        Ok(Response::new(CompactionResponse::default()))
    }
}

pub(super) async fn serve(listener: TcpListener) -> Result<(), Box<dyn Error>> {
    let routes = tonic::service::Routes::new(KvServer::new(Generated)).prepare().into_axum_router();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let routes = routes.clone();
        tokio::spawn(async move {
            let mut builder = auto::Builder::new(TokioExecutor::new());
            builder.http2().timer(TokioTimer::new()).initial_connection_window_size(16 << 20);
            // The client is gone when this ends.
            let _ended =
                builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes)).await;
        });
    }
}
