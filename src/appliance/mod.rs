//! The box as a thing: which version runs, which comes next, and whether it stays.
//!
//! Two slots hold a root each; a kernel on the ESP belongs to one of them by the hash in its command line. An update writes the
//! slot that does not run and puts its kernel there last. The boot loader counts the starts of a new kernel; [`gate`] says
//! whether it is healthy, and what does not get healthy makes room for the one before. Owns no disk: `cli::update`
//! reads and writes it, for whoever typed the command.

pub mod anew;
pub mod backup;
pub mod console;
pub mod gate;
pub mod hardware;
pub mod manifest;
pub mod rehearsal;
pub mod reset;
pub mod site;
pub mod slot;
pub mod support;
pub mod trouble;
pub mod window;
