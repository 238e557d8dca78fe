//! What goes on between an activation that runs and those who watch it: followers of its log, the reader of its response.

use super::{Done, Task};
use crate::stream::Pieces;
use container::{LogLine, ResponseStream, logs};
use rpc::{ActivationMessage, Follow, Lines};
use std::sync::Arc;
use types::{ActivationId, ContainerRef};

impl Task {
    /// Waits for more lines of an activation that has begun; one that has not is asked for again.
    pub(super) fn follow(&mut self, follow: Follow) {
        let Some(container) = self.container.clone() else { return };
        let Some(open) = self.find(follow.activation) else { return };
        let limit = open.log_limit();
        if !open.has_begun() || limit.as_bytes() == 0 || !open.begin_to_follow(&follow) {
            return;
        }
        self.call(async move {
            let lines = container.follow(follow.activation, follow.from, limit).await;
            Done::Followed { follow, lines }
        });
    }

    pub(super) fn followed(&mut self, follow: &Follow, lines: &[LogLine]) {
        if let Some(open) = self.find(follow.activation) {
            open.end_to_follow(follow);
        }
        let controller = self.invoker.deps.directory.controller(follow.controller);
        if let Some(controller) = controller.filter(|_| !lines.is_empty()) {
            let lines = lines.iter().map(logs::format).collect();
            controller.lines(Lines { follower: follow.follower, from: follow.from, lines });
        }
    }

    /// What takes a response in pieces, where it may come so and somebody waits for it.
    pub(super) fn pieces(&self, message: &ActivationMessage) -> Option<Arc<dyn ResponseStream>> {
        if !message.streams {
            return None;
        }
        let deps = &self.invoker.deps;
        let controller = deps.directory.controller(message.controller)?;
        let container = ContainerRef { invoker: deps.id, container: self.id };
        Some(Arc::new(Pieces { controller, activation: message.activation_id, container }))
    }

    pub(super) fn flow(&mut self, activation: ActivationId, flow: rpc::Flow) {
        let flow = match flow {
            rpc::Flow::More => container::Flow::More,
            rpc::Flow::Stop => container::Flow::Stop,
        };
        let runs = self.find(activation).is_some_and(|open| open.has_begun());
        if let Some(container) = self.container.as_ref().filter(|_| runs) {
            container.flow(activation, flow);
        }
    }
}
