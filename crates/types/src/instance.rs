use crate::{EntityName, FullyQualifiedName, Revision};
use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! instance_id {
    ($(#[$doc:meta])* $name:ident($number:ty), $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $number);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

instance_id! {
    /// One controller of the cluster.
    ControllerId(u32), "controller"
}
instance_id! {
    /// One scheduler of the cluster.
    SchedulerId(u32), "scheduler"
}
instance_id! {
    /// One invoker of the cluster.
    InvokerId(u32), "invoker"
}
instance_id! {
    /// One container; unique in its invoker, and never used again there.
    ContainerId(u64), "container"
}
instance_id! {
    /// One order for a container; unique in the scheduler that gave it.
    CreationId(u64), "creation"
}

/// A container anywhere in the cluster.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ContainerRef {
    /// Where it runs.
    pub invoker: InvokerId,
    /// Which one there.
    pub container: ContainerId,
}

impl fmt::Display for ContainerRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.invoker, self.container)
    }
}

impl fmt::Debug for ContainerRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What has one queue: an action, for one invoking namespace.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct QueueKey {
    /// Who invokes.
    pub namespace: EntityName,
    /// What is invoked: the provider's own name, where it was invoked through a binding.
    pub action: FullyQualifiedName,
}

impl fmt::Display for QueueKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.namespace, self.action)
    }
}

impl fmt::Debug for QueueKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a warm container can serve: one revision of one action, for one namespace (POOL-01).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WarmKey {
    /// The queue.
    pub queue: QueueKey,
    /// The revision of the action.
    pub revision: Revision,
}
