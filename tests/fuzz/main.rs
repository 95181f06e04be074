//! The corpus of the fuzz targets, replayed on stable Rust: what was found once is not found again.
//!
//! Fuzzing itself needs nightly Rust and `cargo install cargo-fuzz`:
//! `mkdir -p tests/fuzz/found/TARGET && cargo +nightly fuzz run --fuzz-dir tests/fuzz -s none TARGET
//! tests/fuzz/found/TARGET tests/fuzz/corpus/TARGET -- -max_total_time=600`. Without them, `BRANCHLINE_FUZZ=TARGET
//! BRANCHLINE_FUZZ_S=600 cargo test --test fuzz by_chance -- --nocapture` turns the corpus over blindly.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod blind;
mod targets;

use std::path::Path;

#[test]
fn the_corpus_of_every_target_is_taken_without_a_panic() {
    for (name, target) in targets::ALL {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(name);
        let mut files: Vec<_> = std::fs::read_dir(&folder)
            .unwrap_or_else(|why| panic!("{}: {why}", folder.display()))
            .map(|entry| entry.expect("an entry").path())
            .collect();
        files.sort();
        assert!(!files.is_empty(), "{name} has no corpus");
        for file in &files {
            target(&std::fs::read(file).expect("it can be read"));
        }
        println!("{name}: {} inputs", files.len());
    }
}
