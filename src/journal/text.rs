//! Something of another room's, kept as it is: the journal does not look into it.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Error, Value};

/// JSON text: a quarter of the memory that its parts would take, which counts with thousands of phones.
#[derive(Debug, Clone, Default)]
pub struct Text(Box<RawValue>);

impl PartialEq for Text {
    fn eq(&self, other: &Text) -> bool {
        self.0.get() == other.0.get()
    }
}

impl Eq for Text {}

impl Text {
    /// What `value` is as JSON. Plain data always is something.
    ///
    /// # Errors
    /// When `value` holds what JSON cannot say, such as a map whose keys are no strings.
    pub fn of(value: &impl Serialize) -> Result<Text, Error> {
        to_raw_value(value).map(Text)
    }

    /// Reads it back.
    ///
    /// # Errors
    /// When it is of another version that cannot be read any more.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_str(self.0.get())
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text, D::Error> {
        // Not as a `RawValue`: an event's kind is looked up first, and what was read by then is no text any more.
        let value = Value::deserialize(deserializer)?;
        to_raw_value(&value).map(Text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "type")]
    enum Event {
        Bound { binding: Text },
    }

    #[test]
    fn it_stands_in_an_event_as_what_it_is_and_reads_back() {
        let event = Event::Bound { binding: Text::of(&("201", [1, 2])).unwrap() };
        let written = serde_json::to_string(&event).unwrap();
        assert_eq!(written, r#"{"type":"Bound","binding":["201",[1,2]]}"#);
        assert_eq!(serde_json::from_str::<Event>(&written).unwrap(), event);
        let Event::Bound { binding } = event;
        assert_eq!(binding.read::<(String, [u8; 2])>().unwrap(), ("201".to_owned(), [1, 2]));
        assert!(binding.read::<u8>().is_err());
    }
}
