use crate::service::Invoker;
use engine::pool::{self, Pool};
use rpc::{InvokerOperations, PoolView};
use std::sync::atomic::Ordering;

impl InvokerOperations for Invoker {
    fn pool(&self) -> PoolView {
        let memory = self.config.pool.memory;
        self.pool.look(|pool| PoolView {
            invoker: self.deps.id,
            memory,
            used: pool.used(),
            containers: pool.views().collect(),
            starts: pool.starts(),
        })
    }

    fn is_enabled(&self) -> bool {
        !self.pool.look(Pool::is_draining)
    }

    fn set_enabled(&self, enabled: bool) {
        if self.stopping.load(Ordering::SeqCst) || enabled == self.is_enabled() {
            return;
        }
        if enabled {
            self.drained.send_replace(false);
            self.tell_pool(pool::Event::Open);
        } else {
            self.tell_pool(pool::Event::Drain);
        }
    }
}
