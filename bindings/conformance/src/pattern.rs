//! Patterns for values that may differ between servers: zxids, times, session ids.

use serde_json::{Map, Value};
use std::collections::HashMap;

/// What has been bound so far in a case.
pub type Bindings = HashMap<String, Value>;

/// Matches a value against a pattern; the error says where and how they differ.
///
/// An object matches if each field of the pattern is there and matches; a list needs the same
/// length. A string may be one of:
/// - `$any` any value, also null
/// - `$set:name` any value, bound to the name
/// - `$eq:name` equal to what is bound
/// - `$gt:name` an integer (also as a string) greater than what is bound
/// - `$int` an integer (also as a string)
/// - `$time` a time in milliseconds that is not in the far past
///
/// In any other string, `${name}` is replaced by what is bound.
///
/// # Errors
/// Where the value differs, as a path into it.
pub fn matches(pattern: &Value, value: &Value, bound: &mut Bindings) -> Result<(), String> {
    // First all that binds, so that a comparison may stand before the name it compares with.
    bind(pattern, value, bound);
    compare(pattern, value, bound)
}

fn bind(pattern: &Value, value: &Value, bound: &mut Bindings) {
    match (pattern, value) {
        (Value::Object(want), Value::Object(got)) => {
            let pairs = want.iter().filter_map(|(name, want)| Some((want, got.get(name)?)));
            pairs.for_each(|(want, got)| bind(want, got, bound));
        }
        (Value::Array(want), Value::Array(got)) => {
            want.iter().zip(got).for_each(|(want, got)| bind(want, got, bound));
        }
        (Value::String(text), _) => {
            if let Some(name) = text.strip_prefix("$set:") {
                bound.insert(name.to_owned(), value.clone());
            }
        }
        (Value::Null | Value::Bool(_) | Value::Number(_), _)
        | (Value::Object(_) | Value::Array(_), _) => {}
    }
}

fn compare(pattern: &Value, value: &Value, bound: &Bindings) -> Result<(), String> {
    match (pattern, value) {
        (Value::Object(want), Value::Object(got)) => match_object(want, got, bound),
        (Value::Array(want), Value::Array(got)) if want.len() == got.len() => {
            for (index, (want, got)) in want.iter().zip(got).enumerate() {
                compare(want, got, bound).map_err(|error| format!("[{index}]{error}"))?;
            }
            Ok(())
        }
        (Value::String(text), _) if text.starts_with('$') && !text.starts_with("${") => {
            match_special(text, value, bound)
        }
        (Value::String(text), Value::String(got)) if fill_text(text, bound) == *got => Ok(()),
        _ if pattern == value => Ok(()),
        _ => Err(format!(": wanted {pattern}, got {value}")),
    }
}

fn match_object(
    want: &Map<String, Value>,
    got: &Map<String, Value>,
    bound: &Bindings,
) -> Result<(), String> {
    for (name, pattern) in want {
        let Some(value) = got.get(name) else {
            return Err(format!(".{name}: not there, in {}", Value::Object(got.clone())));
        };
        compare(pattern, value, bound).map_err(|error| format!(".{name}{error}"))?;
    }
    Ok(())
}

fn match_special(text: &str, value: &Value, bound: &Bindings) -> Result<(), String> {
    // 2020-09-13, in milliseconds: before any run, after any zero or seconds value.
    const PAST: i64 = 1_600_000_000_000;
    let (kind, name) = text.split_once(':').unwrap_or((text, ""));
    let holds = match kind {
        "$any" | "$set" => true,
        "$eq" => bound.get(name) == Some(value),
        "$gt" => integer(value) > bound.get(name).and_then(integer),
        "$int" => integer(value).is_some(),
        "$time" => integer(value).is_some_and(|time| time > PAST),
        _ => return Err(format!(": unknown pattern {text}")),
    };
    if holds {
        return Ok(());
    }
    let other = bound.get(name).map(|value| format!(" ({value})")).unwrap_or_default();
    Err(format!(": wanted {text}{other}, got {value}"))
}

fn integer(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// Replaces `${name}` in every string of a value, and `{"$repeat": [text, count]}` by the text so
/// many times.
#[must_use]
pub fn fill(value: &Value, bound: &Bindings) -> Value {
    if let Some([Value::String(text), count]) = value["$repeat"].as_array().map(Vec::as_slice) {
        let count = count.as_u64().and_then(|count| usize::try_from(count).ok());
        return Value::String(text.repeat(count.unwrap_or(0)));
    }
    match value {
        Value::String(text) => Value::String(fill_text(text, bound)),
        Value::Array(items) => items.iter().map(|item| fill(item, bound)).collect(),
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(k, v)| (k.clone(), fill(v, bound))).collect())
        }
        other => other.clone(),
    }
}

/// Replaces `${name}` in a text.
#[must_use]
pub fn fill_text(text: &str, bound: &Bindings) -> String {
    let mut text = text.to_owned();
    for (name, value) in bound {
        let hole = format!("${{{name}}}");
        if text.contains(&hole) {
            let filling = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            text = text.replace(&hole, &filling);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Bindings, fill, matches};
    use serde_json::json;

    #[test]
    fn bound_values_are_compared() {
        let mut bound = Bindings::new();
        let pattern = json!({"czxid": "$set:z", "list": [1, "$any"]});
        let value = json!({"czxid": "7", "list": [1, null], "more": 1});
        assert_eq!(matches(&pattern, &value, &mut bound), Ok(()));
        let later = json!({"mzxid": "$gt:z"});
        assert_eq!(matches(&later, &json!({"mzxid": "10"}), &mut bound), Ok(()));
        assert!(matches(&later, &json!({"mzxid": "7"}), &mut bound).is_err());
        assert_eq!(fill(&json!({"path": "/x${z}"}), &bound), json!({"path": "/x7"}));
        assert_eq!(fill(&json!({"data": {"$repeat": ["x", 3]}}), &bound), json!({"data": "xxx"}));
    }

    #[test]
    fn the_place_of_a_difference_is_told() {
        let got = matches(
            &json!({"stat": {"version": 1}}),
            &json!({"stat": {"version": 2}}),
            &mut Bindings::new(),
        );
        assert_eq!(got, Err(".stat.version: wanted 1, got 2".to_owned()));
    }
}
