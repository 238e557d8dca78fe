//! Who calls, and what their namespace uses.

use crate::Config;
use crate::cache::{Cache, Generation};
use crate::observe::Observer;
use base::clock::Clock;
use engine::throttle::{Allowance, Throttled, Usage};
use machine::Instant;
use parking_lot::Mutex;
use secrets::ShortKeys;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use store::subject::{Authenticated, find_identity, find_owner};
use store::{ArtifactStore, StoreError};
use types::json;
use types::{AuthKey, EntityName, Identity, LimitBounds, SystemLimits, UserLimits};

/// Namespaces whose use is counted before idle ones are forgotten.
const COUNTED_NAMESPACES: usize = 4096;

/// An authenticated caller with everything about it that a request may need.
#[derive(Debug)]
pub(crate) struct Caller {
    /// Who.
    pub(crate) identity: Arc<Identity>,
    /// The same as JSON, once an intent needs it.
    written: OnceLock<Box<RawValue>>,
    /// What its namespace may do (LIM-10).
    pub(crate) limits: SystemLimits,
    /// How often.
    allowance: Allowance,
    usage: Arc<Mutex<Usage>>,
    /// Who is told of what is let in and what is not.
    observer: Arc<Observer>,
}

/// One activation's place among those in flight of its namespace; given back when it is dropped (THR-03).
#[derive(Debug)]
pub(crate) struct Place(Arc<Mutex<Usage>>);

impl Caller {
    /// Who it is, as JSON.
    pub(crate) fn written(&self) -> &RawValue {
        self.written.get_or_init(|| json::plain(&*self.identity))
    }

    /// The namespace of its credentials.
    pub(crate) fn namespace(&self) -> &EntityName {
        &self.identity.namespace.name
    }

    /// Counts one invocation and takes its place in flight (THR-01, THR-03, THR-04).
    pub(crate) fn admit(&self, unix_millis: u64) -> Result<Place, Throttled> {
        let (admitted, in_flight) = {
            let mut usage = self.usage.lock();
            (usage.admit_invocation(unix_millis, &self.allowance), usage.in_flight())
        };
        admitted.inspect_err(|throttled| self.observer.refused(&self.identity, throttled))?;
        self.observer.admitted(&self.identity, in_flight);
        Ok(Place(self.usage.clone()))
    }

    /// Takes a place in flight without asking: for a part of a sequence or composition (INV-16, INV-20), or for what an
    /// earlier process accepted.
    pub(crate) fn place_of_accepted(&self) -> Place {
        self.usage.lock().began();
        Place(self.usage.clone())
    }

    /// Counts one fire of a trigger (THR-02).
    pub(crate) fn admit_fire(&self, unix_millis: u64) -> Result<(), Throttled> {
        let admitted = self.usage.lock().admit_fire(unix_millis, &self.allowance);
        admitted.inspect_err(|throttled| self.observer.refused(&self.identity, throttled))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.lock().ended();
    }
}

/// Finds callers by their credentials and remembers them.
pub(crate) struct Identities {
    store: Arc<dyn ArtifactStore>,
    clock: Arc<dyn Clock>,
    short: ShortKeys,
    system: SystemLimits,
    namespace_defaults: UserLimits,
    controllers: u32,
    fresh_for: Duration,
    observer: Arc<Observer>,
    cache: Cache<Remembered>,
    usage: Mutex<HashMap<EntityName, Arc<Mutex<Usage>>>>,
}

struct Remembered {
    caller: Arc<Caller>,
    since: Instant,
    /// When the key ends, in milliseconds since 1970.
    until: Option<u64>,
}

impl Identities {
    pub(crate) fn new(
        store: Arc<dyn ArtifactStore>,
        clock: Arc<dyn Clock>,
        short: ShortKeys,
        config: &Config,
        observer: Arc<Observer>,
    ) -> Identities {
        Identities {
            store,
            clock,
            short,
            system: config.limits.clone(),
            namespace_defaults: config.namespace_defaults.clone(),
            controllers: config.controllers,
            fresh_for: config.identity_cache,
            observer,
            cache: Cache::new(),
            usage: Mutex::default(),
        }
    }

    /// The caller that was found for this header not long ago. The header is looked up as it is, so that a warm
    /// request decodes nothing.
    pub(crate) fn remembered(&self, header: &[u8]) -> Option<Arc<Caller>> {
        let known = self.cache.get(header)?;
        let ended = known.until.is_some_and(|until| self.clock.unix_millis() >= until);
        let fresh = self.clock.now() - known.since < self.fresh_for;
        (fresh && !ended).then(|| known.caller.clone())
    }

    /// Finds the caller that has this key, and remembers it for the header.
    pub(crate) async fn find(
        &self,
        header: &[u8],
        authkey: &AuthKey,
    ) -> Result<Option<Arc<Caller>>, StoreError> {
        let generation = self.cache.generation();
        let since = self.clock.now();
        let now = self.clock.unix_millis();
        let found = find_identity(&*self.store, authkey, &self.short, now).await?;
        Ok(found.map(|found| self.remember(header, found, since, generation)))
    }

    /// The owner of a namespace, as whom web actions run (WEB-05). `None`: there is no such namespace, or its owner is
    /// blocked.
    pub(crate) async fn owner(&self, namespace: &EntityName) -> Result<Option<Arc<Caller>>, StoreError> {
        // No header begins so.
        let key = format!("owner of {namespace}");
        if let Some(known) = self.remembered(key.as_bytes()) {
            return Ok(Some(known));
        }
        let generation = self.cache.generation();
        let since = self.clock.now();
        let found = find_owner(&*self.store, namespace).await?;
        Ok(found.map(|identity| {
            let found = Authenticated { identity, until: None };
            self.remember(key.as_bytes(), found, since, generation)
        }))
    }

    /// Makes a caller of an identity, and remembers it.
    fn remember(
        &self,
        key: &[u8],
        found: Authenticated,
        since: Instant,
        generation: Generation,
    ) -> Arc<Caller> {
        let Authenticated { identity, until } = found;
        let caller = self.caller(Arc::new(identity));
        let remembered = Arc::new(Remembered { caller: caller.clone(), since, until });
        self.cache.insert(key, remembered, generation);
        caller
    }

    /// Makes a caller of an identity that was authenticated before, such as that of an activation which an earlier
    /// process accepted.
    pub(crate) fn caller(&self, identity: Arc<Identity>) -> Arc<Caller> {
        let limits = effective(&self.system, &identity.limits.with_defaults(&self.namespace_defaults));
        let allowance = Allowance {
            invocations_per_minute: limits.invocations_per_minute,
            fires_per_minute: limits.fires_per_minute,
            concurrent_invocations: limits.concurrent_invocations,
        };
        Arc::new(Caller {
            allowance: allowance.share(self.controllers),
            usage: self.usage(&identity.namespace.name),
            limits,
            identity,
            written: OnceLock::new(),
            observer: self.observer.clone(),
        })
    }

    /// Forgets every caller: a subject or the limits of a namespace have changed (AUTH-03, AUTH-18). What namespaces
    /// use is not forgotten.
    pub(crate) fn forget(&self) {
        self.cache.invalidate(|_| true);
    }

    fn usage(&self, namespace: &EntityName) -> Arc<Mutex<Usage>> {
        let mut all = self.usage.lock();
        if let Some(usage) = all.get(namespace) {
            return usage.clone();
        }
        if all.len() >= COUNTED_NAMESPACES {
            let now = self.clock.unix_millis();
            all.retain(|_, usage| Arc::strong_count(usage) > 1 || !usage.lock().is_idle(now));
        }
        all.entry(namespace.clone()).or_default().clone()
    }
}

impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identities").finish_non_exhaustive()
    }
}

/// What a namespace may do: its own limits inside the platform's (LIM-10).
fn effective(system: &SystemLimits, own: &UserLimits) -> SystemLimits {
    fn bounds<T: Ord + Copy>(system: LimitBounds<T>, min: Option<T>, max: Option<T>) -> LimitBounds<T> {
        let inside = |value: T| value.clamp(system.min, system.max);
        let min = min.map_or(system.min, inside);
        let max = max.map_or(system.max, inside).max(min);
        LimitBounds { min, std: system.std.clamp(min, max), max }
    }
    SystemLimits {
        timeout: bounds(system.timeout, own.min_action_timeout, own.max_action_timeout),
        memory: bounds(system.memory, own.min_action_memory, own.max_action_memory),
        logs: bounds(system.logs, own.min_action_logs, own.max_action_logs),
        concurrency: bounds(system.concurrency, own.min_action_concurrency, own.max_action_concurrency),
        code: system.code,
        parameters: own.max_parameter_size.map_or(system.parameters, |own| own.min(system.parameters)),
        payload: own.max_payload_size.map_or(system.payload, |own| own.min(system.payload)),
        truncation: own.truncation_size.map_or(system.truncation, |own| own.min(system.truncation)),
        invocations_per_minute: own.invocations_per_minute.or(system.invocations_per_minute),
        fires_per_minute: own.fires_per_minute.or(system.fires_per_minute),
        concurrent_invocations: own.concurrent_invocations.or(system.concurrent_invocations),
        sequence_length: system.sequence_length,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::ByteSize;

    #[test]
    fn lim_10_own_limits_stay_inside_the_platforms() {
        let system = SystemLimits::default();
        let own = UserLimits {
            max_action_memory: Some(1 << 20),
            min_action_timeout: Some(1),
            max_action_timeout: Some(200),
            max_parameter_size: Some(ByteSize::mb(9)),
            invocations_per_minute: Some(5),
            ..UserLimits::default()
        };
        let limits = effective(&system, &own);
        assert_eq!(limits.memory, system.memory);
        assert_eq!(limits.timeout, LimitBounds { min: 100, std: 200, max: 200 });
        assert_eq!(limits.parameters, system.parameters);
        assert_eq!(limits.invocations_per_minute, Some(5));
        assert_eq!(effective(&system, &UserLimits::default()), system);
    }
}
