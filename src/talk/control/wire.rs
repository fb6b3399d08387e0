//! Words as frames: an enum whose variants are named by topics is `["topic", payload]`, in both directions.

use std::io::{Result as Written, Write};

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, EnumAccess, VariantAccess, Visitor};
use serde::{Deserializer, Serialize, Serializer};
use serde_json::Error;
use serde_json::ser::Formatter;

use super::excerpt::shown;

/// The frame of a word, without a line feed.
pub(super) fn text(word: &impl Serialize) -> String {
    let mut text = Vec::with_capacity(128);
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, Frame::default());
    // All keys are strings, and nothing is written to but memory.
    let _ = word.serialize(&mut serializer);
    String::from_utf8(text).unwrap_or_default()
}

/// The word of a frame.
pub(super) fn read<T: DeserializeOwned>(topic: &str, payload: &str) -> Result<T, Error> {
    T::deserialize(Word { topic, payload })
}

/// `serde_json` writes an enum as an object of one key. The outermost object becomes an array here, and a blank stands
/// behind commas and colons, as the firmware wrote it.
#[derive(Default)]
struct Frame {
    depth: usize,
}

impl Formatter for Frame {
    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> Written<()> {
        self.depth += 1;
        writer.write_all(if self.depth == 1 { b"[" } else { b"{" })
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> Written<()> {
        self.depth -= 1;
        writer.write_all(if self.depth == 0 { b"]" } else { b"}" })
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> Written<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> Written<()> {
        writer.write_all(if self.depth == 1 { b", " } else { b": " })
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> Written<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }
}

/// A frame as serde sees an enum: the topic names the variant, the payload is what is in it.
struct Word<'de> {
    topic: &'de str,
    payload: &'de str,
}

impl<'de> Deserializer<'de> for Word<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_enum(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> EnumAccess<'de> for Word<'de> {
    type Error = Error;
    type Variant = Payload<'de>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Payload<'de>), Error> {
        let variant = seed.deserialize(StrDeserializer::<Error>::new(self.topic))?;
        Ok((variant, Payload(self.payload)))
    }
}

struct Payload<'de>(&'de str);

impl<'de> VariantAccess<'de> for Payload<'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(&mut serde_json::Deserializer::from_str(self.0))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, Error> {
        serde_json::Deserializer::from_str(self.0).deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        serde_json::Deserializer::from_str(self.0).deserialize_struct("", fields, visitor)
    }
}

/// A value that is kept as its JSON text, to the byte.
pub(super) mod json_text {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_json::value::RawValue;

    pub(crate) fn serialize<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(text).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }

    pub(crate) fn deserialize<'t, D: Deserializer<'t>>(deserializer: D) -> Result<String, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(|raw| raw.get().to_owned())
    }
}

/// The same where there may be none.
pub(super) mod json_text_if_any {
    use serde::{Deserializer, Serializer};

    use super::json_text;

    #[expect(clippy::ref_option, reason = "the signature is serde's")]
    pub(crate) fn serialize<S: Serializer>(text: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
        json_text::serialize(text.as_deref().unwrap_or("null"), serializer)
    }

    pub(crate) fn deserialize<'t, D: Deserializer<'t>>(deserializer: D) -> Result<Option<String>, D::Error> {
        json_text::deserialize(deserializer).map(Some)
    }
}

/// The part of a client's text that an answer repeats.
pub(super) fn each_shown<S: Serializer>(texts: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(texts.iter().map(|text| shown(text)))
}

#[expect(clippy::ref_option, reason = "the signature is serde's")]
pub(super) fn shown_if_any<S: Serializer>(text: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    text.as_deref().map(shown).serialize(serializer)
}

/// The value of a flag that is only written if it is `false`.
pub(super) fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
pub(super) fn is_no(flag: &bool) -> bool {
    !*flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
pub(super) fn is_zero(count: &usize) -> bool {
    *count == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
pub(super) fn is_yes(flag: &bool) -> bool {
    *flag
}
