//! The API as a table and as types: what can be asked under `/api/v1`, by whom, with which words, and what the answers
//! are. Pure: the driver's web server carries requests here and answers back.
//!
//! [`table`] is the one list of routes: the server's routing, its checks of roles and scopes, the OpenAPI document and the
//! tests read it. A new route is a line there, an operation in [`operations`], and nothing else.

pub mod bodies;
pub mod document;
pub mod errands;
pub mod feed;
pub mod figures;
pub mod knowledge;
pub mod messages;
pub mod operations;
pub mod orders;
pub mod people;
pub mod problem;
pub mod reading;
pub mod sites;
pub mod table;

pub use problem::Problem;
pub use table::{Operation, Route, TABLE};

/// What every path of the API begins with.
pub const BASE: &str = "/api/v1";
/// Bytes of the longest body that is read: no request of ours needs a tenth of it.
pub const MOST_BODY: usize = 1 << 20;
/// Bytes of the largest file that somebody sends along: a photograph as telephones take them, and what most services carry.
pub const MOST_FILE: usize = 10 << 20;
/// Rows of the longest page, and of a page whose length nobody named.
pub const MOST_ROWS: usize = 1_000;
/// See [`MOST_ROWS`].
pub const USUAL_ROWS: usize = 100;
/// What the body of a route with a form is (RFC 6749 appendix B).
pub const FORM: &str = "application/x-www-form-urlencoded";
