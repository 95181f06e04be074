//! Codecs that are decoded here. Others are relayed as they are.

pub mod g711;
