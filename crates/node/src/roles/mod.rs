//! Which roles a process has.

pub(crate) mod standalone;
