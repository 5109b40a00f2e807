//! Parity with reference implementations.
