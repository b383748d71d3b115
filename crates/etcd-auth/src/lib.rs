//! Users, roles, range permissions, tokens and password hashes: decides who may do what.
//!
//! [`Accounts`] is the replicated part: users, roles, the switch and the revision that every change raises. It
//! answers whether an [`Identity`] may touch a key, an interval or the cluster itself. The rest turns a request into
//! an identity: [`password`] hashes and compares, [`SimpleTokens`] is one member's table of simple tokens, and
//! [`Jwt`] signs and checks JSON Web Tokens.
//!
//! Invariants:
//! - no I/O, no clock, no randomness: files' contents, the time, salts and random sources are passed in;
//! - equal changes in equal order give equal accounts, and equal answers, on every member;
//! - hashes, keys and tokens never show in `Debug` output.
//!
//! It does not know how accounts are stored, nor how requests travel.
//!
//! ```
//! use etcd_auth::{Accounts, AuthError, Identity, Kind, Permission};
//!
//! let mut accounts = Accounts::default();
//! accounts.add_user("root", "", false)?;
//! accounts.grant_role("root", "root")?;
//! accounts.add_user("ann", "", false)?;
//! accounts.add_role("logs")?;
//! accounts.grant_permission("logs", Permission::new(Kind::Read, "log/", "log0"))?;
//! accounts.grant_role("ann", "logs")?;
//! accounts.enable()?;
//!
//! let ann = Identity::new("ann", accounts.revision());
//! assert_eq!(accounts.may_read(&ann, b"log/1", b""), Ok(()));
//! assert_eq!(accounts.may_write(&ann, b"log/1", b""), Err(AuthError::PermissionDenied));
//! # Ok::<(), AuthError>(())
//! ```

mod accounts;
mod error;
mod identity;
mod intervals;
mod permission;

mod jwt;
pub mod password;
mod simple;
mod token_options;

pub use accounts::{Accounts, ROOT, Role, Touched, User};
pub use error::AuthError;
pub use identity::Identity;
pub use intervals::Intervals;
pub use jwt::{Algorithm, Jwt, KeyError, Proven, SignError};
pub use permission::{Kind, Permission};
pub use simple::SimpleTokens;
pub use token_options::{JwtOptions, OptionsError, TokenOptions};
