//! The same long random sequences of operations to this server and to a real etcd 3.4: every answer, every refusal,
//! every event and every hash must be equal. Where later versions differ on purpose, `rules` says what is right.
//!
//! `ETCD_IT_SEED=n` repeats one run; `ETCD_IT_STEPS=n` makes it longer or shorter, and with `ETCD_IT_RUNS=n` further
//! runs follow, each with the next seed.

mod call;
mod generate;
mod requests;
mod rules;
mod watching;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use etcd_it::{Server, foreign, is_go_3_4, runtime};
use etcd_proto::etcdserverpb as pb;

use call::{Call, NOBODY, Outcome, Side};
use generate::{Generator, Step};
use watching::Watching;

use crate::lone::Lone;

/// Runs of the suite: seeds that have shown something once, and some more.
const SEEDS: [u64; 4] = [1, 3, 13, 24];
const STEPS: usize = 350;
/// Each of them ends earlier where the disk is so slow.
const ENOUGH: Duration = Duration::from_secs(50);
/// Of a run that failed, so many steps are printed.
const TOLD: usize = 40;

#[test]
fn answers_and_events_are_those_of_a_real_etcd() {
    if is_go_3_4() {
        eprintln!("NOT TESTED: Go's etcd against itself");
        return;
    }
    let Some(program) = foreign("etcd") else { return };
    let number = |name: &str| {
        let text = std::env::var(name).ok();
        text.map(|text| text.parse::<u64>().unwrap_or_else(|_| panic!("{name} is a number")))
    };
    let (seeds, enough) = match number("ETCD_IT_SEED") {
        Some(first) => {
            let count = usize::try_from(number("ETCD_IT_RUNS").unwrap_or(1)).unwrap();
            ((first..).take(count).collect(), Duration::MAX)
        }
        None => (SEEDS.to_vec(), ENOUGH),
    };
    let steps = number("ETCD_IT_STEPS").map_or(STEPS, |steps| usize::try_from(steps).unwrap());
    for seed in seeds {
        let flags = ["--bcrypt-cost=4", "--max-request-bytes=65536"];
        let (ours, theirs) = (Lone::new(), Lone::new());
        let mut servers = [
            Server::start(&ours.scratch, ours.with(&flags)),
            Server::start_program(&program, &theirs.scratch, theirs.with(&flags), &[]),
        ];
        ours.wait_for_health(&mut servers[0]);
        theirs.wait_for_health(&mut servers[1]);
        let urls = [ours.spec.client_url(), theirs.spec.client_url()];
        runtime().block_on(async {
            let mut run = Run::start(seed, urls).await;
            if let Err(wrong) = run.all(steps, enough).await {
                panic!("{wrong}\n{}", run.story());
            }
        });
    }
}

/// One run.
struct Run {
    seed: u64,
    sides: [Side; 2],
    watching: Watching,
    generator: Generator,
    /// The last steps, and what came of them.
    told: VecDeque<String>,
    count: usize,
}

impl Run {
    async fn start(seed: u64, [ours, theirs]: [String; 2]) -> Self {
        let sides = [Side::connect(ours).await, Side::connect(theirs).await];
        let watching = Watching::start(&sides).await.unwrap();
        Self { seed, sides, watching, generator: Generator::new(seed), told: VecDeque::new(), count: 0 }
    }

    async fn all(&mut self, steps: usize, enough: Duration) -> Result<(), String> {
        let begun = Instant::now();
        while self.count < steps && begun.elapsed() < enough {
            let step = self.generator.step(&self.watching);
            self.step(step).await?;
        }
        self.end().await
    }

    /// No watcher has anything left that it should not have, and all data is the same.
    async fn end(&mut self) -> Result<(), String> {
        for (slot, id) in self.watching.live() {
            self.step(Step::Cancel(slot, id)).await?;
        }
        loop {
            while let Some(step) = self.generator.decided() {
                self.step(step).await?;
            }
            if !self.generator.has_auth() {
                break;
            }
            self.generator.disable_auth();
        }
        let everything = pb::RangeRequest { key: "\0".into(), range_end: "\0".into(), ..Default::default() };
        for call in [Call::Range(everything), Call::HashKv(pb::HashKvRequest { revision: 0 })] {
            self.step(Step::Call(NOBODY, call)).await?;
        }
        Ok(())
    }

    async fn step(&mut self, step: Step) -> Result<(), String> {
        self.count += 1;
        if self.told.len() == TOLD {
            self.told.pop_front();
        }
        self.told.push_back(format!("{step:?}"));
        match &step {
            Step::Call(actor, Call::Compact(_)) if !self.watching.settle(&self.sides, actor).await? => Ok(()),
            Step::Call(actor, call) => {
                let outcome = self.call(actor, call).await?;
                let told = self.told.back_mut().expect("it was pushed above");
                *told += &format!("\n    {outcome:?}");
                told.truncate(2000);
                self.generator.learn(&step, &outcome);
                if let Ok(answer) = outcome {
                    self.watching.follow(answer.revision()).await?;
                    match call {
                        Call::Compact(request) => self.watching.compacted = request.revision,
                        Call::AuthDisable(_) => self.watching.close_with_tokens(),
                        _ => {}
                    }
                }
                Ok(())
            }
            Step::LogIn(actor, password) => {
                let ours = self.sides[0].log_in(actor, password).await;
                let theirs = self.sides[1].log_in(actor, password).await;
                if ours == theirs { Ok(()) } else { Err(format!("ours   {ours:?}\ntheirs {theirs:?}")) }
            }
            Step::Open(slot, actor) => self.watching.open(&self.sides, *slot, actor).await,
            Step::Close(slot) => {
                self.watching.close(*slot);
                Ok(())
            }
            Step::Watch(slot, create) => self.watching.create(*slot, create).await.map(drop),
            Step::Cancel(slot, id) if self.watching.is_open(*slot) => self.watching.cancel(*slot, *id).await,
            Step::Progress(slot) if self.watching.is_open(*slot) => self.watching.progress(*slot).await,
            Step::Cancel(..) | Step::Progress(..) => Ok(()),
        }
    }

    async fn call(&self, actor: call::Actor, call: &Call) -> Result<Outcome, String> {
        let ours = self.sides[0].call(actor, call).await;
        if rules::is_refused_since(actor, call, &ours)? {
            return Ok(ours);
        }
        let theirs = rules::later(call, &ours, self.sides[1].call(actor, call).await);
        if ours == theirs { Ok(ours) } else { Err(format!("ours   {ours:?}\ntheirs {theirs:?}")) }
    }

    fn story(&self) -> String {
        let steps: Vec<_> = self.told.iter().map(String::as_str).collect();
        format!(
            "step {} of seed {}; repeat with ETCD_IT_SEED={}; the last steps:\n{}",
            self.count,
            self.seed,
            self.seed,
            steps.join("\n")
        )
    }
}
