//! Makes sandboxes, and keeps some ready so that what is dear about them is off the path.

use super::link::{FirstProcess, Link};
use super::process::{Parts, Sandbox};
use super::slots::{Slot, Slots};
use crate::cgroup::{Cgroups, GroupLimits};
use crate::config::{Config, NetworkMode};
use crate::instance::Instance;
use crate::network::Outbound;
use crate::wire::{self, Limits, Network, SandboxSpec, Users};
use base::task::{OnPanic, spawn};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use types::ByteSize;

/// How many kinds of sandboxes are kept ready at a time; those used longest ago go first.
const MAX_READY_FORMS: usize = 4;

/// How long a sandbox that was taken has the processors to itself before another is made in its place: about what an
/// executable takes to its first answer.
const HEAD_START: Duration = Duration::from_millis(10);

/// When to make another in the place of one that was taken, where so many are left.
fn refill_after(left: usize) -> Duration {
    // Whoever comes next would have to wait for one anyway.
    if left == 0 { Duration::ZERO } else { HEAD_START }
}

/// What sandboxes differ in before a program runs in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    /// The network.
    pub network: NetworkMode,
    /// The directories that it sees beyond what all see.
    pub mounts: Vec<PathBuf>,
}

/// Makes sandboxes.
#[derive(Debug)]
pub(crate) struct Maker {
    /// What all sandboxes of the instance share.
    pub shared: Arc<Shared>,
    ready: Mutex<VecDeque<(Form, Vec<Arc<Sandbox>>)>>,
    /// Held by the one task that fills up.
    filling: tokio::sync::Mutex<()>,
}

/// What all sandboxes of an instance share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub config: Config,
    pub instance: Arc<Instance>,
    pub cgroups: Cgroups,
    /// The way to the outside, while there is one.
    pub outbound: Mutex<Option<Outbound>>,
    pub link: Link,
    pub slots: Slots,
    pub rootless: bool,
}

impl Maker {
    pub(crate) fn new(shared: Arc<Shared>) -> Arc<Maker> {
        Arc::new(Maker { shared, ready: Mutex::default(), filling: tokio::sync::Mutex::default() })
    }

    /// A sandbox for a program that may use that much memory: one that is ready, or a new one.
    ///
    /// # Errors
    /// What the machine refused; nothing is left behind then.
    pub(crate) async fn take(self: &Arc<Maker>, form: &Form, memory: ByteSize) -> io::Result<Arc<Sandbox>> {
        let sandbox = match self.take_ready(form) {
            Some((sandbox, left)) => {
                self.fill_up(refill_after(left));
                sandbox
            }
            None => {
                self.fill_up(refill_after(0));
                self.make_unless_dropped(form).await?
            }
        };
        if let Err(error) = sandbox.limit(self.shared.group_limits(memory)) {
            sandbox.destroy().await;
            return Err(error);
        }
        Ok(sandbox)
    }

    /// Makes sandboxes of a form ready before anybody has asked for one.
    pub(crate) fn expect(self: &Arc<Maker>, form: Form) {
        {
            let mut ready = self.ready.lock();
            if ready.iter().all(|(known, _)| *known != form) {
                ready.push_front((form, Vec::new()));
            }
        }
        self.fill_up(Duration::ZERO);
    }

    /// Ends those that are ready, and keeps nothing of others.
    pub(crate) async fn clear(&self) {
        let all = std::mem::take(&mut *self.ready.lock());
        for sandbox in all.into_iter().flat_map(|(_, sandboxes)| sandboxes) {
            sandbox.destroy().await;
        }
        self.shared.slots.forget_networks();
    }

    /// One that is ready, and how many are left.
    fn take_ready(&self, form: &Form) -> Option<(Arc<Sandbox>, usize)> {
        let mut ready = self.ready.lock();
        let (form, mut sandboxes) = match ready.iter().position(|(known, _)| known == form) {
            Some(at) => ready.remove(at)?,
            None => (form.clone(), Vec::new()),
        };
        let taken = loop {
            match sandboxes.pop() {
                // One that has ended while nobody looked is of no use; dropping it removes the rest.
                Some(sandbox) if sandbox.has_ended() => {}
                other => break other,
            }
        };
        let taken = taken.map(|sandbox| (sandbox, sandboxes.len()));
        ready.push_front((form, sandboxes));
        let too_many: Vec<_> =
            if ready.len() > MAX_READY_FORMS { ready.drain(MAX_READY_FORMS..).collect() } else { Vec::new() };
        drop(ready);
        drop(too_many);
        taken
    }

    /// Makes a sandbox in a task of its own, so that a caller who gives up leaves no half of one: what has come of it
    /// by then is dropped, and so destroyed.
    async fn make_unless_dropped(&self, form: &Form) -> io::Result<Arc<Sandbox>> {
        let (tell, told) = tokio::sync::oneshot::channel();
        let (shared, form) = (self.shared.clone(), form.clone());
        spawn("new sandbox", OnPanic::Log, async move {
            let _ = tell.send(shared.make(&form).await);
        });
        told.await.map_err(io::Error::other)?
    }

    /// Makes what is missing after a while, one at a time, in a task of its own; does nothing while that task runs.
    fn fill_up(self: &Arc<Maker>, after: Duration) {
        if self.shared.config.ready_sandboxes == 0 {
            return;
        }
        let maker = self.clone();
        spawn("ready sandboxes", OnPanic::Log, async move {
            if !after.is_zero() {
                tokio::time::sleep(after).await;
            }
            // Whoever finds the lock taken leaves; so its holder looks once more after it has let go.
            while maker.missing().is_some() {
                let Ok(_only) = maker.filling.try_lock() else { return };
                while let Some(form) = maker.missing() {
                    match maker.shared.make(&form).await {
                        Ok(sandbox) => maker.put(&form, sandbox),
                        Err(error) => {
                            // The next one that is asked for is made on the path, and says so itself if that fails.
                            tracing::debug!(%error, "no sandbox could be made ready");
                            return;
                        }
                    }
                }
            }
        });
    }

    fn missing(&self) -> Option<Form> {
        let target = self.shared.config.ready_sandboxes as usize;
        let ready = self.ready.lock();
        ready.iter().find(|(_, sandboxes)| sandboxes.len() < target).map(|(form, _)| form.clone())
    }

    fn put(&self, form: &Form, sandbox: Arc<Sandbox>) {
        let mut ready = self.ready.lock();
        if let Some((_, sandboxes)) = ready.iter_mut().find(|(known, _)| known == form) {
            sandboxes.push(sandbox);
        }
    }
}

impl Shared {
    /// Makes a sandbox without a program.
    pub(crate) async fn make(self: &Arc<Shared>, form: &Form) -> io::Result<Arc<Sandbox>> {
        let full = || io::Error::new(io::ErrorKind::QuotaExceeded, "all sandboxes are in use");
        let Slot { number: slot, left } = self.slots.take().ok_or_else(full)?;
        let (shared, is_new) = (self.clone(), left.is_none());
        let set_up = move || {
            if is_new {
                shared.make_directory(slot)?;
            }
            shared.cgroups.make(slot)
        };
        let group = match tokio::task::spawn_blocking(set_up).await.map_err(io::Error::other)? {
            Ok(group) => group,
            Err(error) => {
                self.slots.give_back(Slot { number: slot, left: None });
                return Err(error);
            }
        };
        let network = Mutex::new(left.and_then(|left| left.network));
        let parts = Arc::new(Parts { shared: self.clone(), slot, group, network });
        let made = self.make_first(form, &parts).await;
        match made {
            Ok((pidfd, socket)) => Sandbox::prepared(parts, pidfd, socket).await,
            Err(error) => {
                parts.remove().await;
                Err(error)
            }
        }
    }

    /// The directory that programs see as `/action`.
    fn make_directory(&self, slot: u32) -> io::Result<()> {
        let dir = self.instance.slot_dir(slot);
        // Something of an earlier sandbox there must not be seen by a later one.
        match std::fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        std::fs::DirBuilder::new().recursive(true).mode(0o755).create(dir)
    }

    async fn make_first(&self, form: &Form, parts: &Parts) -> io::Result<(OwnedFd, OwnedFd)> {
        let (ours, theirs) = wire::pair()?;
        let config = &self.config;
        let spec = SandboxSpec {
            action: self.instance.slot_dir(parts.slot),
            user: self.users(parts.slot).map_or(crate::spawner::ROOTLESS_ID, |users| users.program),
            mounts: form.mounts.clone(),
            network: self.network(form.network, parts.slot),
            tmp_bytes: config.tmp.as_bytes(),
            tmp_files: u64::from(config.tmp_files),
            shm_bytes: config.shm.as_bytes(),
        };
        let (unified, joins) = (parts.group.unified()?, parts.group.joins()?);
        let kept = parts.network.lock().as_ref().map(OwnedFd::try_clone).transpose()?;
        let pidfd = self.link.make(FirstProcess { spec, socket: theirs, unified, kept, joins }).await?;
        Ok((pidfd, ours))
    }

    fn network(&self, mode: NetworkMode, slot: u32) -> Network {
        match (mode, &*self.outbound.lock()) {
            (NetworkMode::Outbound, Some(outbound)) => outbound.network(slot),
            (NetworkMode::Outbound, None) if self.config.network.fallback == NetworkMode::Host => {
                Network::Host
            }
            (NetworkMode::Outbound, None) | (NetworkMode::None, _) => Network::None,
            (NetworkMode::Host, _) => Network::Host,
        }
    }

    fn group_limits(&self, memory: ByteSize) -> GroupLimits {
        let cpus = self.config.cpus_per_gb * memory.as_bytes() as f64 / (1u64 << 30) as f64;
        GroupLimits {
            memory: memory.as_bytes(),
            processes: u64::from(self.config.processes),
            cpu_thousandths: (cpus > 0.0).then_some((cpus * 1000.0) as u64),
        }
    }

    /// Whom the processes in a slot run as.
    pub(super) fn users(&self, slot: u32) -> Option<Users> {
        let first = self.config.uid_first;
        (!self.rootless).then_some(Users { first, program: first + 1 + slot })
    }

    /// The limits of each process.
    pub(super) fn limits(&self) -> Limits {
        /// Where a cgroup counts the processes of each sandbox, the limit of its user is only a second line: the kernel
        /// counts it over the whole machine, where another server's slots may have the same users.
        const BESIDE_CGROUP: u64 = 16;
        let config = &self.config;
        let factor = if self.cgroups.version_of("pids").is_some() { BESIDE_CGROUP } else { 1 };
        Limits {
            open_files: u64::from(config.open_files),
            processes: u64::from(config.processes) * factor,
            // A file that fills /tmp is to be told that there is no space, not to be ended by a signal.
            file_bytes: config.tmp.max(config.shm).as_bytes() + (1 << 20),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_one_is_replaced_at_once_and_others_after_a_head_start() {
        assert_eq!(refill_after(0), Duration::ZERO);
        assert_eq!((refill_after(1), refill_after(7)), (HEAD_START, HEAD_START));
    }
}
