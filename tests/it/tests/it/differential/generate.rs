//! What to do next.

use std::collections::VecDeque;

use bytes::Bytes;
use etcd_proto::authpb::{Permission, UserAddOptions};
use etcd_proto::etcdserverpb as pb;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

use super::call::{Actor, Answer, Call, LIAR, NOBODY, Outcome};
use super::requests::{self, Known};
use super::watching::{STREAMS, Watching};

/// Leases are chosen from 1 to here; a larger one was chosen by a server.
pub(super) const LAST_LEASE: i64 = 12;

const USERS: [Actor; 4] = ["root", "ann", "bob", "cat"];
const ROLES: [&str; 4] = ["root", "letters", "all", "none"];
const PASSWORDS: [&str; 2] = ["one", "two"];

/// One step of a run.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Somebody calls.
    Call(Actor, Call),
    /// Somebody asks for a token.
    LogIn(Actor, &'static str),
    /// A watch stream is opened in this slot, in the place of another.
    Open(usize, Actor),
    Close(usize),
    Watch(usize, pb::WatchCreateRequest),
    /// A watcher is cancelled that may not be there.
    Cancel(usize, i64),
    Progress(usize),
}

/// Gives steps. What it knows of the servers is what it was told that they answered.
pub(super) struct Generator {
    random: StdRng,
    /// Of keys, transactions, compactions, leases, watches and users, in this run.
    weights: [u32; 6],
    known: Known,
    /// Whether authentication is on, and for how many steps.
    auth: Option<usize>,
    next: VecDeque<Step>,
}

impl Generator {
    /// Every seed has its own mixture, so that rare things have runs of their own.
    pub(super) fn new(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let weights =
            [30, 20, 4, 15, 15, 16].map(|usual: u32| usual * *[0, 1, 1, 3].choose(&mut random).unwrap() + 1);
        let value = if random.random_bool(0.1) { 60 << 10 } else { 0 };
        let known = Known { revision: 1, value, ..Known::default() };
        Self { random, weights, known, auth: None, next: VecDeque::new() }
    }

    pub(super) fn step(&mut self, watching: &Watching) -> Step {
        if let Some(step) = self.next.pop_front() {
            return step;
        }
        if let Some(steps) = &mut self.auth {
            *steps += 1;
            if *steps > 60 {
                self.disable_auth();
            }
        }
        let mut at = self.random.random_range(0..self.weights.iter().sum());
        let mut kind = 0;
        while at >= self.weights[kind] {
            at -= self.weights[kind];
            kind += 1;
        }
        let actor = self.actor();
        let (random, known) = (&mut self.random, &self.known);
        match kind {
            0 => Step::Call(
                actor,
                match random.random_range(0..10) {
                    0..4 => Call::Range(requests::range(random, known)),
                    4..8 => Call::Put(requests::put(random, known)),
                    8 => Call::Delete(requests::delete(random, known)),
                    _ => {
                        Call::HashKv(pb::HashKvRequest { revision: requests::revision(random, known).max(0) })
                    }
                },
            ),
            1 => Step::Call(actor, Call::Txn(requests::txn(random, known, 2))),
            2 => Step::Call(actor, Call::Compact(requests::compact(random, known))),
            3 => Step::Call(actor, self.lease()),
            4 => self.watch(actor, watching),
            _ => self.user(actor),
        }
    }

    /// Steps after which root can do everything: for the end of a run.
    pub(super) fn disable_auth(&mut self) {
        for password in PASSWORDS {
            self.next.push_back(Step::LogIn("root", password));
        }
        self.next.push_back(Step::Call("root", Call::AuthDisable(pb::AuthDisableRequest {})));
    }

    /// The steps that are already decided.
    pub(super) fn decided(&mut self) -> Option<Step> {
        self.next.pop_front()
    }

    pub(super) const fn has_auth(&self) -> bool {
        self.auth.is_some()
    }

    pub(super) fn learn(&mut self, step: &Step, outcome: &Outcome) {
        let (Step::Call(_, call), Ok(answer)) = (step, outcome) else { return };
        self.known.revision = self.known.revision.max(answer.clone().revision());
        match (call, answer) {
            (Call::Compact(request), _) => self.known.compacted = request.revision,
            (Call::Grant(_), Answer::Grant(answer)) if answer.id <= LAST_LEASE => {
                self.known.leases.push(answer.id)
            }
            (Call::Revoke(request), _) => self.known.leases.retain(|id| *id != request.id),
            (Call::AuthEnable(_), _) => {
                self.auth = self.auth.or(Some(0));
                self.known.orderly = true;
            }
            (Call::AuthDisable(_), _) => {
                self.auth = None;
                self.known.orderly = false;
            }
            _ => {}
        }
    }

    fn actor(&mut self) -> Actor {
        let actors = [NOBODY, LIAR, "root", "root", "root", "root", "ann", "ann", "ann", "bob", "bob", "cat"];
        if self.auth.is_some() { actors.choose(&mut self.random).unwrap() } else { NOBODY }
    }

    fn lease(&mut self) -> Call {
        let random = &mut self.random;
        let any = random.random_range(0..=LAST_LEASE);
        let id = if random.random_bool(0.3) {
            any
        } else {
            self.known.leases.choose(random).copied().unwrap_or(any)
        };
        match random.random_range(0..10) {
            0..4 => {
                let ttl = if random.random_bool(0.03) {
                    9_000_000_001
                } else {
                    random.random_range(1000..9_000_000)
                };
                Call::Grant(pb::LeaseGrantRequest { ttl, id: any })
            }
            4..6 => Call::Revoke(pb::LeaseRevokeRequest { id }),
            6 => Call::KeepAlive(pb::LeaseKeepAliveRequest { id }),
            7 => Call::Leases(pb::LeaseLeasesRequest {}),
            _ => Call::TimeToLive(pb::LeaseTimeToLiveRequest { id, keys: random.random_bool(0.8) }),
        }
    }

    fn watch(&mut self, actor: Actor, watching: &Watching) -> Step {
        let random = &mut self.random;
        let slot = random.random_range(1..STREAMS);
        if !watching.is_open(slot) {
            return Step::Open(slot, actor);
        }
        match random.random_range(0..20) {
            0 => Step::Open(slot, actor),
            1 => Step::Close(slot),
            2..5 => {
                match watching.live().iter().filter(|one| one.0 != 0).collect::<Vec<_>>().choose(random) {
                    Some((slot, id)) => Step::Cancel(*slot, *id),
                    None => Step::Cancel(slot, random.random_range(0..8)),
                }
            }
            5 => Step::Cancel(slot, random.random_range(0..8)),
            6..8 => Step::Progress(slot),
            // A stream has few watchers, for each event goes to all of them.
            _ if watching.live().len() < 16 => Step::Watch(slot, requests::watch(random, &self.known)),
            _ => Step::Close(slot),
        }
    }

    fn user(&mut self, actor: Actor) -> Step {
        if self.auth.is_none() && self.random.random_bool(0.15) {
            self.enable_auth();
            return self.next.pop_front().expect("it begins with a user");
        }
        let random = &mut self.random;
        if self.auth.is_some() && random.random_bool(0.3) {
            return Step::LogIn(USERS.choose(random).unwrap(), PASSWORDS.choose(random).unwrap());
        }
        let user = |random: &mut StdRng| (*USERS.choose(random).unwrap()).to_owned();
        let role = |random: &mut StdRng| (*ROLES.choose(random).unwrap()).to_owned();
        let call = match random.random_range(0..40) {
            0 => Call::AuthEnable(pb::AuthEnableRequest {}),
            1 => Call::AuthDisable(pb::AuthDisableRequest {}),
            2..6 => Call::UserAdd(add(random)),
            6..8 => Call::UserGet(pb::AuthUserGetRequest { name: user(random) }),
            8..10 => Call::UserList(pb::AuthUserListRequest {}),
            10 => Call::UserDelete(pb::AuthUserDeleteRequest { name: user(random) }),
            11..13 => Call::UserPassword(pb::AuthUserChangePasswordRequest {
                name: user(random),
                password: (*PASSWORDS.choose(random).unwrap()).to_owned(),
                ..Default::default()
            }),
            13..18 => {
                Call::UserGrant(pb::AuthUserGrantRoleRequest { user: user(random), role: role(random) })
            }
            18..20 => {
                Call::UserRevoke(pb::AuthUserRevokeRoleRequest { name: user(random), role: role(random) })
            }
            20..23 => {
                let name = if random.random_bool(0.05) { String::new() } else { role(random) };
                Call::RoleAdd(pb::AuthRoleAddRequest { name })
            }
            23..26 => Call::RoleGet(pb::AuthRoleGetRequest { role: role(random) }),
            26..28 => Call::RoleList(pb::AuthRoleListRequest {}),
            28 => Call::RoleDelete(pb::AuthRoleDeleteRequest { role: role(random) }),
            29..36 => Call::RoleGrant(grant(random)),
            _ => {
                let Permission { key, range_end, .. } = permission(random);
                Call::RoleRevoke(pb::AuthRoleRevokePermissionRequest { role: role(random), key, range_end })
            }
        };
        Step::Call(actor, call)
    }

    fn enable_auth(&mut self) {
        let mut calls = Vec::new();
        for user in USERS {
            let (name, password) = (user.to_owned(), "one".to_owned());
            calls.push(Call::UserAdd(pb::AuthUserAddRequest { name, password, ..Default::default() }));
        }
        for role in ROLES {
            calls.push(Call::RoleAdd(pb::AuthRoleAddRequest { name: role.to_owned() }));
        }
        for (user, role) in [("root", "root"), ("ann", "letters"), ("bob", "all")] {
            calls.push(Call::UserGrant(pb::AuthUserGrantRoleRequest {
                user: user.to_owned(),
                role: role.to_owned(),
            }));
        }
        for _ in 0..3 {
            calls.push(Call::RoleGrant(grant(&mut self.random)));
        }
        calls.push(Call::AuthEnable(pb::AuthEnableRequest {}));
        self.next.extend(calls.into_iter().map(|call| Step::Call(NOBODY, call)));
        self.next.extend(USERS.map(|user| Step::LogIn(user, "one")));
    }
}

fn add(random: &mut StdRng) -> pb::AuthUserAddRequest {
    let name = if random.random_bool(0.05) { "" } else { USERS.choose(random).unwrap() };
    let no_password = random.random_bool(0.1);
    pb::AuthUserAddRequest {
        name: name.to_owned(),
        password: if no_password { String::new() } else { (*PASSWORDS.choose(random).unwrap()).to_owned() },
        options: random.random_bool(0.5).then_some(UserAddOptions { no_password }),
        ..Default::default()
    }
}

fn grant(random: &mut StdRng) -> pb::AuthRoleGrantPermissionRequest {
    let name = (*ROLES[1..].choose(random).unwrap()).to_owned();
    let perm = if random.random_bool(0.02) { None } else { Some(permission(random)) };
    pb::AuthRoleGrantPermissionRequest { name, perm }
}

fn permission(random: &mut StdRng) -> Permission {
    let key = if random.random_bool(0.1) { Bytes::from_static(b"\0") } else { requests::key(random) };
    Permission {
        perm_type: random.random_range(0..3),
        range_end: requests::end(random, &key, &Known::default()),
        key,
    }
}
