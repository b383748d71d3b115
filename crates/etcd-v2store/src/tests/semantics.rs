//! Answers and errors, as etcd 3.4 gives them.

use super::*;

const SECOND: i64 = 1_000_000_000;
/// 2030-01-01 and a half.
const NOW: i64 = 1_893_456_000 * SECOND + SECOND / 2;

fn store() -> Store {
    let mut store = Store::new(Limits::default());
    store.set("/dir/file", false, "one", Expiry::NEVER).unwrap();
    store.set("/_hidden/file", false, "two", Expiry::NEVER).unwrap();
    store
}

fn json(answer: Result<std::sync::Arc<Event>, Error>) -> String {
    match answer {
        Ok(event) => event.to_json(NOW),
        Err(error) => error.to_json(),
    }
}

#[test]
fn the_guides_command_answers_as_etcd() {
    let mut store = Store::new(Limits::default());
    let path = "/discovery/6c00/_config/size";
    let first = store.set(path, false, "3", Expiry::NEVER).unwrap();
    assert!(first.is_created());
    assert_eq!(
        first.to_json(0),
        r#"{"action":"set","node":{"key":"/discovery/6c00/_config/size","value":"3","modifiedIndex":4,"createdIndex":4}}"#
    );
    let second = store.set(path, false, "3", Expiry::NEVER).unwrap();
    assert!(!second.is_created());
    assert_eq!(
        second.to_json(0),
        r#"{"action":"set","node":{"key":"/discovery/6c00/_config/size","value":"3","modifiedIndex":5,"createdIndex":5},"prevNode":{"key":"/discovery/6c00/_config/size","value":"3","modifiedIndex":4,"createdIndex":4}}"#
    );
    let listed = store.view().get("/discovery/6c00", false).unwrap();
    assert_eq!(
        listed.to_json(0),
        r#"{"action":"get","node":{"key":"/discovery/6c00","dir":true,"modifiedIndex":4,"createdIndex":4}}"#
    );
    assert_eq!(
        store.view().get("/", false).unwrap().to_json(0),
        r#"{"action":"get","node":{"dir":true,"nodes":[{"key":"/discovery","dir":true,"modifiedIndex":4,"createdIndex":4}]}}"#
    );
}

#[test]
fn refusals_name_the_first_path_that_fails_and_take_no_index() {
    type Write = fn(&mut Store) -> Result<std::sync::Arc<Event>, Error>;
    let cases: [(Write, &str); 15] = [
        (
            |s| s.update("/no/such/path", "", Expiry::NEVER),
            r#"{"errorCode":100,"message":"Key not found","cause":"/no","index":5}"#,
        ),
        (
            |s| s.set("/dir/file/below", false, "", Expiry::NEVER),
            r#"{"errorCode":104,"message":"Not a directory","cause":"/dir/file","index":5}"#,
        ),
        (
            |s| s.set("/dir", false, "x", Expiry::NEVER),
            r#"{"errorCode":102,"message":"Not a file","cause":"/dir","index":5}"#,
        ),
        (
            |s| s.create("/dir/file", false, "x", false, Expiry::NEVER),
            r#"{"errorCode":105,"message":"Key already exists","cause":"/dir/file","index":5}"#,
        ),
        (
            |s| s.create("/dir/file", false, "x", true, Expiry::NEVER),
            r#"{"errorCode":104,"message":"Not a directory","cause":"/dir/file","index":5}"#,
        ),
        (
            |s| s.set("/", false, "x", Expiry::NEVER),
            r#"{"errorCode":107,"message":"Root is read only","cause":"/","index":5}"#,
        ),
        (
            |s| s.delete("//", true, true),
            r#"{"errorCode":107,"message":"Root is read only","cause":"/","index":5}"#,
        ),
        (
            |s| s.delete("/dir", false, false),
            r#"{"errorCode":102,"message":"Not a file","cause":"/dir","index":5}"#,
        ),
        (
            |s| s.delete("/dir", true, false),
            r#"{"errorCode":108,"message":"Directory not empty","cause":"/dir","index":5}"#,
        ),
        (
            |s| s.update("/dir", "x", Expiry::NEVER),
            r#"{"errorCode":102,"message":"Not a file","cause":"/dir","index":5}"#,
        ),
        (
            |s| s.compare_and_swap("/dir/file", "two", 0, "x", Expiry::NEVER),
            r#"{"errorCode":101,"message":"Compare failed","cause":"[two != one]","index":5}"#,
        ),
        (
            |s| s.compare_and_swap("/dir/file", "two", 9, "x", Expiry::NEVER),
            r#"{"errorCode":101,"message":"Compare failed","cause":"[two != one] [9 != 4]","index":5}"#,
        ),
        (
            |s| s.compare_and_delete("/dir/file", "", 9),
            r#"{"errorCode":101,"message":"Compare failed","cause":"[9 != 4]","index":5}"#,
        ),
        (|s| s.compare_and_delete("/", "x", 0), r#"{"errorCode":102,"message":"Not a file","index":5}"#),
        (
            |s| s.set("/new", false, "", Expiry { at: Some(NOW), refresh: true }),
            r#"{"errorCode":100,"message":"Key not found","cause":"/new","index":5}"#,
        ),
    ];
    let mut store = store();
    let before = dump(&store);
    for (write, expected) in cases {
        assert_eq!(json(write(&mut store)), expected);
    }
    assert_eq!(dump(&store), before);
}

#[test]
fn in_order_keys_are_named_by_the_index() {
    let mut store = store();
    let made = store.create("/queue", false, "job", true, Expiry::NEVER).unwrap();
    assert_eq!(made.node.key, "/queue/00000000000000000006");
    assert_eq!(made.action, Action::Create);
}

#[test]
fn values_and_times_are_written_as_go_writes_them() {
    let mut store = Store::new(Limits::default());
    let expiry = Expiry::at(NOW + 9 * SECOND + SECOND / 10);
    let made = store.set("/a", false, "<\"&\u{1}\u{2028}\t>", expiry).unwrap();
    assert_eq!(
        made.to_json(NOW),
        r#"{"action":"set","node":{"key":"/a","value":"\u003c\"\u0026\u0001\u2028\t\u003e","expiration":"2030-01-01T00:00:09.6Z","ttl":10,"modifiedIndex":4,"createdIndex":4}}"#
    );
    let parsed: serde_json::Value = serde_json::from_str(&made.to_json(NOW)).unwrap();
    assert_eq!(parsed["node"]["value"], "<\"&\u{1}\u{2028}\t>");
    let ancient = store.set("/b", false, "", Expiry::at(5)).unwrap();
    assert_eq!(ancient.node.expires, None);
}

#[test]
fn what_expires_goes_by_time_and_an_update_without_time_stays() {
    let mut store = store();
    store.set("/late", false, "", Expiry::at(NOW + 2)).unwrap();
    store.create("/early", true, "", false, Expiry::at(NOW + 1)).unwrap();
    store.set("/early/below", false, "", Expiry::NEVER).unwrap();
    store.set("/kept", false, "", Expiry::at(NOW + 1)).unwrap();
    store.update("/kept", "v", Expiry::NEVER).unwrap();
    assert_eq!(store.next_expiry(), Some(NOW + 1));
    assert_eq!(store.expire(NOW), []);
    let gone: Vec<String> = store.expire(NOW + 2).iter().map(|event| event.node.key.clone()).collect();
    assert_eq!(gone, ["/early", "/late"]);
    assert_eq!(store.next_expiry(), None);
    assert!(store.view().get("/early/below", false).is_err());
    assert_eq!(store.stats().expired(), 2);
}

#[test]
fn a_refresh_keeps_the_value_and_a_directory_its_index() {
    let mut store = store();
    let refreshed = store.update("/dir/file", "", Expiry { at: Some(NOW), refresh: true }).unwrap();
    assert_eq!(refreshed.node.value.as_deref(), Some("one"));
    assert!(refreshed.to_json(NOW).ends_with(r#","refresh":true}"#));
    let event = store.update("/dir", "", Expiry::at(NOW)).unwrap();
    assert_eq!((event.node.modified, event.node.dir), (7, true));
    assert_eq!(store.view().get("/dir", false).unwrap().node.modified, 4);
}

#[test]
fn an_older_view_stays_as_it_was() {
    let mut store = store();
    let view = store.view();
    store.delete("/dir", false, true).unwrap();
    assert_eq!(view.get("/dir/file", false).unwrap().node.value.as_deref(), Some("one"));
    assert!(store.view().get("/dir", false).is_err());
}

#[test]
fn counters_are_shown_in_etcds_order() {
    let mut store = store();
    let _refused = store.delete("/none", false, false);
    let _found = store.view().get("/dir", true);
    assert_eq!(
        store.stats().to_json(2),
        r#"{"getsSuccess":1,"getsFail":0,"setsSuccess":2,"setsFail":0,"deleteSuccess":0,"deleteFail":1,"updateSuccess":0,"updateFail":0,"createSuccess":0,"createFail":0,"compareAndSwapSuccess":0,"compareAndSwapFail":0,"compareAndDeleteSuccess":0,"compareAndDeleteFail":0,"expireCount":0,"watchers":2}"#
    );
}
