//! The way home: box and hub, the line between them, and what lies at both ends.

mod line;
