//! Projects as `wskdeploy` has them: manifests and deployment files, what they mean, and the plan that brings a namespace
//! there. Nothing here knows the network: files come through [`Files`], the environment through a function, and what
//! exists in the namespace as documents of the API.
//!
//! ```
//! # use oxiwhisk_project as project;
//! # use std::path::Path;
//! let manifest = project::Manifest::parse("manifest.yaml", "packages:\n  p:\n    triggers:\n      t: {}\n").unwrap();
//! let environment = |_: &str| None;
//! let options = project::Options::default();
//! let resolved = project::resolve(&manifest, Path::new("."), &project::Disk, &environment, &options).unwrap();
//! let plan = project::plan(&resolved.entities, &project::Existing::default(), None);
//! let shown: Vec<String> = plan.iter().map(ToString::to_string).collect();
//! assert_eq!(shown, ["+ package p", "+ trigger t"]);
//! ```

mod code;
mod entity;
mod environment;
mod export;
mod inputs;
mod manifest;
mod plan;
mod resolve;

pub use code::{Disk, Files, kind_of, kinds, pack};
pub use entity::{Entity, Kind, MANAGED, Managed};
pub use environment::interpolate;
pub use export::{Exported, export};
pub use manifest::{Api, Dependency, Inputs, Manifest, ManifestError, Package, Paths};
pub use plan::{Change, Existing, Step, plan, removal};
pub use resolve::{ApiRoute, Options, Problem, Resolved, resolve};
