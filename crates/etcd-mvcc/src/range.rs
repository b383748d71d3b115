//! Range requests: limits, filters and orders.

use std::cmp::Ordering;

use etcd_proto::etcdserverpb::range_request::{SortOrder, SortTarget};
use etcd_proto::etcdserverpb::{RangeRequest, RangeResponse, ResponseHeader};
use etcd_proto::mvccpb::KeyValue;

use crate::RangeError;
use crate::index::Span;
use crate::view::View;

impl View<'_> {
    /// Serves a range request.
    ///
    /// # Source
    /// etcd `server/etcdserver/txn/range.go` executeRange.
    pub(crate) fn range(&self, request: &RangeRequest) -> Result<RangeResponse, RangeError> {
        let at = self.check(request.revision)?;
        let span = Span::new(&request.key, &request.range_end);
        let header = Some(header(self.revision));
        if request.count_only {
            let count = self.count(span, at);
            self.check_whole(at)?;
            return Ok(RangeResponse { header, count, ..RangeResponse::default() });
        }
        let limit = fetch_limit(request);
        let (mut kvs, count) = if request.keys_only && request.sort_target != SortTarget::Value as i32 {
            self.keys(span, at, limit)
        } else {
            self.pairs(span, at, limit)?
        };
        self.check_whole(at)?;
        filter(&mut kvs, request);
        sort(&mut kvs, request);
        let wanted = usize::try_from(request.limit).unwrap_or(0);
        let more = wanted > 0 && kvs.len() > wanted;
        if more {
            kvs.truncate(wanted);
        }
        if request.keys_only {
            kvs.iter_mut().for_each(|kv| kv.value.clear());
        }
        Ok(RangeResponse { header, kvs, more, count })
    }
}

/// A response header that carries a revision only.
pub(crate) fn header(revision: i64) -> ResponseHeader {
    ResponseHeader { revision, ..ResponseHeader::default() }
}

/// How many pairs to fetch, one more than asked for to know whether there are more; 0 for all.
fn fetch_limit(request: &RangeRequest) -> usize {
    if !is_key_order(request.sort_target, request.sort_order) || has_filter(request) {
        return 0;
    }
    match usize::try_from(request.limit) {
        Ok(limit) if limit > 0 => limit.saturating_add(1),
        _ => 0,
    }
}

/// Whether keys come in that order anyway. No order counts as such, whatever the target.
pub(crate) fn is_key_order(target: i32, order: i32) -> bool {
    order == SortOrder::None as i32 || (target == SortTarget::Key as i32 && order == SortOrder::Ascend as i32)
}

pub(crate) fn has_filter(request: &RangeRequest) -> bool {
    request.min_mod_revision != 0
        || request.max_mod_revision != 0
        || request.min_create_revision != 0
        || request.max_create_revision != 0
}

fn filter(kvs: &mut Vec<KeyValue>, request: &RangeRequest) {
    if !has_filter(request) {
        return;
    }
    let inside =
        |revision: i64, min: i64, max: i64| (max == 0 || revision <= max) && (min == 0 || revision >= min);
    kvs.retain(|kv| {
        inside(kv.mod_revision, request.min_mod_revision, request.max_mod_revision)
            && inside(kv.create_revision, request.min_create_revision, request.max_create_revision)
    });
}

fn sort(kvs: &mut [KeyValue], request: &RangeRequest) {
    let by_key = request.sort_target == SortTarget::Key as i32;
    let order = if !by_key && request.sort_order == SortOrder::None as i32 {
        SortOrder::Ascend as i32
    } else {
        request.sort_order
    };
    if is_key_order(request.sort_target, order) {
        return;
    }
    let descends = order == SortOrder::Descend as i32;
    // Equals stay in the order of their keys, whichever way: Go's sort keeps them so, up to twelve.
    let turned = |order: Ordering| if descends { order.reverse() } else { order };
    match SortTarget::try_from(request.sort_target) {
        Ok(SortTarget::Key) | Err(_) if descends => kvs.reverse(),
        Ok(SortTarget::Key) | Err(_) => {}
        Ok(SortTarget::Version) => kvs.sort_by(|a, b| turned(a.version.cmp(&b.version))),
        Ok(SortTarget::Create) => kvs.sort_by(|a, b| turned(a.create_revision.cmp(&b.create_revision))),
        Ok(SortTarget::Mod) => kvs.sort_by(|a, b| turned(a.mod_revision.cmp(&b.mod_revision))),
        Ok(SortTarget::Value) => kvs.sort_by(|a, b| turned(a.value.cmp(&b.value))),
    }
}
