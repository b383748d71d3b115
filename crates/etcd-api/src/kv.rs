//! The service `etcdserverpb.KV`.

use etcd_proto::etcdserverpb::{
    CompactionRequest, CompactionResponse, DeleteRangeRequest, DeleteRangeResponse, PutRequest, PutResponse,
    RangeRequest, RangeResponse, RequestOp, TxnRequest, TxnResponse, request_op,
};

use crate::api::Shared;
use crate::grpc::{Call, Rpc, Shape};
use crate::{Error, Replica, validate};

impl<R: Replica> Call<R> for RangeRequest {
    const RPC: Rpc = Rpc::Range;
    type Answer = RangeResponse;

    fn for_learner(&self) -> bool {
        self.serializable
    }

    fn shape(&self) -> Shape {
        Shape { key: self.key.clone(), count: 0 }
    }

    fn count(answer: &RangeResponse) -> i64 {
        answer.count
    }

    async fn run(self, api: &Shared<R>) -> Result<RangeResponse, Error> {
        validate::range(&self)?;
        let mut answer = api.replica.range(self).await?;
        api.fill(&mut answer.header);
        Ok(answer)
    }
}

impl<R: Replica> Call<R> for PutRequest {
    const RPC: Rpc = Rpc::Put;
    type Answer = PutResponse;

    fn shape(&self) -> Shape {
        Shape { key: self.key.clone(), count: 1 }
    }

    fn count(_answer: &PutResponse) -> i64 {
        0
    }

    async fn run(self, api: &Shared<R>) -> Result<PutResponse, Error> {
        validate::put(&self)?;
        let mut answer = api.replica.put(self).await?;
        api.fill(&mut answer.header);
        Ok(answer)
    }
}

impl<R: Replica> Call<R> for DeleteRangeRequest {
    const RPC: Rpc = Rpc::DeleteRange;
    type Answer = DeleteRangeResponse;

    fn shape(&self) -> Shape {
        Shape { key: self.key.clone(), count: 0 }
    }

    fn count(answer: &DeleteRangeResponse) -> i64 {
        answer.deleted
    }

    async fn run(self, api: &Shared<R>) -> Result<DeleteRangeResponse, Error> {
        validate::delete_range(&self)?;
        let mut answer = api.replica.delete_range(self).await?;
        api.fill(&mut answer.header);
        Ok(answer)
    }
}

impl<R: Replica> Call<R> for TxnRequest {
    const RPC: Rpc = Rpc::Txn;
    type Answer = TxnResponse;

    fn shape(&self) -> Shape {
        let key = self.compare.first().map(|compare| compare.key.clone()).unwrap_or_default();
        Shape { key, count: self.success.len().max(self.failure.len()) as i64 }
    }

    fn is_read_only_txn(&self) -> bool {
        let is_range = |op: &RequestOp| matches!(op.request, Some(request_op::Request::RequestRange(_)));
        self.success.iter().chain(&self.failure).all(is_range)
    }

    fn count(_answer: &TxnResponse) -> i64 {
        0
    }

    async fn run(self, api: &Shared<R>) -> Result<TxnResponse, Error> {
        validate::txn(&self, api.options.max_txn_ops)?;
        let mut answer = api.replica.txn(self).await?;
        api.fill(&mut answer.header);
        Ok(answer)
    }
}

impl<R: Replica> Call<R> for CompactionRequest {
    const RPC: Rpc = Rpc::Compact;
    type Answer = CompactionResponse;

    async fn run(self, api: &Shared<R>) -> Result<CompactionResponse, Error> {
        let mut answer = api.replica.compact(self).await?;
        api.fill(&mut answer.header);
        Ok(answer)
    }
}
