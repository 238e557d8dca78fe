//! `GET /metrics` (ADM-03): what was counted, and how the roles of this process stand at this moment.

use super::error::ApiError;
use super::respond::{Body, Reply};
use crate::Controller;
use base::metrics::{self, Kind, Page, labels};
use engine::pool::ViewStage;
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
        if let Some(invoker) = &self.operated.invoker {
            write_pool(&mut page, &invoker.pool(), invoker.is_enabled());
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

fn write_pool(page: &mut Page, pool: &PoolView, enabled: bool) {
    let bytes = |mb: u64| mb << 20;
    let name = "oxiwhisk_invoker_enabled";
    page.single(name, Kind::Gauge, "Whether orders are taken.", u8::from(enabled));
    let name = "oxiwhisk_invoker_memory_bytes";
    page.single(name, Kind::Gauge, "The memory for containers.", bytes(pool.memory));
    let name = "oxiwhisk_invoker_memory_used_bytes";
    page.single(name, Kind::Gauge, "What of it containers hold.", bytes(pool.used));
    let name = "oxiwhisk_invoker_containers";
    page.family(name, Kind::Gauge, "Containers, by what they are at.");
    for stage in ViewStage::ALL {
        let count = pool.containers.iter().filter(|container| container.stage == stage).count();
        page.sample(name, &labels(&[("state", stage.name())]), count);
    }
    let name = "oxiwhisk_invoker_container_starts_total";
    page.family(name, Kind::Counter, "Orders for containers, by how they were carried out.");
    let starts = pool.starts;
    for (how, count) in [
        ("cold", starts.cold),
        ("prewarmed", starts.stem_cell),
        ("warmed", starts.warm),
        ("refused", starts.refused),
    ] {
        page.sample(name, &labels(&[("start", how)]), count);
    }
}
