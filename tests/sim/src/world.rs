//! A cluster and its time.

use std::collections::BTreeMap;

use etcd_consensus::StepError;

use crate::chaos::Chaos;
use crate::checks::Ledger;
use crate::disk_steps::PowerLost;
use crate::kv::Write;
use crate::member::{Member, Read};
use crate::network::{Network, Packet};
use crate::rng::Rng;

/// Ticks of trouble.
const TROUBLE: u64 = 500;
/// Ticks in which a healed cluster has to agree.
const HEALING: u64 = 1500;

/// What a run came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The highest index that was applied.
    pub applied: u64,
    /// Terms that had a leader.
    pub terms: u64,
    /// Times that a member went down.
    pub crashes: u64,
    /// Snapshots that were installed.
    pub snapshots: u64,
    /// Ticks until everybody agreed after the trouble.
    pub healed_after: u64,
}

/// Everything.
pub(crate) struct World {
    pub(crate) now: u64,
    pub(crate) rng: Rng,
    pub(crate) members: BTreeMap<u64, Member>,
    pub(crate) network: Network,
    pub(crate) ledger: Ledger,
    pub(crate) writes: u64,
    /// Chance in 1000 that the power fails in the middle of what a member's disk does in a tick.
    pub(crate) power: u64,
    pub(crate) summary: Summary,
    pub(crate) trace: bool,
}

/// Plays `seed` with so many founding members. `trace` prints what happens.
///
/// # Panics
/// When something that must hold does not.
pub fn run(seed: u64, founders: u64, trace: bool) -> Summary {
    let mut world = World::new(seed, founders, trace);
    let mut chaos = Chaos::new(&mut world.rng);
    while world.now < TROUBLE {
        chaos.act(&mut world);
        world.tick();
    }
    world.heal();
    let healed_at = world.now;
    while !world.agrees() {
        assert!(world.now < healed_at + HEALING, "no agreement after healing: {}", world.report());
        if world.now.is_multiple_of(20) {
            world.write();
            world.read();
        }
        world.tick();
    }
    world.summary.healed_after = world.now - healed_at;
    world.summary.applied = world.ledger.highest();
    world.summary.terms = world.ledger.terms();
    world.summary
}

impl World {
    fn new(seed: u64, founders: u64, trace: bool) -> Self {
        let mut rng = Rng::new(seed);
        let members = (1..=founders).map(|id| (id, Member::new(id, founders, rng.next()))).collect();
        Self {
            now: 0,
            rng,
            members,
            network: Network::default(),
            ledger: Ledger::default(),
            writes: 0,
            power: 0,
            summary: Summary::default(),
            trace,
        }
    }

    /// Lets one tick pass for everybody.
    pub(crate) fn tick(&mut self) {
        self.now += 1;
        while let Some(packet) = self.network.receive(self.now) {
            self.deliver(packet);
        }
        let ids: Vec<_> = self.members.keys().copied().collect();
        for id in ids {
            self.turn(id);
        }
    }

    /// Starts a write at some member.
    pub(crate) fn write(&mut self) {
        let Some(id) = self.some_live() else { return };
        let batch: Vec<_> = (0..=self.rng.below(4))
            .map(|_| {
                self.writes += 1;
                Write { number: self.writes, key: u8::try_from(self.rng.below(16)).unwrap_or(0) }
            })
            .collect();
        let Some(live) = self.members.get_mut(&id).and_then(|member| member.live.as_mut()) else { return };
        if live.core.propose(batch.iter().map(|write| write.encode()).collect()).is_ok() {
            live.waiting.extend(batch.iter().map(|write| write.number));
        }
    }

    /// Starts a read at some member.
    pub(crate) fn read(&mut self) {
        let Some(id) = self.some_live() else { return };
        let floor = self.ledger.floor();
        if let Some(live) = self.members.get_mut(&id).and_then(|member| member.live.as_mut()) {
            live.barrier.add(Read { floor });
        }
    }

    pub(crate) fn some_live(&mut self) -> Option<u64> {
        let live: Vec<_> =
            self.members.values().filter(|member| member.live.is_some()).map(|m| m.id).collect();
        self.rng.pick(&live)
    }

    /// The member that leads in the highest term.
    pub(crate) fn leader(&self) -> Option<u64> {
        let leads = |member: &&Member| member.live.as_ref().is_some_and(|live| live.core.is_leader());
        let term = |member: &&Member| member.live.as_ref().map(|live| live.core.status().leadership.term);
        self.members.values().filter(leads).max_by_key(term).map(|member| member.id)
    }

    /// Takes a member down: most times its machine, else only its process.
    pub(crate) fn crash(&mut self, id: u64, back_in: u64) {
        if self.rng.chance(800) {
            return self.lose_power(id, back_in);
        }
        self.go_down(id, None, back_in);
    }

    fn lose_power(&mut self, id: u64, back_in: u64) {
        let seed = self.rng.next();
        self.go_down(id, Some(seed), back_in);
    }

    fn go_down(&mut self, id: u64, power: Option<u64>, back_in: u64) {
        self.log(|| format!("member {id} goes down, power lost: {}", power.is_some()));
        self.summary.crashes += 1;
        if let Some(member) = self.members.get_mut(&id) {
            member.crash(power, self.now + back_in);
        }
    }

    pub(crate) fn log(&self, what: impl FnOnce() -> String) {
        if self.trace {
            println_traced(self.now, &what());
        }
    }

    fn deliver(&mut self, packet: Packet) {
        let (_, to) = packet.ends();
        let Some(live) = self.members.get_mut(&to).and_then(|member| member.live.as_mut()) else { return };
        let refused = match packet {
            Packet::Raft(message) => live.core.step(*message).err(),
            Packet::Report { about, delivered, .. } => {
                live.core.report_snapshot(about, delivered);
                None
            }
            Packet::Snapshot(snapshot) => {
                let (message, state) = *snapshot;
                live.received.insert(state.position.index, state);
                self.summary.snapshots += 1;
                live.core.step(message).err()
            }
        };
        match refused {
            None => {}
            Some(error @ (StepError::UnknownPeer { .. } | StepError::Overloaded | StepError::Dropped)) => {
                self.log(|| format!("member {to} refuses: {error}"))
            }
            // All messages come from sound members.
            Some(error) => panic!("member {to}: {error}"),
        }
    }

    /// One tick of one member: clock, core, disk, state machine.
    fn turn(&mut self, id: u64) {
        let Some(member) = self.members.get_mut(&id) else { return };
        if member.live.is_none() {
            if self.now >= member.back_at {
                member.start(self.rng.next());
                self.log(|| format!("member {id} is back"));
            }
            return;
        }
        if let Some(live) = &mut member.live
            && !self.rng.chance(30)
        {
            live.core.tick();
            live.barrier.tick();
        }
        self.announce(id);
        if self.steps(id).is_err() {
            self.lose_power(id, 5);
        }
    }

    /// A leader tells of a commit now, later, or leaves it to appends and heartbeats.
    fn announce(&mut self, id: u64) {
        let (now, early) = (self.rng.chance(300), self.rng.chance(100));
        let others: Vec<_> = self.members.keys().copied().collect();
        let follower = self.rng.pick(&others);
        let Some(live) = self.members.get_mut(&id).and_then(|member| member.live.as_mut()) else { return };
        if let Some(follower) = follower.filter(|_| early) {
            live.core.announce_early_to(follower);
        }
        if now {
            live.core.announce_commit();
        }
    }

    fn steps(&mut self, id: u64) -> Result<(), PowerLost> {
        for round in 0..4 {
            let Some(member) = self.members.get_mut(&id) else { return Ok(()) };
            let mut packets = member.pump(&mut self.ledger);
            if self.rng.chance(1000 / member.slowness) {
                let break_power = round == 0 && self.rng.chance(self.power);
                packets.extend(member.disk_step(&mut self.rng, break_power)?);
            }
            if self.rng.chance(1000 / member.slowness) {
                packets.extend(member.apply_step(&mut self.rng, &mut self.ledger)?);
            }
            packets.extend(member.pump(&mut self.ledger));
            for packet in packets {
                self.network.send(self.now, packet, &mut self.rng);
            }
        }
        Ok(())
    }

    fn heal(&mut self) {
        self.log(|| "healing".to_owned());
        self.network.island.clear();
        (self.network.loss, self.network.duplication, self.network.delay) = (0, 0, 1);
        self.power = 0;
        for member in self.members.values_mut() {
            member.back_at = self.now;
            member.slowness = 1;
        }
    }

    /// Whether there is a leader, and every member of its configuration has applied all that was ever applied.
    fn agrees(&self) -> bool {
        let Some(leader) = self.leader().and_then(|id| self.members[&id].live.as_ref()) else { return false };
        let everything = leader.core.status().last_index;
        let conf = &leader.state.conf_state;
        let caught_up = |id: &u64| {
            self.members[id].live.as_ref().is_some_and(|live| {
                live.state.position.index == everything
                    && live.barrier.is_empty()
                    && live.state.conf_state == *conf
            })
        };
        everything >= self.ledger.highest() && conf.voters.iter().chain(&conf.learners).all(caught_up)
    }

    fn report(&self) -> String {
        let of = |member: &Member| match &member.live {
            None => format!("\n  {}: down until {}", member.id, member.back_at),
            Some(live) => format!(
                "\n  {}: {:?} state {:?} conf {:?} jobs {}/{} installing {} readers {}",
                member.id,
                live.core.status(),
                live.state.position,
                live.state.conf_state,
                live.log_jobs.len(),
                live.apply_jobs.len(),
                live.installing.is_some(),
                live.barrier.len(),
            ),
        };
        self.members.values().map(of).collect()
    }
}

#[expect(clippy::print_stdout, reason = "a trace is asked for on the command line of a test")]
fn println_traced(now: u64, what: &str) {
    println!("{now:5} {what}");
}
