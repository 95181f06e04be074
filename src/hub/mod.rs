//! The upstream end of the line: what sites send is taken in once, and acknowledged when it is kept for good.

pub mod asking;
pub mod blobs;
pub mod fleet;
pub mod interactions;
pub mod kept;
pub mod less;
pub mod people;
pub mod quota;
pub mod reporting;
pub mod session;
pub mod settings;
pub mod subject;

#[cfg(test)]
mod tests;
