//! TensorBoard's event files: a run's numbers for those who look at them there.
//!
//! Format: records of `length, crc(length), bytes, crc(bytes)` (TensorFlow's `record_writer`), each a protobuf
//! `Event`; CRC-32C, rotated and shifted as in `crc32c.h`. Only the few fields needed are written.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use super::{Metrics, RunError};

/// An open event file.
#[derive(Debug)]
pub(super) struct TensorBoard {
    path: PathBuf,
    file: File,
}

impl TensorBoard {
    /// A new file; steps after `step` in older files of the folder no longer count.
    pub(super) fn create(folder: &Path, step: u64) -> Result<Self, RunError> {
        let seconds = now() as u64;
        let mut number = 0;
        let (path, file) = loop {
            // Two starts within a second get a file each.
            let path = folder.join(format!("events.out.tfevents.{seconds}.{}.{number}", std::process::id()));
            match File::create_new(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && number < 100 => {
                    number += 1
                }
                file => break (path.clone(), file.map_err(RunError::disk("create", &path))?),
            }
        };
        let mut board = Self { path, file };
        let mut version = Message::event(0);
        version.text(3, "brain.Event:2");
        board.write(&version)?;
        // SessionLog { status: START } at a step tells TensorBoard to forget what comes after it. The first step is no
        // exception: a run that stopped before its first checkpoint takes its steps again.
        let mut start = Message::event(step + 1);
        let mut log = Message::default();
        log.number(1, 1);
        start.message(7, &log);
        board.write(&start)?;
        Ok(board)
    }

    pub(super) fn step(&mut self, metrics: &Metrics) -> Result<(), RunError> {
        let mut values = vec![
            ("train/lr_projector", metrics.lr.projector),
            ("train/lr_llm", metrics.lr.llm),
            ("train/lr_tower", metrics.lr.tower),
            ("speed/tokens_per_second", metrics.tokens_per_second),
            ("speed/ms", metrics.ms),
            ("speed/memory_mib", metrics.memory as f64 / f64::from(1 << 20)),
        ];
        values.extend(metrics.loss.map(|loss| ("train/loss", loss)));
        values.extend(metrics.grad_norm.map(|norm| ("train/grad_norm", norm)));
        self.scalars(metrics.step, &values)
    }

    pub(super) fn scalars(&mut self, step: u64, values: &[(&str, f64)]) -> Result<(), RunError> {
        let mut summary = Message::default();
        for (tag, value) in values {
            let mut entry = Message::default();
            entry.text(1, tag);
            entry.float(2, *value as f32);
            summary.message(1, &entry);
        }
        let mut event = Message::event(step);
        event.message(5, &summary);
        self.write(&event)
    }

    fn write(&mut self, event: &Message) -> Result<(), RunError> {
        self.file.write_all(&record(&event.0)).map_err(RunError::disk("write", &self.path))
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

fn record(bytes: &[u8]) -> Vec<u8> {
    let length = (bytes.len() as u64).to_le_bytes();
    let mut record = length.to_vec();
    record.extend(masked_crc(&length).to_le_bytes());
    record.extend(bytes);
    record.extend(masked_crc(bytes).to_le_bytes());
    record
}

fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32C (Castagnoli), bit by bit: the records are short.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc: u32, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

/// A protobuf message in the making.
#[derive(Debug, Default)]
struct Message(Vec<u8>);

impl Message {
    fn event(step: u64) -> Self {
        let mut event = Self::default();
        event.key(1, 1);
        event.0.extend(now().to_le_bytes());
        event.number(2, step);
        event
    }

    fn key(&mut self, field: u64, wire: u64) {
        self.varint(field << 3 | wire);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn number(&mut self, field: u64, value: u64) {
        self.key(field, 0);
        self.varint(value);
    }

    fn float(&mut self, field: u64, value: f32) {
        self.key(field, 5);
        self.0.extend(value.to_le_bytes());
    }

    fn text(&mut self, field: u64, text: &str) {
        self.bytes(field, text.as_bytes());
    }

    fn message(&mut self, field: u64, message: &Self) {
        self.bytes(field, &message.0);
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.key(field, 2);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_standard() {
        // RFC 3720, B.4: 32 zeros, 32 ones; and the usual check value.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn records_are_laid_out_as_tensorflow_reads_them() {
        let mut message = Message::default();
        message.number(2, 300);
        message.text(3, "ab");
        message.float(2, 1.0);
        assert_eq!(message.0, [0x10, 0xac, 0x02, 0x1a, 2, b'a', b'b', 0x15, 0, 0, 0x80, 0x3f]);
        let record = record(&message.0);
        assert_eq!(record.len(), 8 + 4 + 12 + 4);
        assert_eq!(record[..8], 12_u64.to_le_bytes());
    }
}
