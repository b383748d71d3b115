//! What a member's disk and state machine do in one tick, and how the power can fail in the middle of it.

use etcd_consensus::{Output, Persist};
use etcd_proto::prost::Message as _;
use etcd_proto::raftpb;
use etcd_wal::Round;
use etcd_wal::sim::Fault;

use crate::checks::Ledger;
use crate::kv::Kv;
use crate::member::{ApplyJob, Live, LogJob, Member, save_mark};
use crate::network::Packet;
use crate::rng::Rng;

/// The power failed; the caller takes the member down.
#[derive(Debug)]
pub(crate) struct PowerLost;

impl Member {
    /// Takes outputs of the core until there are none, or a snapshot is to be installed.
    pub(crate) fn pump(&mut self, ledger: &mut Ledger) -> Vec<Packet> {
        let id = self.id;
        let Some(live) = &mut self.live else { return Vec::new() };
        let mut packets = Vec::new();
        loop {
            live.barrier.poll(&mut live.core);
            let output = if live.installing.is_none() { live.core.take_output() } else { None };
            let Some(output) = output else { break };
            live.take(id, output, &mut packets, ledger);
        }
        while let Some((index, readers)) = live.barrier.release(live.state.position.index) {
            for reader in readers {
                assert!(live.state.position.index >= index);
                ledger.read(id, reader.floor, live.state.position.index);
            }
        }
        packets
    }

    /// Writes some of the waiting rounds, in order, and syncs them.
    pub(crate) fn disk_step(&mut self, rng: &mut Rng, break_power: bool) -> Result<Vec<Packet>, PowerLost> {
        let Some(live) = &mut self.live else { return Ok(Vec::new()) };
        if break_power {
            self.disk.fail_at(rng.below(4), Fault::PowerLoss);
        }
        let mut packets = Vec::new();
        for _ in 0..=rng.below(3) {
            let mut rounds = Vec::new();
            let most = 1 + rng.below(6);
            while (rounds.len() as u64) < most {
                match live.log_jobs.pop_front() {
                    Some(LogJob::Round(persist)) => rounds.push(persist),
                    Some(LogJob::Mark { hard_state, mark }) => {
                        live.write(std::mem::take(&mut rounds), &mut packets)?;
                        live.mark(hard_state.as_ref(), &mark)?;
                    }
                    Some(LogJob::Install(snapshot)) => {
                        live.write(std::mem::take(&mut rounds), &mut packets)?;
                        live.apply_jobs.push_back(ApplyJob::Install(snapshot));
                    }
                    None => break,
                }
            }
            live.write(rounds, &mut packets)?;
        }
        self.disk.heal();
        Ok(packets)
    }

    /// Runs one job of the state machine; sometimes lets the database commit, and the log be cut behind it.
    pub(crate) fn apply_step(
        &mut self,
        rng: &mut Rng,
        ledger: &mut Ledger,
    ) -> Result<Vec<Packet>, PowerLost> {
        let id = self.id;
        let Some(live) = &mut self.live else { return Ok(Vec::new()) };
        let mut packets = Vec::new();
        match live.apply_jobs.pop_front() {
            Some(ApplyJob::Entries(entries)) => live.apply(id, entries, ledger),
            Some(ApplyJob::Install(metadata)) => {
                let state = live.received.remove(&metadata.index).expect("the state came before its message");
                ledger.applied(id, state.position.index, state.digest);
                self.durable = state.clone();
                if rng.chance(50) {
                    return Err(PowerLost); // between the database and the log
                }
                live.installed(state);
            }
            Some(ApplyJob::Snapshot(message)) => packets.push(live.complete(message)),
            None => {}
        }
        if rng.chance(150) {
            self.durable = live.state.clone();
            if rng.chance(300) {
                live.cut_log(&self.durable, rng.below(20));
            }
        }
        Ok(packets)
    }
}

impl Live {
    fn take(&mut self, id: u64, output: Output, packets: &mut Vec<Packet>, ledger: &mut Ledger) {
        if let Some(leadership) = output.leadership
            && leadership.role == etcd_consensus::Role::Leader
        {
            ledger.leads(id, leadership.term);
        }
        packets.extend(output.messages.into_iter().map(|message| Packet::Raft(Box::new(message))));
        match output.persist {
            Some(persist) if persist.snapshot.is_some() => {
                self.log_jobs.extend(persist.snapshot.clone().map(LogJob::Install));
                self.installing = Some(persist);
            }
            Some(persist) => self.log_jobs.push_back(LogJob::Round(persist)),
            None => {}
        }
        if !output.committed.is_empty() {
            self.apply_jobs.push_back(ApplyJob::Entries(output.committed));
        }
        self.apply_jobs.extend(output.snapshots.into_iter().map(ApplyJob::Snapshot));
        output.read_states.into_iter().for_each(|state| self.barrier.answer(state));
    }

    fn write(&mut self, rounds: Vec<Persist>, packets: &mut Vec<Packet>) -> Result<(), PowerLost> {
        let Some(newest) = rounds.last().map(|persist| persist.round) else { return Ok(()) };
        let parts: Vec<_> = rounds
            .iter()
            .map(|persist| Round { entries: &persist.entries, hard_state: persist.hard_state.as_ref() })
            .collect();
        if rounds.iter().any(|persist| persist.must_sync) {
            match self.wal.append_many(&parts, true) {
                Ok(_) => {}
                Err(etcd_wal::AppendError::Invalid { reason }) => panic!("the log refuses a round: {reason}"),
                Err(_) => return Err(PowerLost),
            }
        }
        self.core.persisted(newest);
        packets.extend(
            rounds
                .into_iter()
                .flat_map(|persist| persist.messages_after)
                .map(|message| Packet::Raft(Box::new(message))),
        );
        Ok(())
    }

    fn mark(
        &mut self,
        hard_state: Option<&raftpb::HardState>,
        mark: &raftpb::SnapshotMetadata,
    ) -> Result<(), PowerLost> {
        if let Some(hard_state) = hard_state {
            match self.wal.append(&[], Some(hard_state), false) {
                Ok(_) => {}
                Err(etcd_wal::AppendError::Invalid { reason }) => {
                    panic!("the log refuses a hard state: {reason}")
                }
                Err(_) => return Err(PowerLost),
            }
        }
        if !save_mark(&mut self.wal, mark) {
            return Err(PowerLost);
        }
        self.wal.release_to(mark.index).map_or(Err(PowerLost), |_| Ok(()))
    }

    fn apply(&mut self, id: u64, entries: Vec<raftpb::Entry>, ledger: &mut Ledger) {
        for entry in entries {
            if entry.r#type == 1 {
                let change = raftpb::ConfChange::decode(entry.data.clone()).expect("our own change");
                if let Ok(state) = self.core.apply_conf_change(&change) {
                    self.state.conf_state = state;
                }
            }
            let write = self.state.apply(&entry);
            ledger.applied(id, entry.index, self.state.digest);
            if let Some(at) =
                write.and_then(|write| self.waiting.iter().position(|number| *number == write.number))
            {
                self.waiting.swap_remove(at);
                ledger.saw(entry.index);
            }
        }
        self.core.applied(self.state.position.index);
    }

    fn installed(&mut self, state: Kv) {
        let mut persist = self.installing.take().expect("a snapshot is installed once");
        let mark = persist.snapshot.take().expect("the round of a snapshot");
        assert_eq!(state.position.index, mark.index);
        self.core.applied(mark.index);
        self.state = state;
        self.log_jobs.push_back(LogJob::Mark { hard_state: None, mark });
        self.log_jobs.push_back(LogJob::Round(persist));
    }

    /// The state as it is now, in place of what raft had in mind.
    fn complete(&self, mut message: raftpb::Message) -> Packet {
        let position = self.state.position;
        let metadata = raftpb::SnapshotMetadata {
            conf_state: Some(self.state.conf_state.clone()),
            index: position.index,
            term: position.term,
        };
        message.snapshot = Some(raftpb::Snapshot { metadata: Some(metadata), data: bytes::Bytes::new() });
        Packet::Snapshot(Box::new((message, self.state.clone())))
    }

    fn cut_log(&mut self, durable: &Kv, keep: u64) {
        let position = durable.position;
        if position.index == 0 || self.installing.is_some() {
            return;
        }
        let mark = raftpb::SnapshotMetadata {
            conf_state: Some(durable.conf_state.clone()),
            index: position.index,
            term: position.term,
        };
        self.core.compact(position.index.saturating_sub(keep));
        let hard_state = Some(self.core.durable_hard_state());
        self.log_jobs.push_back(LogJob::Mark { hard_state, mark });
    }
}
