//! Errors of the log as JavaScript sees them: negative return values on hot calls, error objects with properties on
//! cold ones.

use flashstrike_recovery::{Code, Error};
use napi::bindgen_prelude::{JsObjectValue, JsValue};
use napi::{Env, Status};
use napi_derive::napi;
use serde_json::Value;

/// The code of each negative return value: −1 is the first.
#[napi]
pub fn error_codes() -> Vec<&'static str> {
    Code::ALL.iter().map(|code| code.as_str()).collect()
}

/// The error as an object to throw.
pub(crate) fn to_throw(env: Env, error: &Error) -> napi::Error {
    let build = || -> napi::Result<napi::Error> {
        let mut object = env.create_error(napi::Error::new(Status::GenericFailure, error.to_string()))?;
        for (name, value) in error.properties() {
            match value {
                Value::String(text) => object.set_named_property(&name, text)?,
                other => object.set_named_property(&name, other.as_f64())?,
            }
        }
        Ok(napi::Error::from(object.to_unknown()))
    };
    build().unwrap_or_else(|failure| failure)
}
