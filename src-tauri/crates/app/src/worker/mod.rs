//! The process that computes: what is said to it, how it is watched, and what it does inside.
//!
//! The window never touches a tensor. A panic, an abort of a driver, an out-of-memory kill or a hang ends this
//! process alone; the window says so and starts another one.

mod frame;
mod inside;
mod messages;
mod outside;

pub(crate) use inside::stack_paths;
pub use inside::work;
pub(crate) use messages::{
    AnswerTask, ExportTask, ModelTask, RunButton, Task, TaskEvent, TrainTask, WireTurn, form,
};
pub(crate) use outside::Worker;
pub use outside::WorkerProgram;
