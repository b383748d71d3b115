use proptest::prelude::*;

use super::*;
use crate::{AuthError, Identity, Kind, Permission};

/// Root, and ann, who may read `a`..`c` and write `b`.
fn accounts() -> Accounts {
    let mut accounts = Accounts::default();
    for name in ["root", "ann"] {
        drop(accounts.add_user(name, "hash", false).unwrap());
    }
    drop(accounts.grant_role("root", "root").unwrap());
    drop(accounts.add_role("letters").unwrap());
    drop(accounts.grant_permission("letters", Permission::new(Kind::Read, "a", "c")).unwrap());
    drop(accounts.grant_permission("letters", Permission::new(Kind::ReadWrite, "b", "")).unwrap());
    drop(accounts.grant_role("ann", "letters").unwrap());
    drop(accounts.enable().unwrap());
    accounts
}

fn now(accounts: &Accounts, user: &str) -> Identity {
    Identity::new(user, accounts.revision())
}

#[test]
fn everything_is_allowed_while_it_is_off() {
    let mut accounts = accounts();
    drop(accounts.disable());
    let nobody = Identity::new("", 0);
    assert_eq!(accounts.may_read(&nobody, b"a", b""), Ok(()));
    assert_eq!(accounts.may_administer(&nobody), Ok(()));
    assert_eq!(accounts.password_of("ann"), Err(AuthError::NotEnabled));
}

#[test]
fn keys_are_checked_by_role() {
    let accounts = accounts();
    let check = |user: &str, reads: bool, key: &str, end: &str, expected| {
        let who = now(&accounts, user);
        let (key, end) = (key.as_bytes(), end.as_bytes());
        let found =
            if reads { accounts.may_read(&who, key, end) } else { accounts.may_write(&who, key, end) };
        assert_eq!(found, expected, "{user} {reads} {key:?} {end:?}");
    };
    let denied = Err(AuthError::PermissionDenied);
    check("ann", true, "a", "c", Ok(()));
    check("ann", true, "a", "d", denied);
    check("ann", false, "b", "", Ok(()));
    check("ann", false, "a", "", denied);
    check("ann", true, "a", "\0", denied);
    check("root", false, "\0", "\0", Ok(()));
    check("bob", true, "a", "", denied);
    check("", true, "a", "", denied);
}

#[test]
fn an_identity_must_be_as_new_as_the_accounts() {
    let mut accounts = accounts();
    let ann = now(&accounts, "ann");
    let root = now(&accounts, "root");
    drop(accounts.add_role("more").unwrap());
    assert_eq!(accounts.may_read(&ann, b"a", b""), Err(AuthError::OldRevision));
    assert_eq!(accounts.may_read(&root, b"a", b""), Err(AuthError::OldRevision));
    assert_eq!(accounts.may_administer(&root), Ok(()));
    assert_eq!(accounts.may_read(&Identity::new("", 0), b"a", b""), Err(AuthError::UserEmpty));
    let newer = Identity::new("ann", accounts.revision() + 5);
    assert_eq!(accounts.may_read(&newer, b"a", b""), Ok(()));
}

#[test]
fn only_root_administers_and_everybody_sees_himself() {
    let accounts = accounts();
    assert_eq!(accounts.may_administer(&now(&accounts, "root")), Ok(()));
    assert_eq!(accounts.may_administer(&now(&accounts, "ann")), Err(AuthError::PermissionDenied));
    assert_eq!(accounts.may_administer(&now(&accounts, "bob")), Err(AuthError::UserNotFound));
    assert_eq!(accounts.may_administer(&Identity::new("", 0)), Err(AuthError::UserEmpty));
    assert_eq!(accounts.may_see_user(&now(&accounts, "ann"), "ann"), Ok(()));
    assert_eq!(accounts.may_see_user(&now(&accounts, "ann"), "root"), Err(AuthError::PermissionDenied));
    assert_eq!(accounts.may_see_role(&now(&accounts, "ann"), "letters"), Ok(()));
    assert_eq!(accounts.may_see_role(&now(&accounts, "ann"), "root"), Err(AuthError::PermissionDenied));
    assert_eq!(accounts.may_see_user(&Identity::new("", 0), "ann"), Err(AuthError::UserEmpty));
}

#[test]
fn changes_raise_the_revision_and_refusals_change_nothing() {
    let mut accounts = accounts();
    let before = (accounts.revision(), format!("{accounts:?}"));
    type Change = dyn Fn(&mut Accounts) -> Result<Touched, AuthError>;
    let refusals: [(AuthError, &Change); 18] = [
        (AuthError::UserEmpty, &|a| a.add_user("", "", false)),
        (AuthError::UserExists, &|a| a.add_user("ann", "", false)),
        (AuthError::UserNotFound, &|a| a.delete_user("bob")),
        (AuthError::InvalidManagement, &|a| a.delete_user("root")),
        (AuthError::UserNotFound, &|a| a.change_password("bob", "")),
        (AuthError::UserNotFound, &|a| a.grant_role("bob", "letters")),
        (AuthError::RoleNotFound, &|a| a.grant_role("ann", "none")),
        (AuthError::InvalidManagement, &|a| a.revoke_role("root", "root")),
        (AuthError::UserNotFound, &|a| a.revoke_role("bob", "letters")),
        (AuthError::RoleNotGranted, &|a| a.revoke_role("ann", "root")),
        (AuthError::RoleEmpty, &|a| a.add_role("")),
        (AuthError::RoleExists, &|a| a.add_role("letters")),
        (AuthError::RoleNotFound, &|a| a.delete_role("none")),
        (AuthError::InvalidManagement, &|a| a.delete_role("root")),
        (AuthError::RoleNotFound, &|a| a.grant_permission("none", Permission::new(Kind::Read, "a", ""))),
        (AuthError::InvalidManagement, &|a| {
            a.grant_permission("letters", Permission::new(Kind::Read, "b", "a"))
        }),
        (AuthError::InvalidManagement, &|a| {
            a.grant_permission("letters", Permission::new(Kind::Read, "", "b"))
        }),
        (AuthError::PermissionNotGranted, &|a| a.revoke_permission("letters", b"a", b"")),
    ];
    for (expected, change) in refusals {
        assert_eq!(change(&mut accounts), Err(expected));
    }
    assert_eq!((accounts.revision(), format!("{accounts:?}")), before);
    // Neither do these, though they succeed.
    assert_eq!(accounts.grant_role("ann", "letters"), Ok(Touched::default()));
    assert_eq!(accounts.enable(), Ok(Touched::default()));
    assert_eq!(accounts.revision(), before.0);

    let touched = accounts.delete_role("letters").unwrap();
    assert_eq!((touched.users, touched.roles), (vec!["ann".to_owned()], vec!["letters".to_owned()]));
    assert_eq!(accounts.revision(), before.0 + 1);
    assert_eq!(accounts.may_read(&now(&accounts, "ann"), b"a", b""), Err(AuthError::PermissionDenied));
}

#[test]
fn enabling_needs_root() {
    let mut accounts = Accounts::default();
    assert_eq!(accounts.enable(), Err(AuthError::RootUserNotExist));
    drop(accounts.add_user("root", "", true).unwrap());
    assert_eq!(accounts.enable(), Err(AuthError::RootRoleNotExist));
    drop(accounts.grant_role("root", "root").unwrap());
    let revision = accounts.revision();
    assert_eq!(accounts.enable(), Ok(Touched { settings: true, ..Touched::default() }));
    assert_eq!(accounts.revision(), revision);
    assert_eq!(accounts.password_of("root"), Err(AuthError::NoPasswordUser));
    drop(accounts.change_password("root", "a hash").unwrap());
    assert!(accounts.user("root").unwrap().password.is_empty());
    assert_eq!(accounts.disable(), Touched { settings: true, ..Touched::default() });
    assert_eq!(accounts.revision(), revision + 2);
    drop(accounts.delete_user("root").unwrap());
}

#[test]
fn a_permission_replaces_the_first_of_its_key_only() {
    let mut accounts = Accounts::default();
    drop(accounts.add_role("role").unwrap());
    for (kind, end) in [(Kind::Read, ""), (Kind::ReadWrite, ""), (Kind::Write, "b"), (Kind::Read, "b")] {
        drop(accounts.grant_permission("role", Permission::new(kind, "a", end)).unwrap());
    }
    let found = format!("{:?}", accounts.role("role").unwrap().permissions);
    assert_eq!(found, "[ReadWrite a.., Write a..b, Read a..b]");
    drop(accounts.revoke_permission("role", b"a", b"b").unwrap());
    assert_eq!(accounts.role("role").unwrap().permissions.len(), 1);
}

#[test]
fn hashes_do_not_show() {
    let mut accounts = Accounts::default();
    drop(accounts.add_user("ann", "s3cret", false).unwrap());
    assert!(!format!("{accounts:?}").contains("s3cret"));
}

/// One random change; what it names may not be there.
fn change() -> impl Strategy<Value = (u8, usize, usize, u8, u8)> {
    (0..8_u8, 0..3_usize, 0..3_usize, 0..4_u8, 0..5_u8)
}

fn apply(accounts: &mut Accounts, (what, user, role, key, end): (u8, usize, usize, u8, u8)) {
    let user = ["root", "ann", "bob"][user];
    let role = ["root", "r1", "r2"][role];
    let key = vec![b'a' + key];
    let range_end = match end {
        0 => Vec::new(),
        4 => vec![0],
        end => vec![b'a' + end],
    };
    let _refused = match what {
        0 => accounts.add_user(user, "", false),
        1 => accounts.add_role(role),
        2 => accounts.grant_role(user, role),
        3 => accounts.revoke_role(user, role),
        4 => accounts.delete_role(role),
        5 => accounts.delete_user(user),
        6 => accounts.revoke_permission(role, &key, &range_end),
        _ => {
            let kind = Kind::from_wire(i32::from(what + end) % 3);
            accounts.grant_permission(role, Permission::new(kind, key, range_end))
        }
    };
}

proptest! {
    /// What is kept up to date change by change equals what is worked out from scratch.
    #[test]
    fn the_cache_is_what_a_fresh_start_finds(changes in proptest::collection::vec(change(), 0..60)) {
        let mut accounts = Accounts::default();
        for change in changes {
            apply(&mut accounts, change);
        }
        let users: Vec<User> = accounts.users().cloned().collect();
        let roles: Vec<Role> = accounts.roles().cloned().collect();
        let fresh = Accounts::restore(accounts.is_enabled(), accounts.revision(), users, roles);
        prop_assert_eq!(format!("{accounts:?}"), format!("{fresh:?}"));
    }
}
