//! `Debug` of the messages that hold passwords and tokens: without them, so that no log can show one.

use std::fmt;

use crate::authpb::User;
use crate::etcdserverpb::{
    AuthUserAddRequest, AuthUserChangePasswordRequest, AuthenticateRequest, AuthenticateResponse,
    InternalAuthenticateRequest,
};

/// Shows that there is something, and not what.
struct Hidden(bool);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0 { "***" } else { "none" })
    }
}

macro_rules! debug {
    ($($message:ident { $($shown:ident),*; $($hidden:ident),* })*) => {
        $(impl fmt::Debug for $message {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                // Names every field: a new one does not compile until somebody has decided.
                let Self { $($shown,)* $($hidden,)* } = self;
                f.debug_struct(stringify!($message))
                    $(.field(stringify!($shown), $shown))*
                    $(.field(stringify!($hidden), &Hidden(!$hidden.is_empty())))*
                    .finish()
            }
        })*
    };
}

debug! {
    AuthenticateRequest { name; password }
    AuthenticateResponse { header; token }
    AuthUserAddRequest { name, options; password, hashed_password }
    AuthUserChangePasswordRequest { name; password, hashed_password }
    InternalAuthenticateRequest { name; password, simple_token }
    User { name, roles, options; password }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_shown() {
        const SECRET: &str = "s3cret";
        let secret = || SECRET.to_owned();
        let shown = [
            format!("{:?}", AuthenticateRequest { name: "ann".into(), password: secret() }),
            format!("{:?}", AuthenticateResponse { header: None, token: secret() }),
            format!(
                "{:?}",
                AuthUserAddRequest {
                    name: "ann".into(),
                    password: secret(),
                    hashed_password: secret(),
                    options: None
                }
            ),
            format!(
                "{:?}",
                AuthUserChangePasswordRequest {
                    name: "ann".into(),
                    password: secret(),
                    hashed_password: secret()
                }
            ),
            format!(
                "{:?}",
                InternalAuthenticateRequest {
                    name: "ann".into(),
                    password: secret(),
                    simple_token: secret()
                }
            ),
            format!("{:?}", User { name: "ann".into(), password: SECRET.into(), ..User::default() }),
        ];
        for shown in shown {
            assert!(!shown.contains(SECRET) && shown.contains("***"), "{shown}");
        }
        let empty = format!("{:?}", AuthenticateRequest { name: "ann".into(), password: String::new() });
        assert_eq!(empty, r#"AuthenticateRequest { name: "ann", password: none }"#);
    }
}
