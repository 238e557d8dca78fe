//! The REST API, entitlement and invocation.
