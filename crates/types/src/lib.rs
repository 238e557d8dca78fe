//! The nouns that two floors share, in their REST form.
//!
//! Everything here is what a client of the REST API could name: names, identities, actions, activations. A type that
//! holds a value holds a valid one; what can be wrong is found while parsing, with the text that clients know.
//!
//! This crate must not know the links between roles, the configuration file, or how a store lays its documents out.

mod action;
mod activation;
mod annotations;
mod delivery;
mod exec;
mod identity;
mod ids;
mod instance;
pub mod json;
mod keeping;
mod limits;
mod manifest;
mod name;
mod package;
mod parameters;
mod rule;
mod semver;
mod size;
mod trace;
mod trigger;

pub use action::{Action, ActionPut, LimitsPut};
pub use activation::{Activation, ActivationResponse, StatusCode};
pub use annotations::{Annotation, Annotations};
pub use delivery::{Attempt, CreationFailure, Epoch, NackReason};
pub use exec::{CodeExec, Exec, ExecError, looks_like_base64};
pub use identity::{AuthKey, AuthKeyError, Identity, KeyTrace, NamespaceId, Privilege, Subject, UserLimits};
pub use ids::{ActivationId, ActivationIdError, Revision, TransactionId};
pub use instance::{
    ContainerId, ContainerRef, ControllerId, CreationId, InvokerId, QueueKey, SchedulerId, WarmKey,
};
pub use keeping::{Keeping, StoreLevel};
pub use limits::{ActionLimits, LimitBounds, LimitError, SystemLimits};
pub use manifest::{ImageName, ManifestError, RuntimeKind, RuntimeManifest, StemCell};
pub use name::{EntityName, EntityPath, FullyQualifiedName, NameError};
pub use package::{Binding, Package, PackagePut};
pub use parameters::{Lock, Parameter, Parameters};
pub use rule::{Rule, RulePost, RulePut, RuleWithStatus};
pub use semver::{SemVer, SemVerError};
pub use size::{ByteSize, ByteSizeError};
pub use trace::TraceContext;
pub use trigger::{RuleLink, RuleLinks, RuleStatus, Trigger, TriggerLimits, TriggerPut};
