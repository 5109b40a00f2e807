//! Reads protobuf wire format from a byte slice without copying.
//!
//! Knows tags, lengths and integers, not what the fields mean. Every length is checked against the bytes that are
//! really there, so nothing is allocated on the word of the file.

use super::error::WireProblem;

/// A problem and the byte offset (from the start of the file) where it was met.
pub(super) type WireError = (usize, WireProblem);

/// One value of a message.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'a> {
    Varint(u64),
    Fixed64,
    Bytes { at: usize, bytes: &'a [u8] },
    Fixed32([u8; 4]),
}

/// One field of a message: its number, where its value starts, and the value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) number: u32,
    pub(super) at: usize,
    pub(super) value: Value<'a>,
}

impl<'a> Field<'a> {
    fn wrong_type(&self) -> WireError {
        (self.at, WireProblem::FieldType(self.number))
    }

    pub(super) fn varint(&self) -> Result<u64, WireError> {
        if let Value::Varint(value) = self.value { Ok(value) } else { Err(self.wrong_type()) }
    }

    pub(super) fn float(&self) -> Result<f32, WireError> {
        if let Value::Fixed32(bytes) = self.value {
            Ok(f32::from_le_bytes(bytes))
        } else {
            Err(self.wrong_type())
        }
    }

    pub(super) fn bytes(&self) -> Result<&'a [u8], WireError> {
        if let Value::Bytes { bytes, .. } = self.value { Ok(bytes) } else { Err(self.wrong_type()) }
    }

    pub(super) fn text(&self) -> Result<&'a str, WireError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| (self.at, WireProblem::NotUtf8(self.number)))
    }

    pub(super) fn message(&self) -> Result<Message<'a>, WireError> {
        if let Value::Bytes { at, bytes } = self.value {
            Ok(Message { bytes, start: at, at: 0 })
        } else {
            Err(self.wrong_type())
        }
    }
}

/// The fields of one message, in file order.
#[derive(Debug)]
pub(super) struct Message<'a> {
    bytes: &'a [u8],
    start: usize,
    at: usize,
}

impl<'a> Message<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, start: 0, at: 0 }
    }

    fn place(&self) -> usize {
        self.start + self.at
    }

    fn varint(&mut self) -> Result<u64, WireError> {
        let begin = self.place();
        let mut value = 0u64;
        for shift in (0..70).step_by(7) {
            let Some(&byte) = self.bytes.get(self.at) else { return Err((begin, WireProblem::Truncated)) };
            self.at += 1;
            // The tenth byte has room for one bit only.
            if shift == 63 && byte > 1 {
                return Err((begin, WireProblem::LongVarint));
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err((begin, WireProblem::LongVarint))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], WireError> {
        let end = self.at.checked_add(length).filter(|&end| end <= self.bytes.len());
        let Some(bytes) = end.and_then(|end| self.bytes.get(self.at..end)) else {
            return Err((self.place(), WireProblem::Truncated));
        };
        self.at += length;
        Ok(bytes)
    }

    /// The next field, or `None` at the end of the message.
    pub(super) fn next_field(&mut self) -> Result<Option<Field<'a>>, WireError> {
        if self.at == self.bytes.len() {
            return Ok(None);
        }
        let tag_at = self.place();
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).map_err(|_| (tag_at, WireProblem::LongVarint))?;
        if number == 0 {
            return Err((tag_at, WireProblem::FieldZero));
        }
        let at = self.place();
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => {
                self.take(8)?;
                Value::Fixed64
            }
            2 => {
                let length = self.varint()?;
                let length = usize::try_from(length).map_err(|_| (at, WireProblem::Truncated))?;
                let bytes_at = self.place();
                Value::Bytes { at: bytes_at, bytes: self.take(length)? }
            }
            5 => {
                let mut four = [0; 4];
                four.copy_from_slice(self.take(4)?);
                Value::Fixed32(four)
            }
            other => return Err((tag_at, WireProblem::WireType(other as u8))),
        };
        Ok(Some(Field { number, at, value }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_bytes_name_the_problem() {
        let rows: [(&[u8], usize, WireProblem); 8] = [
            (&[0x0a, 0x05, 1, 2], 2, WireProblem::Truncated),
            (&[0x0a], 1, WireProblem::Truncated),
            (&[0x15, 0, 0], 1, WireProblem::Truncated),
            (&[0x80], 0, WireProblem::Truncated),
            (&[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02], 1, WireProblem::LongVarint),
            (&[0x0b], 0, WireProblem::WireType(3)),
            (&[0x00, 0x00], 0, WireProblem::FieldZero),
            (&[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], 11, WireProblem::Truncated),
        ];
        for (bytes, offset, problem) in rows {
            let error = Message::new(bytes).next_field().unwrap_err();
            assert_eq!(error, (offset, problem), "{bytes:02x?}");
        }
    }

    #[test]
    fn fields_come_in_order_with_absolute_offsets() {
        // Field 1 is a message holding varint 150 in field 2; field 3 is a float.
        let bytes = [0x0a, 0x03, 0x10, 0x96, 0x01, 0x1d, 0x00, 0x00, 0x80, 0x3f];
        let mut message = Message::new(&bytes);
        let first = message.next_field().unwrap().unwrap();
        let inner = first.message().unwrap().next_field().unwrap().unwrap();
        assert_eq!((inner.number, inner.at, inner.varint()), (2, 3, Ok(150)));
        let second = message.next_field().unwrap().unwrap();
        assert_eq!((second.number, second.at, second.float()), (3, 6, Ok(1.0)));
        assert!(message.next_field().unwrap().is_none());
    }
}
