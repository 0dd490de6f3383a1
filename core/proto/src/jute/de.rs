//! Decoding. The input is hostile until proven otherwise: no length is believed before the bytes
//! behind it have been seen, so nothing is allocated for bytes that did not come.

use serde::de::{self, DeserializeSeed, Visitor};

/// Why bytes are not the record that was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The record goes on past the end of the input.
    #[error("the record ends {missing} bytes early")]
    Truncated {
        /// Bytes that a field needed and that were not there.
        missing: usize,
    },
    /// Bytes are left after the record.
    #[error("{0} bytes follow the record")]
    TrailingBytes(usize),
    /// A length below -1.
    #[error("a length is {0}")]
    NegativeLength(i32),
    /// A string that is not UTF-8.
    #[error("a string is not UTF-8")]
    NotUtf8,
    /// A value that the record does not allow.
    #[error("{0}")]
    Invalid(String),
}

impl de::Error for DecodeError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        DecodeError::Invalid(message.to_string())
    }
}

pub(super) struct Deserializer<'de> {
    pub(super) input: &'de [u8],
}

impl<'de> Deserializer<'de> {
    fn take(&mut self, count: usize) -> Result<&'de [u8], DecodeError> {
        match self.input.split_at_checked(count) {
            Some((taken, rest)) => {
                self.input = rest;
                Ok(taken)
            }
            None => Err(DecodeError::Truncated { missing: count - self.input.len() }),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        match self.input.split_first_chunk::<N>() {
            Some((taken, rest)) => {
                self.input = rest;
                Ok(*taken)
            }
            None => Err(DecodeError::Truncated { missing: N - self.input.len() }),
        }
    }

    /// A length; null counts as 0 here, since `deserialize_option` has taken the nulls that tell.
    fn length(&mut self) -> Result<usize, DecodeError> {
        match i32::from_be_bytes(self.array()?) {
            -1 => Ok(0),
            length => usize::try_from(length).map_err(|_| DecodeError::NegativeLength(length)),
        }
    }

    fn bytes(&mut self) -> Result<&'de [u8], DecodeError> {
        let length = self.length()?;
        self.take(length)
    }

    fn text(&mut self) -> Result<&'de str, DecodeError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| DecodeError::NotUtf8)
    }
}

fn cannot<T>(what: &str) -> Result<T, DecodeError> {
    Err(DecodeError::Invalid(format!("jute has no {what}")))
}

macro_rules! refuse {
    ($($method:ident: $what:literal),* $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, DecodeError> {
            cannot($what)
        }
    )*};
}

impl<'de> de::Deserializer<'de> for &mut Deserializer<'de> {
    type Error = DecodeError;

    refuse! {
        deserialize_any: "self-description",
        deserialize_i16: "16-bit numbers",
        deserialize_u16: "unsigned numbers",
        deserialize_u32: "unsigned numbers",
        deserialize_u64: "unsigned numbers",
        deserialize_char: "characters",
        deserialize_map: "maps",
        deserialize_identifier: "identifiers",
        deserialize_ignored_any: "self-description",
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let [byte] = self.array()?;
        visitor.visit_bool(byte != 0)
    }

    fn deserialize_i8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_i8(i8::from_be_bytes(self.array()?))
    }

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_u8(u8::from_be_bytes(self.array()?))
    }

    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_i32(i32::from_be_bytes(self.array()?))
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_i64(i64::from_be_bytes(self.array()?))
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_f32(f32::from_be_bytes(self.array()?))
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_f64(f64::from_be_bytes(self.array()?))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_borrowed_str(self.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_borrowed_str(self.text()?)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_borrowed_bytes(self.bytes()?)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_borrowed_bytes(self.bytes()?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        if let Some((&[0xff, 0xff, 0xff, 0xff], rest)) = self.input.split_first_chunk::<4>() {
            self.input = rest;
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let left = self.length()?;
        visitor.visit_seq(Elements { deserializer: self, left, hint: false })
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_seq(Elements { deserializer: self, left: length, hint: true })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.deserialize_tuple(fields.len(), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, DecodeError> {
        cannot("enums")
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

struct Elements<'a, 'de> {
    deserializer: &'a mut Deserializer<'de>,
    left: usize,
    /// Whether `left` is our own number; one from the wire reserves no memory.
    hint: bool,
}

impl<'de> de::SeqAccess<'de> for Elements<'_, 'de> {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        seed.deserialize(&mut *self.deserializer).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        self.hint.then_some(self.left)
    }
}
