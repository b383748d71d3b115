//! Passwords: hashed before they are proposed and compared before a login is, never on a connection's thread.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use etcd_api::Error;
use etcd_apply::{AuthRequest, Request, Response};
use etcd_auth::{AuthError, Identity, password};
use etcd_proto::etcdserverpb::InternalAuthenticateRequest;
use tracing::{info, warn};

use super::auth_error;
use crate::adapters::ServerReplica;
use crate::adapters::errors::unexpected;

/// How often a login is made again because users and roles changed meanwhile.
const ATTEMPTS: usize = 16;

impl ServerReplica {
    /// Checks the password, proposes the login, and makes the token.
    ///
    /// # Source
    /// etcd `server/etcdserver/v3_server.go` `Authenticate`.
    pub(super) async fn authenticate(&self, name: String, password: String) -> Result<String, Error> {
        self.barrier(false).await?;
        let authority = Arc::clone(self.authority());
        let password: Arc<str> = password.into();
        // A hash that the password is known to match: comparing again would tell nothing new.
        let mut proven = None;
        for _ in 0..ATTEMPTS {
            let accounts = authority.state.get();
            let hash = accounts.password_of(&name);
            match hash {
                Ok(hash) if proven.as_ref() == Some(&hash) => {}
                hash => proven = Some(self.compare(&name, &password, hash).await?),
            }
            let secret = authority.tokens.secret();
            let entry = InternalAuthenticateRequest {
                name: name.clone(),
                password: String::new(),
                simple_token: secret.clone(),
            };
            // Nobody's entry: whoever logs in has not proven anything to the others yet.
            let response = self.propose_by(None, Request::Auth(AuthRequest::Authenticate(entry))).await?;
            let Response::LoggedIn { index, auth_revision } = response else {
                return Err(unexpected(&response));
            };
            if accounts.revision() == authority.state.revision() {
                let who = Identity::new(name, auth_revision);
                let token = authority.tokens.issue(&who, &secret, index);
                return token.map_err(|error| Error::Unknown(error.to_string().into()));
            }
            info!(user = name, "users or roles changed during a login; it is made again");
        }
        Err(Error::AuthOldRevision)
    }

    /// Gives the hash back when the password matches it.
    async fn compare(
        &self,
        name: &str,
        password: &Arc<str>,
        hash: Result<bytes::Bytes, AuthError>,
    ) -> Result<bytes::Bytes, Error> {
        let (hash, is_real) = match hash {
            Ok(hash) => (hash, true),
            // The same work for a user who does not exist: the time tells nothing.
            Err(AuthError::AuthFailed) => (bytes::Bytes::new(), false),
            Err(error) => return Err(auth_error(error)),
        };
        let (cost, shared) = (self.authority().bcrypt_cost, Arc::clone(password));
        let compared = self
            .with_password(move || {
                if is_real {
                    let matches = password::matches(&shared, &hash);
                    return matches.then_some(hash);
                }
                let _never = password::matches(&shared, password::decoy(cost).as_bytes());
                None
            })
            .await?;
        compared.ok_or_else(|| {
            warn!(user = name, "invalid authentication was requested");
            Error::AuthFailed
        })
    }

    /// The hash of a password as entries carry it.
    pub(super) async fn hash(&self, password: String) -> Result<String, Error> {
        let cost = self.authority().bcrypt_cost;
        let hashed = self.with_password(move || password::hash(&password, cost, rand::random())).await?;
        match hashed {
            Ok(hash) => Ok(STANDARD.encode(hash)),
            Err(error) => Err(Error::Unknown(error.to_string().into())),
        }
    }

    /// Does slow work on a thread for such work, when it is its turn.
    async fn with_password<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let authority = self.authority();
        let turn = tokio::time::timeout(self.request_timeout(), authority.passwords.acquire());
        let _turn = turn.await.map_err(|_elapsed| Error::Timeout)?.map_err(|_closed| Error::Stopped)?;
        tokio::task::spawn_blocking(work).await.map_err(|_| Error::Stopped)
    }
}
