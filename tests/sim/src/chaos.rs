//! The trouble: what goes wrong, and what people do meanwhile.

use bytes::Bytes;
use etcd_proto::raftpb::{self, ConfChangeType as Kind};

use crate::member::Member;
use crate::rng::Rng;
use crate::world::World;

/// Members that may join, beyond the founders.
const MAX_JOINERS: u64 = 3;

/// How much of what happens, drawn per seed. Chances in 1000, per tick.
pub(crate) struct Chaos {
    crash: u64,
    partition: u64,
    membership: u64,
    transfer: u64,
    slow: u64,
    power: u64,
    write: u64,
    read: u64,
    loss: u64,
    duplication: u64,
    delay: u64,
    founders: Option<u64>,
}

impl Chaos {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        let mut some = |most: u64| if rng.chance(700) { rng.below(most + 1) } else { 0 };
        Self {
            crash: some(15),
            partition: some(15),
            membership: some(25),
            transfer: some(15),
            slow: some(15),
            power: some(8),
            write: 200 + some(600),
            read: 100 + some(300),
            loss: some(100),
            duplication: some(80),
            delay: 1 + some(4),
            founders: None,
        }
    }

    /// Does what this tick brings.
    pub(crate) fn act(&mut self, world: &mut World) {
        self.founders.get_or_insert(world.members.len() as u64);
        (world.network.loss, world.network.duplication, world.network.delay) =
            (self.loss, self.duplication, self.delay);
        world.power = self.power;
        if world.rng.chance(self.write) {
            world.write();
        }
        if world.rng.chance(self.read) {
            world.read();
        }
        if world.rng.chance(self.crash)
            && let Some(id) = world.some_live()
        {
            let back_in = 1 + world.rng.below(60);
            world.crash(id, back_in);
        }
        if world.rng.chance(self.partition) {
            partition(world);
        }
        if world.rng.chance(self.membership) {
            self.change_members(world);
        }
        if world.rng.chance(self.transfer) {
            transfer(world);
        }
        if world.rng.chance(self.slow) {
            slow_down(world);
        }
    }

    fn change_members(&self, world: &mut World) {
        let Some(leader) = world.leader() else { return };
        let Some(live) = &world.members[&leader].live else { return };
        let conf = live.state.conf_state.clone();
        let joined = world.members.len() as u64 - self.founders.unwrap_or(0);
        let promote = world.rng.pick(&conf.learners);
        let remove = world.rng.pick(&conf.voters);
        match world.rng.below(5) {
            0 if joined < MAX_JOINERS => {
                let id = world.members.len() as u64 + 1;
                let member = Member::new(id, 0, world.rng.next());
                world.members.insert(id, member);
                propose(world, leader, Kind::ConfChangeAddLearnerNode, id);
            }
            1 => promote.into_iter().for_each(|id| propose(world, leader, Kind::ConfChangeAddNode, id)),
            2 if conf.voters.len() > 2 => {
                remove.into_iter().for_each(|id| propose(world, leader, Kind::ConfChangeRemoveNode, id));
            }
            3 if conf.voters.len() > 2 => propose(world, leader, Kind::ConfChangeRemoveNode, leader),
            4 => propose(world, leader, Kind::ConfChangeUpdateNode, leader),
            _ => {}
        }
    }
}

fn propose(world: &mut World, leader: u64, kind: Kind, node_id: u64) {
    world.log(|| format!("{kind:?} {node_id}"));
    let change = raftpb::ConfChange {
        id: world.now,
        r#type: kind.into(),
        node_id,
        context: Bytes::from_static(b"{}"),
    };
    if let Some(live) = world.members.get_mut(&leader).and_then(|member| member.live.as_mut()) {
        // One that is dropped is one that the operator has to repeat.
        let _ = live.core.propose_conf_change(&change);
    }
}

fn partition(world: &mut World) {
    world.network.island.clear();
    if world.rng.chance(600) {
        let ids: Vec<_> = world.members.keys().copied().collect();
        world.network.island = ids.into_iter().filter(|_| world.rng.chance(400)).collect();
    }
    world.log(|| format!("cut off: {:?}", world.network.island));
}

fn transfer(world: &mut World) {
    let Some(leader) = world.leader() else { return };
    let Some(live) = world.members.get_mut(&leader).and_then(|member| member.live.as_mut()) else { return };
    let Some(to) = world.rng.pick(&live.state.conf_state.voters) else { return };
    let _ = live.core.transfer_leader(to);
    world.log(|| format!("{leader} hands over to {to}"));
}

fn slow_down(world: &mut World) {
    let slowness = 1 + world.rng.below(12);
    let Some(id) = world.some_live() else { return };
    if let Some(member) = world.members.get_mut(&id) {
        member.slowness = slowness;
    }
    world.log(|| format!("member {id} slows down to 1 in {slowness}"));
}
