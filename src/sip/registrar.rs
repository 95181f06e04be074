//! registrar.
