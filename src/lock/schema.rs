//! The JSON Schema of the lock, made from the model.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::lock::model::{File, Format};
use crate::manifest::schema::document;

/// The schema as a document, with a line feed at its end.
pub(crate) fn json() -> String {
    document::<File>()
}

impl JsonSchema for Format {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Format".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "enum": [Self::NUMBER] })
    }
}
