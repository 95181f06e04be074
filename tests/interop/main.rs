//! Real peers against the demo branch: SIPp and baresip do the signalling, the tests listen to what arrives as RTP.
//!
//! Each test starts a branch of its own (`branchline demo --json`) on ports of its own, so that tests run side by
//! side. What is asserted is what a person would notice: who hears whom, who rings, what the call record says.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod branch;
mod callbacks;
mod called;
mod calls;
mod carriers;
mod codecs;
mod conferences;
mod consents;
mod desk;
mod dialogs;
mod emergency;
mod lamps;
mod names;
mod payments;
mod peer;
mod phones;
mod provisioning;
mod registering;
mod renewal;
mod seeing;
mod six;
mod sound;
mod srtp;
mod supervising;
mod surveys;
mod tapes;
mod tls;
mod tones;
mod transfers;
mod trials;
mod trunks;
mod voicemail;
