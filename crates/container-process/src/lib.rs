//! Containers as sandboxed processes of this machine's own interpreters.
