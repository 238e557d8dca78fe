//! Conversations with the REST API, as files: what is sent, and the shape of what must come back.
//!
//! They run against a server of their own, or against any OpenWhisk:
//! `OXIWHISK_COMPAT_URL=http://HOST:PORT OXIWHISK_COMPAT_KEY=UUID:KEY cargo test -p oxiwhisk-test-compat`, and in
//! `OXIWHISK_COMPAT_OTHER_KEY` the key of another namespace.
//! The form of the files is described in `conversations/README.md`.

mod conversation;
mod play;
pub mod transcript;

pub use conversation::Conversation;
pub use play::{Host, play};
