//! What a cluster of etcd does when its leader is lost, and what a write to it costs.

use super::Scene;
use crate::incumbents::{etcd::Etcd, or_unavailable};
use crate::report::{Bound, Findings, Row, Side};
use crate::settings::Settings;
use std::io;

pub(super) const SCENE: Scene = Scene {
    name: "failover",
    metrics: &["B28", "Y8"],
    about: "how long three members of etcd write nothing after the loss of their leader",
    quick: false,
    run,
};

/// Members of the cluster.
const MEMBERS: usize = 3;
/// Clients that write at a time.
const CLIENTS: usize = 64;

fn run(settings: &Settings) -> io::Result<Findings> {
    let what = "worst gap of an action after the loss of its scheduler ÷ gap of writes after the loss of etcd's leader";
    let measured = || {
        let (mut gaps, mut rates) = (Vec::new(), Vec::new());
        for _ in 0..settings.rounds.min(5) {
            let mut etcd = Etcd::start(MEMBERS)?;
            rates.push(etcd.put_rate(CLIENTS, settings.period)?);
            gaps.push(etcd.lose_leader()?.as_secs_f64() * 1000.0);
        }
        let why = "no cluster of schedulers";
        Ok(vec![
            Row::not_built("B28", what, why, Some(Side::new("etcd", "ms", gaps)))
                .aims(Bound::AtMost(0.1), Bound::AtMost(0.03)),
            Row::value("Y8", "writes to three members of etcd", Side::new("64 clients", "/s", rates)),
        ])
    };
    Ok(Findings { rows: or_unavailable("B28", what, measured())?, ..Findings::default() })
}
