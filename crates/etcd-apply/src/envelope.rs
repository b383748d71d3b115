//! What one normal log entry carries: a request, and the header that says whose it is.

use bytes::{Bytes, BytesMut};
use etcd_auth::Identity;
use etcd_proto::etcdserverpb::{
    self, AlarmRequest, CompactionRequest, DeleteRangeRequest, LeaseCheckpointRequest, LeaseGrantRequest,
    LeaseRevokeRequest, PutRequest, RequestHeader, TxnRequest,
};
use etcd_proto::membershippb::{
    ClusterMemberAttrSetRequest, ClusterVersionSetRequest, DowngradeInfoSetRequest,
};
use etcd_proto::prost::encoding::{DecodeContext, WireType, decode_key, message, skip_field, uint64};
use etcd_proto::prost::{self, Message};

use crate::auth::AuthRequest;

/// Field numbers of `etcdserverpb.InternalRaftRequest`.
mod field {
    pub(super) const ID: u32 = 1;
    pub(super) const V2: u32 = 2;
    /// Ours: see [`super::encode_v2`].
    pub(super) const CARRIED_V2: u32 = 2100;
    pub(super) const PUT: u32 = 4;
    pub(super) const DELETE_RANGE: u32 = 5;
    pub(super) const TXN: u32 = 6;
    pub(super) const COMPACTION: u32 = 7;
    pub(super) const ALARM: u32 = 10;
    pub(super) const LEASE_GRANT: u32 = 8;
    pub(super) const LEASE_REVOKE: u32 = 9;
    pub(super) const LEASE_CHECKPOINT: u32 = 11;
    pub(super) const HEADER: u32 = 100;
    pub(super) const CLUSTER_VERSION_SET: u32 = 1300;
    pub(super) const CLUSTER_MEMBER_ATTR_SET: u32 = 1301;
    pub(super) const DOWNGRADE_INFO_SET: u32 = 1302;
}

/// The bytes of a normal entry are not a request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes are not a protobuf message of this shape.
    #[error("malformed request in a log entry")]
    Malformed(#[from] prost::DecodeError),
    /// The message holds no request that this version knows; `field` is the number of the one it holds, if any.
    #[error("log entry carries an unknown request (field {field:?})")]
    Unknown {
        /// Field number in `InternalRaftRequest`.
        field: Option<u32>,
    },
}

/// A request together with the id that its proposer waits for, and who makes it.
///
/// On the wire it is `etcdserverpb.InternalRaftRequest`. That message has some forty optional fields of which one
/// is set; encoding and decoding just that one costs a tenth of building the whole message.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    /// Unique over the cluster and its restarts; 0 when nobody waits.
    pub id: u64,
    /// Who makes it; none while authentication is off, or when nobody said who he is.
    pub who: Option<Identity>,
    /// What to do.
    pub request: Request,
}

/// The requests that travel through the log.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Request {
    /// Put one key.
    Put(PutRequest),
    /// Delete a range of keys.
    DeleteRange(DeleteRangeRequest),
    /// Compare, then one of two lists of operations.
    Txn(TxnRequest),
    /// Forget history.
    Compaction(CompactionRequest),
    /// About users and roles.
    Auth(AuthRequest),
    /// Raise or clear an alarm.
    Alarm(AlarmRequest),
    /// Grant a lease.
    LeaseGrant(LeaseGrantRequest),
    /// Revoke a lease, with the keys that it holds.
    LeaseRevoke(LeaseRevokeRequest),
    /// Note how much time leases have left.
    LeaseCheckpoint(LeaseCheckpointRequest),
    /// Raise the version that all members speak.
    ClusterVersionSet(ClusterVersionSetRequest),
    /// Publish a member's name and client URLs.
    ClusterMemberAttrSet(ClusterMemberAttrSetRequest),
    /// Begin or end a downgrade.
    DowngradeInfoSet(DowngradeInfoSetRequest),
    /// A request of the v2 keys API.
    V2(Box<etcdserverpb::Request>),
}

impl Envelope {
    /// The bytes to propose.
    pub fn encode(&self) -> Bytes {
        // etcd finds the waiter of a v2 request by the id within.
        if let Request::V2(request) = &self.request
            && request.id != self.id
        {
            let named = etcdserverpb::Request { id: self.id, ..etcdserverpb::Request::clone(request) };
            return Self { request: Request::V2(Box::new(named)), ..self.clone() }.encode();
        }
        let mut header = RequestHeader { id: self.id, ..RequestHeader::default() };
        if let Some(who) = &self.who {
            who.user().clone_into(&mut header.username);
            header.auth_revision = who.revision();
        }
        let length = self.request.encoded_len() + message::encoded_len(field::HEADER, &header);
        let mut buffer = BytesMut::with_capacity(length);
        self.request.encode(&mut buffer);
        message::encode(field::HEADER, &header, &mut buffer);
        buffer.freeze()
    }

    /// Reads the bytes of a normal entry; byte fields share `data`'s buffer.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not a request that this version knows.
    pub fn decode(mut data: Bytes) -> Result<Self, DecodeError> {
        let mut header = RequestHeader::default();
        let mut bare_id = 0;
        let mut request = None;
        let mut unknown = None;
        while !data.is_empty() {
            let (tag, wire_type) = decode_key(&mut data)?;
            match tag {
                field::ID => uint64::merge(wire_type, &mut bare_id, &mut data, DecodeContext::default())?,
                field::HEADER => message::merge(wire_type, &mut header, &mut data, DecodeContext::default())?,
                _ => match Request::decode_field(tag, wire_type, &mut data)? {
                    Some(found) => request = Some(found),
                    None => unknown = unknown.or(Some(tag)),
                },
            }
        }
        let request = request.ok_or(DecodeError::Unknown { field: unknown })?;
        if let Request::V2(request) = &request {
            bare_id = request.id;
        }
        let is_signed = !header.username.is_empty() || header.auth_revision != 0;
        let who = is_signed.then(|| Identity::new(header.username, header.auth_revision));
        Ok(Self { id: if header.id != 0 { header.id } else { bare_id }, who, request })
    }

    /// Reads the bytes of an entry from a member of etcd 3.5 or older, which proposes v2 requests as they are. Such
    /// bytes are never a request in the newer form.
    pub(crate) fn decode_bare_v2(data: Bytes) -> Option<Self> {
        let request = etcdserverpb::Request::decode(data).ok()?;
        let is_known = ["GET", "QGET", "PUT", "POST", "DELETE", "SYNC"].contains(&request.method.as_str());
        is_known.then(|| Self { id: request.id, who: None, request: Request::V2(Box::new(request)) })
    }
}

impl Request {
    /// What etcd calls it, such as `Put` or `AuthUserAdd`; a request of the v2 keys API is `V2`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Put(_) => "Put",
            Self::DeleteRange(_) => "DeleteRange",
            Self::Txn(_) => "Txn",
            Self::Compaction(_) => "Compaction",
            Self::Auth(request) => request.kind(),
            Self::Alarm(_) => "Alarm",
            Self::LeaseGrant(_) => "LeaseGrant",
            Self::LeaseRevoke(_) => "LeaseRevoke",
            Self::LeaseCheckpoint(_) => "LeaseCheckpoint",
            Self::ClusterVersionSet(_) => "ClusterVersionSet",
            Self::ClusterMemberAttrSet(_) => "ClusterMemberAttrSet",
            Self::DowngradeInfoSet(_) => "DowngradeInfoSet",
            Self::V2(_) => "V2",
        }
    }

    fn encoded_len(&self) -> usize {
        match self {
            Self::Put(request) => message::encoded_len(field::PUT, request),
            Self::DeleteRange(request) => message::encoded_len(field::DELETE_RANGE, request),
            Self::Txn(request) => message::encoded_len(field::TXN, request),
            Self::Compaction(request) => message::encoded_len(field::COMPACTION, request),
            Self::Auth(request) => request.encoded_len(),
            Self::Alarm(request) => message::encoded_len(field::ALARM, request),
            Self::DowngradeInfoSet(request) => message::encoded_len(field::DOWNGRADE_INFO_SET, request),
            Self::LeaseGrant(request) => message::encoded_len(field::LEASE_GRANT, request),
            Self::LeaseRevoke(request) => message::encoded_len(field::LEASE_REVOKE, request),
            Self::LeaseCheckpoint(request) => message::encoded_len(field::LEASE_CHECKPOINT, request),
            Self::ClusterVersionSet(request) => message::encoded_len(field::CLUSTER_VERSION_SET, request),
            Self::ClusterMemberAttrSet(request) => {
                message::encoded_len(field::CLUSTER_MEMBER_ATTR_SET, request)
            }
            Self::V2(request) => NO_CHECKPOINT.len() + message::encoded_len(field::CARRIED_V2, &**request),
        }
    }

    fn encode(&self, buffer: &mut BytesMut) {
        match self {
            Self::Put(request) => message::encode(field::PUT, request, buffer),
            Self::DeleteRange(request) => message::encode(field::DELETE_RANGE, request, buffer),
            Self::Txn(request) => message::encode(field::TXN, request, buffer),
            Self::Compaction(request) => message::encode(field::COMPACTION, request, buffer),
            Self::Auth(request) => request.encode(buffer),
            Self::Alarm(request) => message::encode(field::ALARM, request, buffer),
            Self::DowngradeInfoSet(request) => message::encode(field::DOWNGRADE_INFO_SET, request, buffer),
            Self::LeaseGrant(request) => message::encode(field::LEASE_GRANT, request, buffer),
            Self::LeaseRevoke(request) => message::encode(field::LEASE_REVOKE, request, buffer),
            Self::LeaseCheckpoint(request) => message::encode(field::LEASE_CHECKPOINT, request, buffer),
            Self::ClusterVersionSet(request) => message::encode(field::CLUSTER_VERSION_SET, request, buffer),
            Self::ClusterMemberAttrSet(request) => {
                message::encode(field::CLUSTER_MEMBER_ATTR_SET, request, buffer);
            }
            Self::V2(request) => encode_v2(request, buffer),
        }
    }

    /// Decodes the field if it is a request we know; otherwise skips it.
    fn decode_field(
        tag: u32,
        wire_type: WireType,
        data: &mut Bytes,
    ) -> Result<Option<Self>, prost::DecodeError> {
        Ok(Some(match tag {
            field::V2 | field::CARRIED_V2 => Self::V2(sub_message(wire_type, data)?),
            field::PUT => Self::Put(sub_message(wire_type, data)?),
            field::DELETE_RANGE => Self::DeleteRange(sub_message(wire_type, data)?),
            field::TXN => Self::Txn(sub_message(wire_type, data)?),
            field::COMPACTION => Self::Compaction(sub_message(wire_type, data)?),
            field::ALARM => Self::Alarm(sub_message(wire_type, data)?),
            field::DOWNGRADE_INFO_SET => Self::DowngradeInfoSet(sub_message(wire_type, data)?),
            field::LEASE_GRANT => Self::LeaseGrant(sub_message(wire_type, data)?),
            field::LEASE_REVOKE => Self::LeaseRevoke(sub_message(wire_type, data)?),
            field::LEASE_CHECKPOINT => Self::LeaseCheckpoint(sub_message(wire_type, data)?),
            field::CLUSTER_VERSION_SET => Self::ClusterVersionSet(sub_message(wire_type, data)?),
            field::CLUSTER_MEMBER_ATTR_SET => Self::ClusterMemberAttrSet(sub_message(wire_type, data)?),
            _ => match AuthRequest::decode_field(tag, wire_type, data)? {
                Some(request) => Self::Auth(request),
                None => {
                    skip_field(wire_type, tag, data, DecodeContext::default())?;
                    return Ok(None);
                }
            },
        }))
    }
}

/// The field `lease_checkpoint`, with a checkpoint of no lease.
const NO_CHECKPOINT: &[u8] = &[0x5a, 0x00];

/// A member of Go's etcd 3.6 or later panics at a v2 request in its own field. This form does nothing there, and
/// nothing in older ones: they see the checkpoint of no lease, and skip a field that they do not know.
fn encode_v2(request: &etcdserverpb::Request, buffer: &mut BytesMut) {
    buffer.extend_from_slice(NO_CHECKPOINT);
    message::encode(field::CARRIED_V2, request, buffer);
}

pub(crate) fn sub_message<M: Message + Default>(
    wire_type: WireType,
    data: &mut Bytes,
) -> Result<M, prost::DecodeError> {
    let mut decoded = M::default();
    message::merge(wire_type, &mut decoded, data, DecodeContext::default())?;
    Ok(decoded)
}

#[cfg(test)]
mod tests;
