//! Which invariants of the tree are broken?
//!
//! Checks what no compiler checks: who may depend on whom, how files begin and are named, what may be
//! committed. Each rule is one function over a [`Tree`]; reading the disk happens in `tree.rs` alone.

mod finding;
mod manifest;
mod rules;
mod source;
mod tree;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

pub(crate) use finding::Finding;
pub(crate) use tree::Tree;

/// `cargo xtask tidy`: prints one line per finding, and fails if a rule is broken.
pub(crate) fn tidy(root: &Path) -> Result<ExitCode> {
    let tree = Tree::read(root)?;
    for note in rules::NOTES.iter().flat_map(|(_, rule)| rule(&tree)) {
        println!("note: {note}");
    }
    let mut findings = 0_usize;
    for (name, rule) in rules::RULES {
        for finding in rule(&tree) {
            println!("{finding} [{name}]");
            findings += 1;
        }
    }
    if findings == 0 {
        println!("tidy: {} files, {} rules, nothing to mend", tree.files().len(), rules::RULES.len());
        return Ok(ExitCode::SUCCESS);
    }
    println!("tidy: {findings} to mend");
    Ok(ExitCode::FAILURE)
}

/// The places a rule finds in a made-up tree, as `path:line`.
#[cfg(test)]
pub(crate) fn places(rule: rules::Rule, files: &[(&str, &str)]) -> Vec<String> {
    let tree = Tree::of(files);
    rule(&tree).iter().map(|finding| format!("{}:{}", finding.path, finding.line)).collect()
}
