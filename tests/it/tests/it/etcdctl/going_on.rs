//! Commands that go on until they are stopped.

use etcd_it::{Ctl, DEADLINE};
use etcd_testkit::wait_until;

use super::{Side, two};

#[test]
fn watch_prints_what_it_prints_of_a_real_etcd() {
    let Some(sides) = two() else { return };
    let [ours, theirs] = sides.each_ref().map(|Side { ctl, .. }| {
        for words in ["put w/1 a", "put w/2 b", "del w/1", "put w/1 c", "put x d"] {
            let _said = ctl.ok(&words.split(' ').collect::<Vec<_>>());
        }
        let mut printed = Vec::new();
        for (words, end) in [
            ("watch w/ --prefix --rev=1 --prev-kv", "w/1\nc\n"),
            ("watch w/1 --rev=1 --write-out=fields", "\"Lease\" : 0\n\"Type\" : \"PUT\""),
            ("watch w/2 z --rev=2 --hex", "\\x64\n"),
        ] {
            let mut running = ctl.spawn(&words.split(' ').collect::<Vec<_>>());
            let end = if words.contains("fields") { "\"ModRevision\" : 5\n" } else { end };
            let text = running.output_until(end);
            // Ids of cluster and member.
            let lines = text.lines().filter(|line| !line.contains("ID\"") && !line.contains("Term\""));
            printed.push(lines.collect::<Vec<_>>().join("\n"));
        }
        let mut typed = ctl.spawn(&["watch", "-i"]);
        typed.input("watch w/1 -- echo seen\nwatch k\nprogress\nwrong\n");
        printed.push(typed.output_until("progress notify: 6\n"));
        printed
    });
    assert_eq!(ours, theirs);
}

#[test]
fn elect_and_lock_wait_for_each_other_as_with_a_real_etcd() {
    let Some(sides) = two() else { return };
    let [ours, theirs] = sides.each_ref().map(|Side { ctl, .. }| {
        // The key ends with the number of a lease.
        let without_lease = |text: String| {
            let lines = text.lines().map(|line| match line.rsplit_once('/') {
                Some((name, lease)) if lease.len() > 10 => format!("{name}/LEASE"),
                _ => line.to_owned(),
            });
            lines.collect::<Vec<_>>()
        };
        let mut leader = ctl.spawn(&["elect", "e", "first"]);
        let mut printed = vec![without_lease(leader.output_until("first\n"))];
        let mut observer = ctl.spawn(&["elect", "e", "--listen"]);
        printed.push(without_lease(observer.output_until("first\n")));
        let mut next = ctl.spawn(&["elect", "e", "second"]);
        wait_for_keys(ctl, "e/", 2);
        printed.push(without_lease(ctl.ok(&["get", "e/", "--prefix", "--sort-by=CREATE"])));
        leader.interrupt();
        printed.push(without_lease(next.output_until("second\n")));
        printed.push(without_lease(observer.output_until("second\n")));

        let mut holder = ctl.spawn(&["lock", "l"]);
        printed.push(without_lease(holder.output_until("\n")));
        let mut waiter = ctl.spawn(&["lock", "l", "echo", "mine"]);
        wait_for_keys(ctl, "l/", 2);
        holder.interrupt();
        printed.push(without_lease(waiter.output_until("mine\n")));
        wait_for_keys(ctl, "l/", 0);
        printed
    });
    assert_eq!(ours, theirs);
}

#[test]
fn keep_alive_renews_and_a_mirror_follows() {
    let Some(sides) = two() else { return };
    // Each mirrors the other.
    let [ours, theirs] = [(0, 1), (1, 0)].map(|(from, to)| {
        let (from, to) = (&sides[from], &sides[to]);
        let granted = from.ctl.ok(&["lease", "grant", "300"]);
        let id = granted.split(' ').nth(1).expect("lease ID granted with …").to_owned();
        let mut alive = from.ctl.spawn(&["lease", "keep-alive", &id]);
        let renewed = alive.output_until("\n").replace(&id, "ID");

        let destination = to.lone.spec.client_url().replace("http://", "");
        for (key, value) in [("m/1", "a"), ("m/2", "b"), ("n", "c")] {
            let _said = from.ctl.ok(&["put", key, value]);
        }
        let prefix = if from.ctl.ok(&["get", "own"]).is_empty() { "to1/" } else { "to2/" };
        let words = ["make-mirror", "--prefix=m/", &format!("--dest-prefix={prefix}"), &destination];
        let _mirror = from.ctl.spawn(&words);
        wait_for_keys(&to.ctl, prefix, 2);
        let _said = from.ctl.ok(&["put", "m/3", "d"]);
        wait_for_keys(&to.ctl, prefix, 3);
        let _said = from.ctl.ok(&["del", "m/1"]);
        wait_for_keys(&to.ctl, prefix, 2);
        let copy = to.ctl.ok(&["get", prefix, "--prefix"]);
        let _said = [&from.ctl, &to.ctl].map(|ctl| ctl.ok(&["del", "", "--prefix"]));
        (renewed, copy)
    });
    assert_eq!(ours, theirs);
    assert_eq!(ours.1, "to1/2\nb\nto1/3\nd\n");
}

fn wait_for_keys(ctl: &Ctl, prefix: &str, count: usize) {
    wait_until(&format!("{count} keys with {prefix}"), DEADLINE, || {
        let keys = ctl.ok(&["get", prefix, "--prefix", "--keys-only"]);
        if keys.lines().filter(|line| !line.is_empty()).count() == count { Ok(()) } else { Err(keys) }
    })
    .unwrap();
}
