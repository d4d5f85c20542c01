//! The event schema: names, types and places of the fields of a fixed-size event.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::layout::{MAX_SCHEMA_LEN, MIN_EVENT_SIZE};

/// What the metadata block says about the events, so that a tool that has only the file can show them with named
/// columns. Byte logs have the empty schema, `{}`.
///
/// ```
/// use flashstrike_segment::Schema;
///
/// let text = r#"{"name":"Tick","size":16,"fields":[{"name":"event_id","type":"u64","offset":0},
///               {"name":"price","type":"i64","offset":8}]}"#;
/// let schema = Schema::parse(text)?;
/// assert_eq!(schema.fields[1].name, "price");
/// assert_eq!(Schema::parse(&schema.to_json())?, schema); // compared parsed: spaces do not matter
/// assert!(Schema::parse("{}")?.is_byte_log());
/// # Ok::<(), flashstrike_segment::SchemaError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// Name of the event type.
    pub name: String,
    /// Bytes of an event: a multiple of 8.
    pub size: u16,
    /// Fields in the order of their offsets; the first is `event_id`.
    pub fields: Vec<Field>,
}

/// One field of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Name, unique in the schema.
    pub name: String,
    /// Type; integers are little-endian.
    #[serde(rename = "type")]
    pub field_type: FieldType,
    /// Bytes from the beginning of the event, a multiple of the type's alignment.
    pub offset: u16,
}

/// Type of a field, in JSON by the name that [`fmt::Display`] gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum FieldType {
    /// `u8`
    U8,
    /// `u16`
    U16,
    /// `u32`
    U32,
    /// `u64`
    U64,
    /// `i8`
    I8,
    /// `i16`
    I16,
    /// `i32`
    I32,
    /// `i64`
    I64,
    /// `f32`, IEEE 754
    F32,
    /// `f64`, IEEE 754
    F64,
    /// `bytes(n)`: n bytes, 1 or more
    Bytes(u16),
}

/// Why a text is not a schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// Not JSON, or not of this shape.
    #[error(
        "the schema is not of the form {{\"name\",\"size\",\"fields\":[{{\"name\",\"type\",\"offset\"}}]}}: {0}"
    )]
    Json(String),
    /// Longer than a metadata block may hold.
    #[error("the schema is {0} bytes of JSON; at most 65536 fit a metadata block")]
    TooLong(usize),
    /// The size of an event is not a multiple of 8 from 8 to 65 528.
    #[error("an event of {0} bytes: the size has to be a multiple of 8 from 8 to 65528")]
    Size(u16),
    /// The first field is not `event_id`, `u64` at offset 0.
    #[error("the first field has to be event_id, u64, at offset 0")]
    NoEventId,
    /// A field without a name, or with one that another field has.
    #[error("field name {0:?} is empty or used twice")]
    Name(String),
    /// A field that is not aligned, overlaps the one before, or ends outside the event.
    #[error(
        "field {name:?} at offset {offset} is misaligned, overlaps the field before it, or ends outside the event"
    )]
    Place {
        /// Name of the field.
        name: String,
        /// Its offset.
        offset: u16,
    },
}

impl Schema {
    /// The schema of logs without one, `{}`.
    #[must_use]
    pub fn byte_log() -> Self {
        Self::default()
    }

    /// Whether this is the empty schema.
    #[must_use]
    pub fn is_byte_log(&self) -> bool {
        *self == Self::default()
    }

    /// What a log with this schema holds, in words, for a message.
    #[must_use]
    pub fn in_words(event_size: u16, schema: &str) -> String {
        if event_size == 0 && schema == "{}" {
            return "bytes of any length, without a schema".to_owned();
        }
        format!("events of {event_size} bytes with the schema {schema}")
    }

    /// Reads and checks a schema.
    pub fn parse(text: &str) -> Result<Self, SchemaError> {
        if text.len() > MAX_SCHEMA_LEN {
            return Err(SchemaError::TooLong(text.len()));
        }
        let json = |error: serde_json::Error| SchemaError::Json(error.to_string());
        let value: serde_json::Value = serde_json::from_str(text).map_err(json)?;
        if value.as_object().is_some_and(serde_json::Map::is_empty) {
            return Ok(Self::byte_log());
        }
        let schema: Self = serde_json::from_str(text).map_err(json)?;
        schema.check()?;
        Ok(schema)
    }

    /// Checks sizes, names and places; for schemas that were put together in code. Whoever writes one into a log has
    /// to.
    pub fn check(&self) -> Result<(), SchemaError> {
        if self.is_byte_log() {
            return Ok(());
        }
        if self.size < MIN_EVENT_SIZE || !self.size.is_multiple_of(8) {
            return Err(SchemaError::Size(self.size));
        }
        let is_event_id = |field: &Field| {
            field.name == "event_id" && field.field_type == FieldType::U64 && field.offset == 0
        };
        if !self.fields.first().is_some_and(is_event_id) {
            return Err(SchemaError::NoEventId);
        }
        let mut names = HashSet::new();
        let mut end = 0;
        for Field { name, field_type, offset } in &self.fields {
            if name.is_empty() || !names.insert(name) {
                return Err(SchemaError::Name(name.clone()));
            }
            let at = u32::from(*offset);
            if at < end
                || !at.is_multiple_of(field_type.alignment())
                || at + field_type.size() > self.size.into()
            {
                return Err(SchemaError::Place { name: name.clone(), offset: *offset });
            }
            end = at + field_type.size();
        }
        let text = self.to_json();
        if text.len() > MAX_SCHEMA_LEN { Err(SchemaError::TooLong(text.len())) } else { Ok(()) }
    }

    /// The schema as JSON without spaces.
    #[expect(clippy::missing_panics_doc, reason = "strings and integers are always JSON")]
    #[must_use]
    pub fn to_json(&self) -> String {
        if self.is_byte_log() {
            return "{}".to_owned();
        }
        serde_json::to_string(self).expect("strings and integers are always JSON")
    }
}

impl FromStr for Schema {
    type Err = SchemaError;

    fn from_str(text: &str) -> Result<Self, SchemaError> {
        Self::parse(text)
    }
}

impl FieldType {
    /// Bytes of a value.
    #[must_use]
    pub fn size(self) -> u32 {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
            Self::Bytes(n) => n.into(),
        }
    }

    /// What a field's offset is a multiple of: its size, 1 for `bytes(n)`.
    #[must_use]
    pub fn alignment(self) -> u32 {
        if let Self::Bytes(_) = self { 1 } else { self.size() }
    }
}

impl fmt::Display for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::U8 => "u8",
            Self::U16 => "u16",
            Self::U32 => "u32",
            Self::U64 => "u64",
            Self::I8 => "i8",
            Self::I16 => "i16",
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::Bytes(n) => return write!(f, "bytes({n})"),
        })
    }
}

impl FromStr for FieldType {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Ok(match name {
            "u8" => Self::U8,
            "u16" => Self::U16,
            "u32" => Self::U32,
            "u64" => Self::U64,
            "i8" => Self::I8,
            "i16" => Self::I16,
            "i32" => Self::I32,
            "i64" => Self::I64,
            "f32" => Self::F32,
            "f64" => Self::F64,
            _ => {
                let n = name.strip_prefix("bytes(").and_then(|rest| rest.strip_suffix(')'));
                match n.and_then(|n| n.parse().ok()) {
                    Some(n @ 1..) => Self::Bytes(n),
                    _ => return Err(format!("unknown type {name:?}")),
                }
            }
        })
    }
}

impl TryFrom<String> for FieldType {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        name.parse()
    }
}

impl From<FieldType> for String {
    fn from(field_type: FieldType) -> Self {
        field_type.to_string()
    }
}
