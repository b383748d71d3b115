//! The crate `etcd-client` against every member.

use etcd_client::{
    Client, CompactionOptions, Compare, CompareOp, DeleteOptions, Error, GetOptions, GetResponse, PutOptions,
    SortOrder, SortTarget, Txn, TxnOp, TxnOpResponse,
};
use etcd_it::{cluster, runtime, start};
use tonic::Code;

async fn connect(url: &str) -> Client {
    Client::connect([url], None).await.unwrap()
}

/// Pairs as text, `key=value` joined by blanks.
fn pairs(answer: &GetResponse) -> String {
    let pairs =
        answer.kvs().iter().map(|kv| format!("{}={}", kv.key_str().unwrap(), kv.value_str().unwrap()));
    pairs.collect::<Vec<_>>().join(" ")
}

fn status<T: std::fmt::Debug>(outcome: Result<T, Error>) -> (Code, String) {
    match outcome {
        Err(Error::GRpcStatus(status)) => (status.code(), status.message().to_owned()),
        other => panic!("not a gRPC status: {other:?}"),
    }
}

#[test]
fn ranges_with_every_option() {
    let cluster = start(cluster(3));
    runtime().block_on(async {
        for (round, url) in cluster.client_urls().into_iter().enumerate() {
            let mut client = connect(&url).await;
            let first = client.get("x", None).await.unwrap().header().unwrap().revision();
            assert_eq!(first, 1 + 6 * i64::try_from(round).unwrap());
            // Revisions after `first`: a 1, b 2, c 3, d 4, a again 5; the deletion at the end is 6.
            for (key, value) in [("a", "4"), ("b", "3"), ("c", "2"), ("d", "1"), ("a", "5")] {
                client.put(key, value, None).await.unwrap();
            }
            let all = || GetOptions::new().with_all_keys();
            for (options, expected, count, more) in [
                (all(), "a=5 b=3 c=2 d=1", 4, false),
                (all().with_limit(3), "a=5 b=3 c=2", 4, true),
                (all().with_limit(4), "a=5 b=3 c=2 d=1", 4, false),
                (all().with_serializable(), "a=5 b=3 c=2 d=1", 4, false),
                (all().with_keys_only(), "a= b= c= d=", 4, false),
                (all().with_count_only(), "", 4, false),
                (all().with_sort(SortTarget::Key, SortOrder::Descend), "d=1 c=2 b=3 a=5", 4, false),
                (all().with_sort(SortTarget::Value, SortOrder::Ascend), "d=1 c=2 b=3 a=5", 4, false),
                (all().with_sort(SortTarget::Value, SortOrder::None), "d=1 c=2 b=3 a=5", 4, false),
                (all().with_sort(SortTarget::Mod, SortOrder::Ascend), "b=3 c=2 d=1 a=5", 4, false),
                (all().with_sort(SortTarget::Create, SortOrder::Descend).with_limit(2), "d=1 c=2", 4, true),
                (all().with_sort(SortTarget::Version, SortOrder::Descend).with_limit(1), "a=5", 4, true),
                (all().with_min_mod_revision(first + 4), "a=5 d=1", 4, false),
                (all().with_max_mod_revision(first + 3), "b=3 c=2", 4, false),
                (all().with_min_create_revision(first + 3), "c=2 d=1", 4, false),
                (all().with_max_create_revision(first + 1), "a=5", 4, false),
                (all().with_revision(first + 2), "a=4 b=3", 2, false),
            ] {
                let shown = format!("{options:?}");
                let answer = client.get("", Some(options)).await.unwrap();
                assert_eq!(
                    (&*pairs(&answer), answer.count(), answer.more()),
                    (expected, count, more),
                    "{shown}"
                );
            }
            for (key, options, expected) in [
                ("b", GetOptions::new().with_range("d"), "b=3 c=2"),
                ("b", GetOptions::new().with_from_key(), "b=3 c=2 d=1"),
                ("b", GetOptions::new().with_prefix(), "b=3"),
                ("d", GetOptions::new().with_range("b"), ""),
                ("d", GetOptions::new().with_range("d"), ""),
            ] {
                let answer = client.get(key, Some(options)).await.unwrap();
                assert_eq!(pairs(&answer), expected, "{key}");
            }
            let deleted = client.delete("", Some(DeleteOptions::new().with_all_keys().with_prev_key())).await;
            let deleted = deleted.unwrap();
            assert_eq!((deleted.deleted(), deleted.prev_kvs().len()), (4, 4));
            assert_eq!(deleted.header().unwrap().revision(), first + 6);
            let nothing = client.delete("a", None).await.unwrap();
            assert_eq!((nothing.deleted(), nothing.header().unwrap().revision()), (0, first + 6));
        }
    });
}

#[test]
fn puts_and_transactions() {
    let cluster = start(cluster(3));
    runtime().block_on(async {
        for url in cluster.client_urls() {
            let mut client = connect(&url).await;
            client.put("k", "1", None).await.unwrap();
            client.put("other", "0", None).await.unwrap();
            let put = client.put("k", "2", Some(PutOptions::new().with_prev_key())).await.unwrap();
            assert_eq!(put.prev_key().unwrap().value(), b"1");

            let inner = Txn::new()
                .when([Compare::version("k", CompareOp::Greater, 2)])
                .and_then([TxnOp::put("inner", "yes", None)])
                .or_else([TxnOp::put("inner", "no", None)]);
            let outer = Txn::new()
                .when([
                    Compare::value("k", CompareOp::Equal, "2"),
                    Compare::create_revision("missing", CompareOp::Equal, 0),
                    Compare::lease("k", CompareOp::Equal, 0),
                    Compare::mod_revision("k", CompareOp::NotEqual, 1),
                    Compare::version("k", CompareOp::Less, 100).with_prefix(),
                ])
                .and_then([
                    TxnOp::put("k", "3", None),
                    TxnOp::txn(inner),
                    TxnOp::get("inner", None),
                    TxnOp::delete("other", Some(DeleteOptions::new().with_prev_key())),
                ]);
            let answer = client.txn(outer.clone()).await.unwrap();
            assert!(answer.succeeded());
            let responses = answer.op_responses();
            let [put, inner, get, delete] = &responses[..] else { panic!("{responses:?}") };
            assert!(matches!(put, TxnOpResponse::Put(_)));
            let TxnOpResponse::Txn(inner) = inner else { panic!("{inner:?}") };
            assert!(
                !inner.succeeded(),
                "compares of an inner transaction see the store as it was before the outer one"
            );
            let TxnOpResponse::Get(get) = get else { panic!("{get:?}") };
            assert_eq!(pairs(get), "inner=no", "operations see earlier writes of the same transaction");
            let TxnOpResponse::Delete(delete) = delete else { panic!("{delete:?}") };
            assert_eq!(delete.prev_kvs()[0].value(), b"0");

            let again = client.txn(outer).await.unwrap();
            assert!(!again.succeeded() && again.op_responses().is_empty(), "its value is another now");
            assert_eq!(client.delete("k", None).await.unwrap().deleted(), 1);
        }
    });
}

#[test]
fn compaction_and_errors() {
    const COMPACTED: &str = "etcdserver: mvcc: required revision has been compacted";
    const FUTURE: &str = "etcdserver: mvcc: required revision is a future revision";
    let cluster = start(cluster(3));
    runtime().block_on(async {
        for url in cluster.client_urls() {
            let mut client = connect(&url).await;
            let mut revision = 0;
            for value in ["1", "2", "3"] {
                revision = client.put("k", value, None).await.unwrap().header().unwrap().revision();
            }
            let physical = CompactionOptions::new().with_physical();
            client.compact(revision - 1, Some(physical)).await.unwrap();
            let at = |revision| Some(GetOptions::new().with_revision(revision));
            let out_of_range = |text: &str| (Code::OutOfRange, text.to_owned());
            assert_eq!(status(client.get("k", at(revision - 2)).await), out_of_range(COMPACTED));
            assert_eq!(pairs(&client.get("k", at(revision - 1)).await.unwrap()), "k=2");
            assert_eq!(status(client.get("k", at(revision + 1)).await), out_of_range(FUTURE));
            assert_eq!(status(client.compact(revision - 1, None).await), out_of_range(COMPACTED));
            assert_eq!(status(client.compact(revision + 1, None).await), out_of_range(FUTURE));
        }
    });
}

#[test]
fn status_and_member_list() {
    let mut cluster = start(cluster(3));
    let leader = cluster.wait_for_leader().unwrap();
    runtime().block_on(async {
        let mut leader_client = connect(&cluster.client_urls()[leader]).await;
        let leader_id = leader_client.status().await.unwrap().header().unwrap().member_id();
        for url in cluster.client_urls() {
            let mut client = connect(&url).await;
            let status = client.status().await.unwrap();
            assert_eq!(status.leader(), leader_id);
            assert!(status.version().starts_with("3."), "{status:?}");
            assert!(status.raft_term() > 0 && status.raft_index() > 0 && status.db_size() > 0, "{status:?}");
            assert!(!status.is_learner() && status.errors().is_empty(), "{status:?}");
            let list = client.member_list().await.unwrap();
            let mut peers: Vec<_> =
                list.members().iter().flat_map(|member| member.peer_urls().to_vec()).collect();
            peers.sort_unstable();
            let mut expected: Vec<_> =
                cluster.members().iter().map(|member| member.spec().peer_url()).collect();
            expected.sort_unstable();
            assert_eq!(peers, expected);
        }
    });
}
