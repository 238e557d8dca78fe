//! `GET /metrics` (ADM-03): what was counted, and how the roles of this process stand at this moment.

use super::error::ApiError;
use super::respond::{Body, Reply};
use crate::Controller;
use base::metrics::{self, Kind, Page, labels};
use engine::pool::{Starts, ViewStage};
use http::{HeaderValue, StatusCode};
use rpc::{PoolView, QueueView};

impl Controller {
    /// ADM-03
    pub(super) fn metrics(&self) -> Result<Reply, ApiError> {
        let Some(measures) = self.observer.measures() else { return Err(ApiError::no_route()) };
        let mut page = Page::new();
        let build = labels(&[("version", &self.config.build_number), ("build", &self.config.build)]);
        page.family("oxiwhisk_build_info", Kind::Gauge, "Always 1; the labels say what is running.");
        page.sample("oxiwhisk_build_info", &build, 1);
        measures.write(&mut page);
        self.write_own(&mut page);
        if let Some(scheduler) = &self.operated.scheduler {
            write_queues(&mut page, &scheduler.queues(), scheduler.is_enabled());
        }
        let invokers = &self.operated.invokers;
        if !invokers.is_empty() {
            let pools: Vec<PoolView> = invokers.iter().map(|invoker| invoker.pool()).collect();
            write_pools(&mut page, &pools, invokers.iter().all(|invoker| invoker.is_enabled()));
        }
        let kind = HeaderValue::from_static(metrics::CONTENT_TYPE);
        Ok(Reply::new(StatusCode::OK, Body::new(page.into_text()), Some(kind)))
    }

    fn write_own(&self, page: &mut Page) {
        let name = "oxiwhisk_controller_activations_in_flight";
        page.single(name, Kind::Gauge, "Activations that have not ended.", self.pending.len());
        let name = "oxiwhisk_controller_enabled";
        page.single(name, Kind::Gauge, "Whether invocations are taken.", u8::from(self.gate.is_open()));
        let name = "oxiwhisk_controller_event_readers";
        page.single(name, Kind::Gauge, "How many read user events.", self.observer.readers());
        let (healthy, all) = self.healthy_invokers();
        let name = "oxiwhisk_scheduler_invokers";
        page.family(name, Kind::Gauge, "Invokers that the scheduler knows.");
        page.sample(name, &labels(&[("state", "up")]), healthy);
        page.sample(name, &labels(&[("state", "down")]), all - healthy);
        if let Some(supervisor) = self.balancer.supervisor() {
            let name = "oxiwhisk_controller_overloads_total";
            let help = "Activations that no invoker had room for when they came.";
            page.single(name, Kind::Counter, help, supervisor.overloads());
        }
    }
}

fn write_queues(page: &mut Page, queues: &[QueueView], enabled: bool) {
    let sum = |of: fn(&QueueView) -> u64| queues.iter().map(of).sum::<u64>();
    let gauges: [(&str, &str, u64); 7] = [
        ("enabled", "Whether activations are taken.", u64::from(enabled)),
        ("queues", "Queues: one for each action that is in use.", queues.len() as u64),
        ("waiting", "Activations that wait for a container.", sum(|queue| queue.waiting as u64)),
        ("waiting_bytes", "What they hold.", sum(|queue| queue.waiting_bytes)),
        ("in_flight", "Activations that containers have.", sum(|queue| u64::from(queue.in_flight))),
        ("containers", "Containers of all queues.", sum(|queue| queue.containers as u64)),
        ("creating", "Containers on order.", sum(|queue| queue.creating as u64)),
    ];
    for (name, help, value) in gauges {
        page.single(&format!("oxiwhisk_scheduler_{name}"), Kind::Gauge, help, value);
    }
}

/// Sums over all invokers of this process.
fn write_pools(page: &mut Page, pools: &[PoolView], enabled: bool) {
    let bytes = |of: fn(&PoolView) -> u64| pools.iter().map(of).sum::<u64>() << 20;
    let name = "oxiwhisk_invoker_enabled";
    page.single(name, Kind::Gauge, "Whether orders are taken.", u8::from(enabled));
    let name = "oxiwhisk_invoker_memory_bytes";
    page.single(name, Kind::Gauge, "The memory for containers.", bytes(|pool| pool.memory));
    let name = "oxiwhisk_invoker_memory_used_bytes";
    page.single(name, Kind::Gauge, "What of it containers hold.", bytes(|pool| pool.used));
    let name = "oxiwhisk_invoker_containers";
    page.family(name, Kind::Gauge, "Containers, by what they are at.");
    for stage in ViewStage::ALL {
        let all = pools.iter().flat_map(|pool| &pool.containers);
        let count = all.filter(|container| container.stage == stage).count();
        page.sample(name, &labels(&[("state", stage.name())]), count);
    }
    let name = "oxiwhisk_invoker_container_starts_total";
    page.family(name, Kind::Counter, "Orders for containers, by how they were carried out.");
    let sum = |of: fn(&Starts) -> u64| pools.iter().map(|pool| of(&pool.starts)).sum::<u64>();
    for (how, count) in [
        ("cold", sum(|starts| starts.cold)),
        ("prewarmed", sum(|starts| starts.stem_cell)),
        ("warmed", sum(|starts| starts.warm)),
        ("refused", sum(|starts| starts.refused)),
    ] {
        page.sample(name, &labels(&[("start", how)]), count);
    }
}
