//! `GET /livez` and `/readyz`: single checks, each also at a path of its own.
//!
//! Source: etcd `server/etcdserver/api/etcdhttp/health.go` (3.6 and later).

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::any;
use bytes::Bytes;
use etcd_proto::etcdserverpb::{AlarmType, RangeRequest};
use http::{Method, StatusCode};
use tracing::{error, warn};

use super::{not_allowed, text};
use crate::api::Shared;
use crate::{Error, Replica};

/// What is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    DataCorruption,
    SerializableRead,
    LinearizableRead,
    NonLearner,
}

impl Check {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::DataCorruption => "data_corruption",
            Self::SerializableRead => "serializable_read",
            Self::LinearizableRead => "linearizable_read",
            Self::NonLearner => "non_learner",
        }
    }

    async fn run<R: Replica>(self, shared: &Shared<R>) -> Result<(), String> {
        match self {
            Self::DataCorruption => {
                let corrupt = |alarm: i32| alarm == AlarmType::Corrupt as i32;
                let found = shared.replica.alarms().iter().any(|alarm| corrupt(alarm.alarm));
                if found { Err("alarm activated: CORRUPT".to_owned()) } else { Ok(()) }
            }
            Self::SerializableRead => read(shared, true).await.map_err(|error| error.to_string()),
            Self::LinearizableRead => read(shared, false).await.map_err(|error| error.to_string()),
            Self::NonLearner if shared.replica.standing().is_learner => {
                Err("not supported for learner".to_owned())
            }
            Self::NonLearner => Ok(()),
        }
    }
}

/// Reads a key, any key: what is checked is that reads are answered.
pub(super) async fn read<R: Replica>(shared: &Shared<R>, serializable: bool) -> Result<(), Error> {
    let request = RangeRequest {
        key: Bytes::from_static(b"\0"),
        limit: 1,
        keys_only: true,
        serializable,
        ..RangeRequest::default()
    };
    let read = tokio::time::timeout(shared.options.health_timeout, shared.replica.range(request));
    match read.await {
        // Nobody who asks for health says who he is; that he is refused shows that users can be asked.
        Ok(Ok(_) | Err(Error::UserEmpty | Error::PermissionDenied)) => Ok(()),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(Error::Timeout),
    }
}

/// A path and what is checked there, in the order in which it is told.
struct Probe {
    kind: &'static str,
    checks: &'static [Check],
}

const LIVEZ: Probe = Probe { kind: "livez", checks: &[Check::SerializableRead] };
const READYZ: Probe = Probe {
    kind: "readyz",
    checks: &[Check::DataCorruption, Check::SerializableRead, Check::LinearizableRead, Check::NonLearner],
};

/// The routes of both.
pub(super) fn routes<R: Replica>() -> Router<Arc<Shared<R>>> {
    let mut router = Router::new();
    for probe in [&LIVEZ, &READYZ] {
        let root = format!("/{}", probe.kind);
        for check in probe.checks {
            let path = format!("{root}/{}", check.name());
            let check = std::slice::from_ref(check);
            router = router.route(
                &path,
                any(move |state, method, query| answer::<R>(state, method, query, probe, check, false)),
            );
        }
        router = router.route(
            &root,
            any(move |state, method, query| answer::<R>(state, method, query, probe, probe.checks, true)),
        );
    }
    router
}

async fn answer<R: Replica>(
    State(shared): State<Arc<Shared<R>>>,
    method: Method,
    Query(query): Query<Vec<(String, String)>>,
    probe: &'static Probe,
    checks: &'static [Check],
    may_exclude: bool,
) -> Response {
    if method != Method::GET {
        return not_allowed();
    }
    let mut excluded: BTreeSet<&str> = query
        .iter()
        .filter(|(name, value)| may_exclude && name == "exclude" && !value.is_empty())
        .map(|(_, value)| value.as_str())
        .collect();
    let mut told = String::new();
    let mut is_well = true;
    for check in checks {
        if excluded.remove(check.name()) {
            continue;
        }
        let outcome = check.run(&shared).await;
        shared.metrics.count_check(probe.kind, check.name(), outcome.is_ok());
        match outcome {
            Ok(()) => told.push_str(&format!("[+]{} ok\n", check.name())),
            Err(reason) => {
                is_well = false;
                told.push_str(&format!("[-]{} failed: {reason}\n", check.name()));
            }
        }
    }
    if !excluded.is_empty() {
        warn!(probe = probe.kind, unknown = ?excluded, "some health checks cannot be excluded");
    }
    if !is_well {
        error!(probe = probe.kind, reason = told, "health check failed");
        return text(StatusCode::SERVICE_UNAVAILABLE, &(told + "\n"));
    }
    let is_verbose = query.iter().any(|(name, _)| name == "verbose");
    text(StatusCode::OK, &if is_verbose { told + "ok\n" } else { "ok\n".to_owned() })
}
