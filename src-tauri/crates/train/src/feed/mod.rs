//! From rows in a file to micro-batches: read, encoded and decoded ahead of time, on threads of their own.
//!
//! Knows rows, pixels and their order. It never touches a device.

mod load;
mod prefetch;

pub use load::{FeedError, HostBatch, HostPicture, RowSource};
pub use prefetch::{Feed, FeedConfig};
