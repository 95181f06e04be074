//! Which threads wait for others where the processor is short: the only file that asks the system for it.
//!
//! Whoever follows the journal, so that people can look things up, may be late; sound and acknowledgements may not.

use rustix::process::setpriority_process;

/// Steps of `nice(2)` behind the rest: a third of what another thread gets that wants the same core, and all of a core that
/// nobody wants.
const BEHIND: i32 = 5;

/// The thread that calls it gives way to the others from here on. Where the system refuses, nothing changes.
pub fn give_way() {
    // On Linux nobody in particular is the calling thread alone (setpriority(2), "C library/kernel differences").
    let _ = setpriority_process(None, BEHIND);
}
