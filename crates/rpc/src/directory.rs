use crate::{ControllerLink, InvokerLink, SchedulerLink};
use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Weak};
use types::{ControllerId, InvokerId, SchedulerId};

/// Finds the link to an instance. `None`: it is not there, or not any more.
pub trait Directory: Send + Sync + fmt::Debug {
    /// The link to that controller.
    fn controller(&self, id: ControllerId) -> Option<Arc<dyn ControllerLink>>;

    /// The link to that scheduler.
    fn scheduler(&self, id: SchedulerId) -> Option<Arc<dyn SchedulerLink>>;

    /// The link to that invoker.
    fn invoker(&self, id: InvokerId) -> Option<Arc<dyn InvokerLink>>;
}

/// The instances of this process, joined by direct calls. It does not keep them alive, so roles that know each other
/// through it still go when their owner lets go of them.
#[derive(Default)]
pub struct LocalDirectory {
    controllers: RwLock<BTreeMap<ControllerId, Weak<dyn ControllerLink>>>,
    schedulers: RwLock<BTreeMap<SchedulerId, Weak<dyn SchedulerLink>>>,
    invokers: RwLock<BTreeMap<InvokerId, Weak<dyn InvokerLink>>>,
}

impl LocalDirectory {
    /// Nobody is there yet.
    #[must_use]
    pub fn new() -> Arc<LocalDirectory> {
        Arc::new(LocalDirectory::default())
    }

    /// Adds a controller, or replaces the one of that id.
    pub fn add_controller(&self, id: ControllerId, link: &Arc<dyn ControllerLink>) {
        self.controllers.write().insert(id, Arc::downgrade(link));
    }

    /// Adds a scheduler, or replaces the one of that id.
    pub fn add_scheduler(&self, id: SchedulerId, link: &Arc<dyn SchedulerLink>) {
        self.schedulers.write().insert(id, Arc::downgrade(link));
    }

    /// Adds an invoker, or replaces the one of that id.
    pub fn add_invoker(&self, id: InvokerId, link: &Arc<dyn InvokerLink>) {
        self.invokers.write().insert(id, Arc::downgrade(link));
    }
}

impl Directory for LocalDirectory {
    fn controller(&self, id: ControllerId) -> Option<Arc<dyn ControllerLink>> {
        self.controllers.read().get(&id)?.upgrade()
    }

    fn scheduler(&self, id: SchedulerId) -> Option<Arc<dyn SchedulerLink>> {
        self.schedulers.read().get(&id)?.upgrade()
    }

    fn invoker(&self, id: InvokerId) -> Option<Arc<dyn InvokerLink>> {
        self.invokers.read().get(&id)?.upgrade()
    }
}

impl fmt::Debug for LocalDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalDirectory")
            .field("controllers", &self.controllers.read().keys().collect::<Vec<_>>())
            .field("schedulers", &self.schedulers.read().keys().collect::<Vec<_>>())
            .field("invokers", &self.invokers.read().keys().collect::<Vec<_>>())
            .finish()
    }
}
