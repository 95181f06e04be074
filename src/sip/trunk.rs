//! trunk.
