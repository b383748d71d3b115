//! Asking a member to stop.

use etcd_it::Ended;
use etcd_testkit::Signal;

use crate::load::{connect, put_many};
use crate::lone::Lone;

/// Go's etcd dies of the signal after its clean-up; code 0 is as good.
fn assert_graceful(ended: &Ended, signal: i32) {
    assert!(ended.code == Some(0) || ended.signal == Some(signal), "{ended:?}");
}

#[test]
fn sigterm_and_sigint_end_it_well() {
    for (signal, number) in [(Signal::TERM, 15), (Signal::INT, 2)] {
        let lone = Lone::new();
        let runtime = etcd_it::runtime();
        let mut server = lone.start();
        server.wait_for_output("ready to serve client requests");
        put_many(&runtime, &[lone.spec.client_url()], "k", 50, 10);
        // A client that stays connected does not keep the server.
        let mut client = runtime.block_on(connect(&lone.spec.client_url()));
        runtime.block_on(client.get("k/0", None)).unwrap();
        server.signal(signal);
        assert_graceful(&server.wait(), number);

        let _server = lone.start();
        for key in 0..50 {
            let answer = runtime.block_on(client.get(format!("k/{key}"), None)).unwrap();
            assert_eq!(answer.kvs().len(), 1, "{key}");
        }
    }
}

#[test]
fn a_member_that_waits_for_its_cluster_can_be_stopped() {
    let lone = Lone::new();
    let mut other = Lone::new().spec;
    other.name = "infra1".to_owned();
    let arguments = lone.arguments_in(&[lone.spec.clone(), other], "etcd-it");
    let server = etcd_it::Server::start(&lone.scratch, arguments);
    etcd_testkit::wait_until("its peer port to name both members", etcd_it::DEADLINE, || {
        let members = lone.probe().members().map_err(|error| error.to_string())?;
        if members.len() == 2 { Ok(()) } else { Err(format!("{members:?}")) }
    })
    .unwrap();
    server.signal(Signal::TERM);
    assert_graceful(&server.wait(), 15);
}
