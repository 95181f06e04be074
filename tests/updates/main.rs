//! Updates of the whole box as `branchline update` takes them: out of a folder and from a server, on a box that is a folder with
//! files for its partitions; and the start of the box behind the last call of a real program.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod calls;
mod fetched;
mod made;
#[path = "../durability/phones.rs"]
#[allow(dead_code)]
mod phones;
mod server;
#[path = "../durability/site.rs"]
#[allow(dead_code)]
mod site;
