//! Parts of the platform that are measured in this process, where nothing but the part itself takes time.

pub mod note;
pub mod queues;
pub mod sandboxes;
pub mod store;
