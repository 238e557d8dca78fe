use crate::service::{Scheduler, Wake};
use base::alarm::Armed;
use base::driven::Shell;
use engine::{creation, queue};
use machine::Instant;
use rpc::{CreateOrder, ExecutableAction, Order};
use std::sync::Arc;
use std::time::Duration;

/// The scheduler's orders for containers, all of them in one machine.
pub(crate) type Orders = creation::Creation<Arc<ExecutableAction>>;

impl Shell<Orders> for Scheduler {
    fn carry_out(&self, command: creation::Command<Arc<ExecutableAction>>) {
        match command {
            creation::Command::Send { invoker, creation, queue, action, deadline, insists } => {
                let (keep_count, keep_timeout) = self.keeping(&queue);
                let epoch = self.epoch;
                let order = CreateOrder {
                    creation,
                    epoch,
                    queue,
                    action,
                    deadline,
                    insists,
                    keep_count,
                    keep_timeout,
                };
                self.order(invoker, Order::Create(order));
            }
            creation::Command::Created { queue, creation, container, revision, slots, took } => {
                let event = queue::Event::Created { creation, container, revision, slots, took };
                self.tell(&queue, event);
            }
            creation::Command::Failed { queue, creation, failure } => {
                if failure != creation::StartFailure::Withdrawn {
                    tracing::warn!(%queue, %creation, %failure, "no container");
                }
                self.tell(&queue, queue::Event::CreationFailed { creation, failure });
            }
            creation::Command::Remove { container } => {
                self.order(container.invoker, Order::Remove { container: container.container });
            }
        }
    }

    fn wake_at(&self, armed: &Armed, deadline: Option<Instant>) {
        self.alarm.arm(armed, deadline, || Wake::Orders);
    }
}

impl Scheduler {
    /// What the queue's namespace says about paused containers past their time.
    fn keeping(&self, queue: &Arc<types::QueueKey>) -> (u32, Duration) {
        let Some(slot) = self.slot(queue) else { return (0, Duration::ZERO) };
        let limits = &slot.caller.limits;
        let timeout = limits.warmed_container_keeping_timeout.unwrap_or_default();
        (limits.warmed_container_keeping_count.unwrap_or_default(), Duration::from_millis(timeout))
    }
}
