//! Prints who may do what in a small cluster.
#![expect(clippy::print_stdout, reason = "an example")]

use etcd_auth::{Accounts, AuthError, Identity, Kind, Permission, ROOT};

fn main() -> Result<(), AuthError> {
    let mut accounts = Accounts::default();
    for user in [ROOT, "ann", "bob"] {
        let _stored = accounts.add_user(user, "", true)?;
    }
    let _stored = accounts.grant_role(ROOT, ROOT)?;
    let _stored = accounts.add_role("logs")?;
    let _stored = accounts.grant_permission("logs", Permission::new(Kind::Read, "log/", "log0"))?;
    let _stored = accounts.grant_role("ann", "logs")?;
    let _stored = accounts.enable()?;

    for user in [ROOT, "ann", "bob"] {
        let who = Identity::new(user, accounts.revision());
        println!(
            "{user:5} read log/1: {:?}, write log/1: {:?}, administer: {:?}",
            accounts.may_read(&who, b"log/1", b""),
            accounts.may_write(&who, b"log/1", b""),
            accounts.may_administer(&who)
        );
    }
    Ok(())
}
