//! Which roles a process has.

mod schedulers;
pub(crate) mod standalone;
