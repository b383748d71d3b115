use super::*;

fn counting(options: Options, leases: impl IntoIterator<Item = (i64, i64)>) -> Lessor {
    let mut lessor = Lessor::new(options);
    lessor.promote(at(0), at(0));
    for (number, ttl) in leases {
        lessor.grant(id(number), ttl).unwrap();
    }
    assert_eq!(lessor.due(at(0), 100), [], "noticed now");
    lessor
}

fn remaining(lessor: &Lessor, number: i64, now: Duration) -> Option<i64> {
    lessor.time_to_live(id(number), now).unwrap().remaining
}

#[test]
fn followers_do_not_count() {
    let mut lessor = Lessor::new(Options::default());
    lessor.grant(id(1), 5).unwrap();
    assert_eq!(lessor.renew(id(1), at(0)), Err(RenewError::NotPrimary));
    assert_eq!(lessor.due(at(1000), 10), []);
    assert_eq!(lessor.next_wake(at(0)), None);
    assert_eq!(lessor.time_to_live(id(1), at(0)), Some(TimeToLive { granted: 5, remaining: None }));
    assert_eq!(lessor.time_to_live(id(2), at(0)), None);
}

#[test]
fn a_lease_ends_unless_it_is_renewed() {
    let mut lessor = counting(Options::default(), [(1, 5), (2, 5)]);
    assert_eq!(lessor.next_wake(at(1)), Some(at(5)));
    assert_eq!(lessor.renew(id(1), at(3)), Ok(Renewed { ttl: 5, has_checkpoint: false }));
    assert_eq!(remaining(&lessor, 1, at(4)), Some(4));
    assert_eq!(lessor.due(at(5), 10), [id(2)]);
    assert_eq!(lessor.next_wake(at(5)), Some(at(8)));
    assert_eq!(lessor.renew(id(2), at(6)), Err(RenewError::Expired));
    assert_eq!(lessor.due(at(7), 10), [], "it was given out already");
    assert_eq!(
        lessor.due(at(8), 10),
        [id(1), id(2)],
        "nothing came of it: again, after the one that has ended now"
    );
    assert_eq!(lessor.revoke(id(2)).unwrap(), [""; 0]);
    assert_eq!(lessor.renew(id(2), at(8)), Err(RenewError::NotFound));
    assert_eq!(lessor.due(at(100), 10), [id(1)]);
}

#[test]
fn a_lease_that_nobody_noticed_yet_has_all_its_time() {
    let mut lessor = Lessor::new(Options::default());
    lessor.promote(at(10), at(0));
    lessor.grant(id(1), 5).unwrap();
    assert_eq!(remaining(&lessor, 1, at(10)), Some(5));
    assert_eq!(lessor.renew(id(1), at(12)).unwrap().ttl, 5);
    assert_eq!(lessor.next_wake(at(13)), Some(at(17)));
    // An id that is granted again does not inherit the end of the first.
    lessor.revoke(id(1)).unwrap();
    lessor.grant(id(1), 100).unwrap();
    assert_eq!(lessor.due(at(13), 10), []);
    assert_eq!(lessor.due(at(17), 10), []);
    assert_eq!(lessor.next_wake(at(17)), Some(at(113)));
}

#[test]
fn what_is_due_is_given_in_portions_and_in_order() {
    let mut lessor = counting(Options::default(), (1..=10).map(|number| (number, number)));
    assert_eq!(lessor.due(at(9), 4), [id(1), id(2), id(3), id(4)]);
    assert_eq!(lessor.due(at(9), 100), [id(5), id(6), id(7), id(8), id(9)]);
    assert_eq!(lessor.list(at(9)).first(), Some(&id(1)));
    // One that was granted a moment ago is where it belongs, too.
    lessor.grant(id(11), 1).unwrap();
    assert_eq!(lessor.list(at(0)).get(..2), Some(&[id(1), id(11)][..]));
}

#[test]
fn every_lease_lives_the_least_time() {
    let options = Options { min_ttl: 3, ..Options::default() };
    let mut lessor = counting(options, [(1, 1)]);
    assert_eq!(lessor.time_to_live(id(1), at(1)), Some(TimeToLive { granted: 3, remaining: Some(2) }));
    assert_eq!(lessor.renew(id(1), at(1)).unwrap().ttl, 3);
}

#[test]
fn a_new_leader_extends_and_an_old_one_forgets() {
    let mut lessor = counting(Options::default(), [(1, 5)]);
    lessor.demote();
    assert_eq!((lessor.is_primary(), lessor.due(at(100), 10)), (false, vec![]));
    lessor.promote(at(100), at(2));
    assert_eq!(remaining(&lessor, 1, at(100)), Some(7));
    assert_eq!(lessor.due(at(106), 10), []);
    assert_eq!(lessor.due(at(107), 10), [id(1)]);
    lessor.demote();
    lessor.promote(at(107), at(2));
    assert_eq!(
        lessor.renew(id(1), at(107)).unwrap().ttl,
        5,
        "it was not revoked: the new leader counts anew"
    );
}

#[test]
fn checkpoints_tell_the_next_leader_what_is_left() {
    let interval = at(300);
    let options = Options { checkpoint_interval: Some(interval), ..Options::default() };
    let mut lessor = counting(options.clone(), [(1, 299), (2, 700)]);
    assert_eq!(lessor.due_checkpoints(at(299), 10), []);
    let due = lessor.due_checkpoints(at(300) + Duration::from_millis(1), 10);
    assert_eq!(due, [(id(2), 400)], "rounded up; the short one needs none");
    assert_eq!(lessor.checkpoint(id(2), 400), Some(700));
    assert_eq!(lessor.checkpoint(id(9), 400), None);
    // Another leader takes over.
    lessor.demote();
    lessor.promote(at(310), at(1));
    assert_eq!(remaining(&lessor, 2, at(310)), Some(401));
    assert_eq!(lessor.due_checkpoints(at(610), 10), [(id(2), 101)]);
    assert_eq!(lessor.due_checkpoints(at(1000), 10), [], "what is left ends before the next one");
    // A renewal must take the checkpoint back, and begins anew.
    assert_eq!(lessor.renew(id(2), at(611)), Ok(Renewed { ttl: 700, has_checkpoint: true }));
    lessor.checkpoint(id(2), 0);
    assert_eq!(lessor.renew(id(2), at(612)), Ok(Renewed { ttl: 700, has_checkpoint: false }));
    assert_eq!(lessor.due_checkpoints(at(911), 10), [(id(2), 401)]);
    assert_eq!(lessor.due_checkpoints(at(911), 10), []);
    assert_eq!(lessor.due_checkpoints(at(1211), 10), [(id(2), 101)]);
}

#[test]
fn a_pile_is_spread_after_a_change_of_leader() {
    for (count, ttls, rate) in [(10_000, 1, 1000), (5000, 3, 100), (1000, 1, 1000), (7, 1, 1)] {
        let mut lessor = Lessor::new(Options { spread_rate: rate, ..Options::default() });
        for number in 1..=count {
            lessor.grant(id(number), 60 + number % ttls).unwrap();
        }
        lessor.promote(at(0), at(1));
        let mut last = at(0);
        let mut ended = 0;
        for second in 0_u32.. {
            let (from, to) = (at(61) + at(1) * second, at(62) + at(1) * second);
            let due = lessor.due(to - Duration::from_nanos(1), usize::MAX);
            for id in &due {
                lessor.revoke(*id).unwrap();
            }
            assert!(due.len() <= rate, "{} ends between {from:?} and {to:?}", due.len());
            ended += due.len();
            if lessor.is_empty() {
                last = to;
                break;
            }
        }
        assert_eq!(ended, usize::try_from(count).unwrap());
        let least = 61 + u64::try_from(count).unwrap() / rate as u64;
        assert!(last <= at(least + 4), "no longer than needed: {last:?}");
    }
}
