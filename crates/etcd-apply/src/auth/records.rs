//! The buckets `auth`, `authUsers` and `authRoles`, as etcd writes them.

use std::ops::{Bound, ControlFlow};

use bytes::Bytes;
use etcd_auth::{Accounts, Kind, Permission, Role, Touched, User};
use etcd_proto::authpb;
use etcd_proto::prost::{self, Message as _};
use etcd_storage::{Batch, Bucket, Storage};

const ENABLED: &[u8] = b"authEnabled";
const REVISION: &[u8] = b"authRevision";

/// The records of users and roles cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthLoadError {
    /// Storage failed.
    #[error("cannot read the users and roles")]
    Read(#[from] etcd_storage::ReadError),
    /// A record is not what etcd writes.
    #[error("malformed record in bucket {bucket}")]
    Malformed {
        /// The bucket.
        bucket: Bucket,
        /// Why, where that is known.
        source: Option<prost::DecodeError>,
    },
}

pub(super) fn load(storage: &Storage) -> Result<Accounts, AuthLoadError> {
    let enabled = storage.get(Bucket::AUTH, ENABLED)?.as_deref() == Some(&[1]);
    let revision = match storage.get(Bucket::AUTH, REVISION)?.as_deref().map(<[u8; 8]>::try_from) {
        None => 0,
        Some(Ok(bytes)) => u64::from_be_bytes(bytes),
        Some(Err(_)) => return Err(AuthLoadError::Malformed { bucket: Bucket::AUTH, source: None }),
    };
    let users = rows(storage, Bucket::AUTH_USERS, |value| Ok(user(authpb::User::decode(value)?)))?;
    let roles = rows(storage, Bucket::AUTH_ROLES, |value| Ok(role(authpb::Role::decode(value)?)))?;
    let users = users.into_iter().map(|user| user.ok_or_else(|| not_text(Bucket::AUTH_USERS)));
    let roles = roles.into_iter().map(|role| role.ok_or_else(|| not_text(Bucket::AUTH_ROLES)));
    let users = users.collect::<Result<Vec<User>, _>>()?;
    let roles = roles.collect::<Result<Vec<Role>, _>>()?;
    Ok(Accounts::restore(enabled, revision, users, roles))
}

pub(super) fn store(accounts: &Accounts, touched: &Touched, batch: &mut Batch) {
    if touched.settings {
        let enabled: &[u8] = if accounts.is_enabled() { &[1] } else { &[0] };
        batch.put(Bucket::AUTH, Bytes::from_static(ENABLED), Bytes::from_static(enabled));
        let revision = accounts.revision().to_be_bytes();
        batch.put(Bucket::AUTH, Bytes::from_static(REVISION), Bytes::copy_from_slice(&revision));
    }
    for name in &touched.users {
        let row = accounts.user(name).map(user_record);
        set(batch, Bucket::AUTH_USERS, name, row.map(|user| user.encode_to_vec()));
    }
    for name in &touched.roles {
        let row = accounts.role(name).map(role_record);
        set(batch, Bucket::AUTH_ROLES, name, row.map(|role| role.encode_to_vec()));
    }
}

fn set(batch: &mut Batch, bucket: Bucket, name: &str, row: Option<Vec<u8>>) {
    let key = Bytes::copy_from_slice(name.as_bytes());
    match row {
        Some(row) => batch.put(bucket, key, row),
        None => batch.delete(bucket, key),
    }
}

fn rows<T>(
    storage: &Storage,
    bucket: Bucket,
    decode: impl Fn(Bytes) -> Result<T, prost::DecodeError>,
) -> Result<Vec<T>, AuthLoadError> {
    let mut found = Vec::new();
    storage.range(bucket, Bound::Unbounded, Bound::Unbounded, |_, value| {
        // Copied: a row may be a slice of the database's page.
        found.push(decode(Bytes::copy_from_slice(value)));
        ControlFlow::Continue(())
    })?;
    let malformed = |source| AuthLoadError::Malformed { bucket, source: Some(source) };
    found.into_iter().collect::<Result<_, _>>().map_err(malformed)
}

fn not_text(bucket: Bucket) -> AuthLoadError {
    AuthLoadError::Malformed { bucket, source: None }
}

fn user(record: authpb::User) -> Option<User> {
    Some(User {
        name: text(&record.name)?,
        password: record.password,
        roles: record.roles,
        no_password: record.options.map(|options| options.no_password),
    })
}

fn role(record: authpb::Role) -> Option<Role> {
    let permissions = record.key_permission.into_iter().map(permission).collect();
    Some(Role { name: text(&record.name)?, permissions })
}

fn text(name: &Bytes) -> Option<String> {
    String::from_utf8(name.to_vec()).ok()
}

pub(super) fn permission(record: authpb::Permission) -> Permission {
    Permission::new(Kind::from_wire(record.perm_type), record.key, record.range_end)
}

fn user_record(user: &User) -> authpb::User {
    authpb::User {
        name: user.name.clone().into(),
        password: user.password.clone(),
        roles: user.roles.clone(),
        options: user.no_password.map(|no_password| authpb::UserAddOptions { no_password }),
    }
}

fn role_record(role: &Role) -> authpb::Role {
    let permissions = role.permissions.iter().map(|permission| authpb::Permission {
        perm_type: permission.kind.to_wire(),
        key: permission.key.clone(),
        range_end: permission.range_end.clone(),
    });
    authpb::Role { name: role.name.clone().into(), key_permission: permissions.collect() }
}
