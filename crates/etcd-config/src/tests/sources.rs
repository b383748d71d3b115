//! Arguments, variables and the file, and what they are worth against each other.

use std::time::Duration;

use super::{accept, accept_file, refuse, run};
use crate::{Invocation, Notice};

#[test]
fn go_spelling_is_understood() {
    let (config, _) = accept(
        &["-name", "a", "--pre-vote=f", "-heartbeat-interval=0x10", "--unsafe-no-fsync", "--name=b"],
        &[],
    );
    assert_eq!(config.name, "b");
    assert!(!config.pre_vote && config.unsafe_no_fsync);
    assert_eq!(config.heartbeat_interval, Duration::from_millis(16));
    let (config, _) =
        accept(&["--backend-batch-limit", "-1", "--name", "-x", "--initial-cluster-token="], &[]);
    assert_eq!((config.name.as_str(), config.initial_cluster_token.as_str()), ("-x", ""));
    let (config, _) =
        accept(&["--backend-batch-interval", "1h2m3.5s", "--warning-apply-duration=1.5ms"], &[]);
    assert_eq!(config.backend_batch_interval, Duration::from_millis(3_723_500));
    assert_eq!(config.warning_apply_duration, Duration::from_micros(1500));
}

/// The commands of the clustering guide, as they stand there.
#[test]
fn the_commands_of_the_guide_are_understood() {
    let cluster = "infra0=http://10.0.1.10:2380,infra1=http://10.0.1.11:2380,infra2=http://10.0.1.12:2380";
    let command = format!(
        "--name infra1 --initial-advertise-peer-urls http://10.0.1.11:2380 --listen-peer-urls http://10.0.1.11:2380 \
         --listen-client-urls http://10.0.1.11:2379,http://127.0.0.1:2379 \
         --advertise-client-urls http://10.0.1.11:2379 --initial-cluster-token etcd-cluster-1 \
         --initial-cluster {cluster} --initial-cluster-state new"
    );
    let argv: Vec<&str> = command.split_whitespace().collect();
    let (config, notices) = accept(&argv, &[]);
    assert_eq!((config.name.as_str(), config.initial_cluster.as_str()), ("infra1", cluster));
    assert_eq!(config.initial_cluster_token, "etcd-cluster-1");
    assert_eq!(config.listen_client_urls.to_string(), "http://10.0.1.11:2379,http://127.0.0.1:2379");
    assert_eq!(notices.len(), 1, "{notices:?}");
    let env = [("ETCD_INITIAL_CLUSTER", cluster), ("ETCD_INITIAL_CLUSTER_STATE", "new")];
    let (config, _) = accept(&["--name=infra0", "--initial-advertise-peer-urls=http://10.0.1.10:2380"], &env);
    assert_eq!(config.initial_cluster, cluster);
}

#[test]
fn help_and_version_are_answered() {
    for argv in [&["--help"][..], &["-h"], &["-help", "--bad"], &["--name=a", "--help"]] {
        assert!(matches!(run(argv, &[], None), Ok(Invocation::PrintHelp(_))), "{argv:?}");
    }
    for argv in [&["--version"][..], &["-version=1", "--name=a"]] {
        assert!(matches!(run(argv, &[("ETCD_NAME", "b")], None), Ok(Invocation::PrintVersion)), "{argv:?}");
    }
    assert!(matches!(run(&["--version=false"], &[], None), Ok(Invocation::Run(..))));
}

#[test]
fn variables_are_used_as_texts() {
    let (config, notices) = accept(
        &["--initial-cluster-state=existing"],
        &[
            ("ETCD_INITIAL_CLUSTER_TOKEN", "007"),
            ("ETCD_NAME", "true"),
            ("ETCD_PRE_VOTE", "0"),
            ("ETCD_WAL_DIR", ""),
            ("PATH", "x"),
        ],
    );
    assert_eq!((config.initial_cluster_token.as_str(), config.name.as_str()), ("007", "true"));
    assert!(!config.pre_vote && !config.is_set("wal-dir") && config.is_set("name"));
    let used = Notice::VariableUsed { name: "ETCD_NAME".to_owned(), value: "true".to_owned() };
    assert!(notices.contains(&used), "{notices:?}");
    assert_eq!(used.to_string(), "recognized and used environment variable ETCD_NAME=true");
}

#[test]
fn unknown_variables_are_told_but_not_their_secrets() {
    let (_, notices) = accept(
        &[],
        &[("ETCD_FOO", "x"), ("ETCD_ROOT_PASSWORD", "hunter2"), ("ETCD_VERSION", "3"), ("ETCDCTL_API", "3")],
    );
    let texts: Vec<String> = notices.iter().map(ToString::to_string).collect();
    assert!(texts.contains(&"unrecognized environment variable ETCD_FOO=x".to_owned()), "{texts:?}");
    assert!(
        texts.contains(&"unrecognized environment variable ETCD_ROOT_PASSWORD=***".to_owned()),
        "{texts:?}"
    );
    assert!(
        texts.contains(&"cannot set special environment variable ETCD_VERSION=3".to_owned()),
        "{texts:?}"
    );
    assert!(!texts.iter().any(|text| text.contains("ETCDCTL")));
}

#[test]
fn a_flag_and_its_variable_conflict() {
    let conflict = |name: &str| {
        format!(
            "conflicting environment variable \"{name}\" is shadowed by corresponding command-line flag (either unset environment variable or disable flag)"
        )
    };
    let failure = refuse(
        &["--name=a", "--data-dir=d"],
        &[("ETCD_NAME", "a"), ("ETCD_DATA_DIR", "e"), ("ETCD_SNAPSHOT_COUNT", "x")],
    );
    assert_eq!(failure.mistakes[..2], [conflict("ETCD_DATA_DIR"), conflict("ETCD_NAME")]);
    assert_eq!(failure.mistakes[2], "invalid value \"x\" for ETCD_SNAPSHOT_COUNT: parse error");
    assert_eq!(failure.exit_code, 1);
    accept(&["--name=a"], &[("ETCD_NAME", "")]);
}

#[test]
fn a_file_silences_everything_else() {
    for (argv, env) in [
        (&["--name=a", "--config-file=x", "--auto-tls"][..], &[("ETCD_NAME", "b"), ("ETCD_FOO", "x")][..]),
        (&["--name=a"], &[("ETCD_NAME", "b"), ("ETCD_CONFIG_FILE", "x")]),
    ] {
        let Ok(Invocation::Run(config, notices)) = run(argv, env, Some("snapshot-count: 7\nfoo: 1")) else {
            panic!("{argv:?}")
        };
        assert_eq!((config.name.as_str(), config.snapshot_count), ("default", 7));
        assert_eq!(notices[0], Notice::File { path: "x".to_owned() });
        assert_eq!(notices[1].to_string(), "unrecognized key foo in the configuration file");
    }
}

#[test]
fn a_file_has_its_own_types() {
    let (config, _) = accept_file(
        "name: infra1\ninitial-cluster-token: 12345\nbackend-batch-interval: 250000000\n\
         warning-apply-duration: 1s\nlog-outputs: [stdout, /tmp/x]\nlisten-peer-urls: http://127.0.0.1:2,http://127.0.0.1:1\n\
         socket-options:\n  reuse-port: true\nclient-transport-security:\n  auto-tls: false\n  allowed-hostname: []\n\
         pre-vote: false\ndata-dir:\nquota-backend-bytes: 0\n",
    );
    assert_eq!((config.name.as_str(), config.initial_cluster_token.as_str()), ("infra1", "12345"));
    assert_eq!(config.backend_batch_interval, Duration::from_millis(250));
    assert_eq!(config.warning_apply_duration, Duration::from_secs(1));
    assert_eq!(config.log_outputs, ["stdout", "/tmp/x"]);
    assert_eq!(config.listen_peer_urls.to_string(), "http://127.0.0.1:1,http://127.0.0.1:2");
    assert!(config.socket_reuse_port && !config.pre_vote);
    assert_eq!(config.data_dir.to_str(), Some("infra1.etcd"));
    let (config, _) = accept_file(r#"{"name": "json", "heartbeat-interval": 50}"#);
    assert_eq!((config.name.as_str(), config.heartbeat_interval), ("json", Duration::from_millis(50)));
    let (config, _) = accept_file("initial-cluster-state: ''\nlog-format: ''\nlog-level: WARN\n");
    assert_eq!(config.initial_cluster_state, crate::ClusterState::New);
    assert_eq!((config.log_format, config.log_level), (crate::LogFormat::Json, crate::LogLevel::Warn));
    accept_file("");
    accept_file("# nothing\n");
}

#[test]
fn old_names_stand_for_the_new_ones() {
    let (config, notices) =
        accept(&["--experimental-compaction-batch-limit=7", "--debug", "--log-output=stdout"], &[]);
    assert_eq!(config.compaction_batch_limit, 7);
    assert_eq!(config.log_level, crate::LogLevel::Debug);
    assert_eq!(config.log_outputs, ["stdout"]);
    let texts: Vec<String> = notices.iter().map(ToString::to_string).collect();
    assert!(
        texts.contains(
            &"--experimental-compaction-batch-limit is deprecated; use --compaction-batch-limit instead"
                .to_owned()
        ),
        "{texts:?}"
    );
    let failure =
        refuse(&["--experimental-warning-apply-duration=1s"], &[("ETCD_WARNING_APPLY_DURATION", "2s")]);
    assert_eq!(
        failure.mistakes,
        [
            "cannot set --experimental-warning-apply-duration and --warning-apply-duration at the same time, please use --warning-apply-duration only"
        ]
    );
    let failure =
        refuse(&["--experimental-initial-corrupt-check", "--feature-gates=InitialCorruptCheck=false"], &[]);
    assert_eq!(
        failure.mistakes[0],
        "cannot specify both flags: --experimental-initial-corrupt-check=true and --feature-gates=InitialCorruptCheck=false at the same time, please just use --feature-gates=InitialCorruptCheck=false"
    );
}

#[test]
fn flags_without_effect_are_told() {
    let (_, notices) = accept(
        &["--max-snapshots=3", "--snapshot", "--backend-bbolt-freelist-type=array", "--logger=capnslog"],
        &[],
    );
    let texts: Vec<String> = notices.iter().map(ToString::to_string).collect();
    for want in [
        "flag --snapshot is no longer supported - ignoring",
        "--backend-bbolt-freelist-type has no effect: the database is not bbolt and has no such free list",
        "--logger has no effect: the log is always structured",
    ] {
        assert!(texts.iter().any(|text| text == want), "{want}: {texts:?}");
    }
    assert!(texts.iter().any(|text| text.starts_with("--max-snapshots has no effect")));
    assert!(notices.iter().all(Notice::is_warning));
}

#[test]
fn secrets_stay_secret() {
    let env = [("ETCD_DISCOVERY_PASSWORD", "hunter2"), ("ETCD_DISCOVERY_USER", "root:hunter2")];
    let (_, notices) = accept(&[], &env);
    assert!(notices.len() >= env.len());
    for notice in notices {
        assert!(!notice.to_string().contains("hunter2"), "{notice}");
    }
    let mut layers = crate::layers::Layers::new();
    let values: Vec<_> = ["discovery-password", "discovery-user", "discovery-proxy"]
        .iter()
        .map(|name| (crate::flags::by_name(name).unwrap(), "hunter2".to_owned()))
        .collect();
    layers.push_texts("test", &values, |_, text, _| text.to_owned());
    let config = layers.extract().unwrap();
    assert_eq!(config.discovery.password.expose(), "hunter2");
    let shown = format!("{config:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
}
