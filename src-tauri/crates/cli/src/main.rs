//! The program `eyewright`.
fn main() {}
