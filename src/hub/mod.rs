//! The upstream end of the line: what sites send is taken in once, and acknowledged when it is kept for good.

pub mod kept;
pub mod people;
pub mod session;

#[cfg(test)]
mod tests;
