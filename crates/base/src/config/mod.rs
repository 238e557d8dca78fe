//! Configuration: typed sections, read from layers, with all faults at once.
//!
//! A component declares its section with [`config_section!`](crate::config_section), which keeps the name, type, default
//! and text of every key in one place. A whole configuration is a section of sections; [`Sources::load`] reads it from,
//! weakest first, the defaults, a TOML file, the environment, and the command line. [`entries`] lists every key of it,
//! from which the reference page is made.
//!
//! A key that nobody knows is a fault, like a value that does not fit: a configuration is never silently wrong.

mod fault;
mod reader;
mod reference;
mod section;
mod value;

pub use fault::{Fault, Faults};
pub use reader::{Checks, Origin, Override, Reader, Sources, VARIABLE_PREFIX, variable};
pub use reference::reference;
#[doc(hidden)]
pub use section::join;
pub use section::{Entry, Setting, entries};
pub use value::{Raw, Value};
