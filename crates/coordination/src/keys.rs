//! Which keys there are.
//!
//! Everything of a cluster is below its name, so that several can share one store. In an owner's key the parts are those
//! of the name it is about; no part holds a slash.

use types::{ControllerId, InvokerId, QueueKey, SchedulerId};

/// The keys of one cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    cluster: String,
}

impl Keys {
    /// The keys of the cluster of that name.
    #[must_use]
    pub fn new(cluster: &str) -> Keys {
        Keys { cluster: cluster.to_owned() }
    }

    /// What every controller's key begins with.
    #[must_use]
    pub fn controllers(&self) -> String {
        format!("{}/controllers/", self.cluster)
    }

    /// That a controller is there; its value is its address.
    #[must_use]
    pub fn controller(&self, id: ControllerId) -> String {
        format!("{}{}", self.controllers(), id.0)
    }

    /// What every scheduler's key begins with.
    #[must_use]
    pub fn schedulers(&self) -> String {
        format!("{}/schedulers/", self.cluster)
    }

    /// That a scheduler is there; its value is its address.
    #[must_use]
    pub fn scheduler(&self, id: SchedulerId) -> String {
        format!("{}{}", self.schedulers(), id.0)
    }

    /// What every invoker's key begins with.
    #[must_use]
    pub fn invokers(&self) -> String {
        format!("{}/invokers/", self.cluster)
    }

    /// That an invoker is there; its value says what it has to offer.
    #[must_use]
    pub fn invoker(&self, id: InvokerId) -> String {
        format!("{}{}", self.invokers(), id.0)
    }

    /// What the key of every queue's owner begins with.
    #[must_use]
    pub fn queues(&self) -> String {
        format!("{}/queues/", self.cluster)
    }

    /// Who owns a queue. The revision that made the key is the owner's epoch.
    #[must_use]
    pub fn queue(&self, queue: &QueueKey) -> String {
        format!("{}{}/{}", self.queues(), queue.namespace, queue.action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::{EntityName, EntityPath, FullyQualifiedName};

    #[test]
    fn keys_are_below_the_name_of_the_cluster() {
        let keys = Keys::new("blue");
        let action = FullyQualifiedName {
            path: EntityPath::parse("tools/text").unwrap(),
            name: EntityName::new("count words").unwrap(),
        };
        let queue = QueueKey { namespace: EntityName::new("guest").unwrap(), action };
        assert_eq!(keys.queue(&queue), "blue/queues/guest/tools/text/count words");
        assert_eq!(keys.scheduler(SchedulerId(3)), "blue/schedulers/3");
        assert!(keys.invoker(InvokerId(0)).starts_with(&keys.invokers()));
        assert!(keys.controller(ControllerId(7)).starts_with(&keys.controllers()));
    }
}
