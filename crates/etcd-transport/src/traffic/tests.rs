use super::*;

fn millis(number: u64) -> Duration {
    Duration::from_millis(number)
}

#[test]
fn latencies_are_summed_up() {
    let log = SendingLog::default();
    let none = log.read();
    assert_eq!((none.success, none.average, none.deviation), (0, 0.0, 0.0));
    assert!(none.minimum > 9e18, "as in etcd");
    for took in [2, 4, 4, 4, 5, 5, 7, 9] {
        log.succeed(1, millis(took));
    }
    log.fail();
    log.succeed(0, millis(1000));
    let read = log.read();
    assert_eq!((read.success, read.fail), (8, 1));
    assert_eq!((read.current, read.minimum, read.maximum), (9.0, 2.0, 9.0));
    assert!((read.average - 5.0).abs() < 1e-9 && (read.deviation - 2.0).abs() < 1e-9, "{read:?}");
    // A batch counts as that many messages.
    let log = SendingLog::default();
    log.succeed(3, millis(1));
    log.succeed(1, millis(5));
    assert!((log.read().average - 2.0).abs() < 1e-9);
}

#[test]
fn rates_are_those_of_the_last_second() {
    let (log, start) = (AppendsLog::default(), Instant::now());
    assert_eq!(log.read(start), Appends::default());
    log.note(1, 100, start);
    assert_eq!(log.read(start).messages_per_second, 0.0, "one says nothing");
    log.note(3, 300, start + millis(500));
    let read = log.read(start + millis(600));
    assert_eq!((read.count, read.messages_per_second, read.bytes_per_second), (4, 8.0, 800.0));
    let late = log.read(start + millis(1501));
    assert_eq!((late.count, late.messages_per_second), (4, 0.0));
}

#[test]
fn what_is_remembered_is_bounded() {
    let (log, start) = (AppendsLog::default(), Instant::now());
    for step in 0..1000 {
        log.note(1, 1, start + millis(step));
    }
    assert_eq!(log.0.lock().batches.len(), REMEMBERED);
    assert_eq!(log.read(start + millis(1000)).count, 1000);
}
