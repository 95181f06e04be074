//! What a type can be read from, found out by reading it.
//!
//! A probe is a deserializer that has no data. It walks one way down into a type, as a file with this one key would, and at its
//! end notes what the type asks for; then it breaks off. So each value's shape is known without a file that is whole, and it
//! is the very code that reads gateway.toml which says so: nothing is written twice. It knows serde and no setting.

use std::cell::RefCell;
use std::fmt;

use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, Visitor};

/// What a value may be.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// The type does not say.
    Anything,
    /// `true` or `false`.
    Boolean,
    /// A whole number between the two.
    Integer(i128, i128),
    /// A number.
    Number,
    /// A text.
    Text,
    /// One of these words.
    Choice(Vec<&'static str>),
    /// Several of one kind.
    List(Box<Shape>),
    /// Several of one kind, each with a name of the site's own.
    Named(Box<Shape>),
    /// These keys and no others.
    Table(Vec<(&'static str, Shape)>),
    /// Any of these.
    Either(Vec<Shape>),
}

/// One step down.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// To what a key of a table has.
    Key(&'static str),
    /// To an element of a list.
    Element,
    /// To what stands behind a variant's name.
    Variant(&'static str),
}

/// What was met at the end of the way.
#[derive(Debug)]
enum Met {
    Leaf(Shape),
    List,
    Names,
    Table(&'static [&'static str]),
    Words(&'static [&'static str]),
    /// It takes what comes; `text`: a text among others.
    Either {
        text: bool,
        keys: &'static [&'static str],
    },
}

/// A way is not followed further than this: no setting lies deeper.
const DEEPEST: usize = 12;
/// Names that are tried for those of a site.
const NAMES: [&str; 2] = ["a", "1"];
/// What no key is called.
const NO_KEY: &str = "zzz";

/// The shape of `T`.
pub fn shape_of<T: DeserializeOwned>() -> Shape {
    follow::<T>(&mut Vec::new()).unwrap_or(Shape::Anything)
}

fn follow<T: DeserializeOwned>(way: &mut Vec<Step>) -> Option<Shape> {
    if way.len() > DEEPEST {
        return Some(Shape::Anything);
    }
    Some(match walk::<T>(way)? {
        Met::Leaf(shape) => shape,
        Met::List => Shape::List(Box::new(below::<T>(way, Step::Element)?)),
        Met::Names => NAMES
            .into_iter()
            .find_map(|name| below::<T>(way, Step::Key(name)))
            .map_or(Shape::Anything, |shape| Shape::Named(Box::new(shape))),
        Met::Table(keys) => table::<T>(way, keys),
        Met::Words(words) => words_of::<T>(way, words),
        Met::Either { text, keys } => either::<T>(way, text, keys),
    })
}

fn below<T: DeserializeOwned>(way: &mut Vec<Step>, step: Step) -> Option<Shape> {
    way.push(step);
    let shape = follow::<T>(way);
    way.pop();
    shape
}

fn table<T: DeserializeOwned>(way: &mut Vec<Step>, keys: &'static [&'static str]) -> Shape {
    let of =
        |key: &&'static str| (*key, below::<T>(way, Step::Key(key)).unwrap_or(Shape::Anything));
    Shape::Table(keys.iter().map(of).collect())
}

/// An enum: plain words, and words that something stands behind.
fn words_of<T: DeserializeOwned>(way: &mut Vec<Step>, words: &'static [&'static str]) -> Shape {
    let mut plain = Vec::new();
    let mut all = Vec::new();
    for word in words {
        match below::<T>(way, Step::Variant(word)) {
            Some(Shape::Choice(_)) | None => plain.push(*word),
            Some(shape) => all.push(Shape::Table(vec![(word, shape)])),
        }
    }
    if !plain.is_empty() {
        all.insert(0, Shape::Choice(plain));
    }
    one_or(all)
}

fn either<T: DeserializeOwned>(
    way: &mut Vec<Step>,
    text: bool,
    keys: &'static [&'static str],
) -> Shape {
    let mut all = Vec::new();
    if text {
        all.push(Shape::Text);
    }
    if !keys.is_empty() {
        all.push(table::<T>(way, keys));
    }
    one_or(all)
}

fn one_or(mut all: Vec<Shape>) -> Shape {
    match all.len() {
        0 => Shape::Anything,
        1 => all.remove(0),
        _ => Shape::Either(all),
    }
}

/// Goes `way` and says what is at its end; nothing where it leads nowhere.
fn walk<T: DeserializeOwned>(way: &[Step]) -> Option<Met> {
    let look = |as_text| {
        let met = RefCell::new(None);
        // Its end is always a breaking off.
        let _ = T::deserialize(Probe { way, met: &met, as_text });
        met.into_inner()
    };
    // What takes anything is asked twice: whether it takes a text, and which keys it knows.
    match look(false)? {
        Met::Either { keys, .. } => {
            let text = matches!(look(true), Some(Met::Either { text: true, .. }));
            Some(Met::Either { text, keys })
        }
        met => Some(met),
    }
}

/// The probe on its way.
#[derive(Clone, Copy)]
struct Probe<'a> {
    way: &'a [Step],
    met: &'a RefCell<Option<Met>>,
    /// Whether what takes anything is given a text.
    as_text: bool,
}

/// Why reading broke off: the probe is there, or a name was not known.
#[derive(Debug)]
enum Broken {
    Off,
    Unknown(&'static [&'static str]),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a probe")
    }
}

impl std::error::Error for Broken {}

impl de::Error for Broken {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Broken::Off
    }

    fn unknown_field(_: &str, expected: &'static [&'static str]) -> Self {
        Broken::Unknown(expected)
    }
}

impl<'a> Probe<'a> {
    fn next(self) -> Option<(Step, Probe<'a>)> {
        let (step, way) = self.way.split_first()?;
        Some((*step, Probe { way, ..self }))
    }

    fn note<T>(self, met: Met) -> Result<T, Broken> {
        *self.met.borrow_mut() = Some(met);
        Err(Broken::Off)
    }

    /// A value without anything below.
    fn leaf<T>(self, shape: Shape) -> Result<T, Broken> {
        match self.way {
            [] => self.note(Met::Leaf(shape)),
            _ => Err(Broken::Off),
        }
    }

    fn integer<T>(self, least: impl Into<i128>, most: impl Into<i128>) -> Result<T, Broken> {
        self.leaf(Shape::Integer(least.into(), most.into()))
    }

    /// A table or names: `met` where the way ends here.
    fn keyed<'de, V: Visitor<'de>>(self, visitor: V, met: Met) -> Result<V::Value, Broken> {
        match self.next() {
            None => self.note(met),
            Some((Step::Key(key), below)) => visitor.visit_map(One { key: Some(key), below }),
            Some(_) => Err(Broken::Off),
        }
    }
}

macro_rules! leaves {
    ($($method:ident => $shape:expr,)*) => {$(
        fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Broken> {
            self.leaf($shape)
        }
    )*};
}

macro_rules! integers {
    ($($method:ident $type:ty,)*) => {$(
        fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Broken> {
            self.integer(<$type>::MIN, <$type>::MAX)
        }
    )*};
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Broken;

    leaves! {
        deserialize_bool => Shape::Boolean,
        deserialize_f32 => Shape::Number,
        deserialize_f64 => Shape::Number,
        deserialize_char => Shape::Text,
        deserialize_str => Shape::Text,
        deserialize_string => Shape::Text,
        deserialize_bytes => Shape::Text,
        deserialize_byte_buf => Shape::Text,
        deserialize_identifier => Shape::Text,
        deserialize_unit => Shape::Anything,
    }

    integers! {
        deserialize_i8 i8, deserialize_i16 i16, deserialize_i32 i32, deserialize_i64 i64,
        deserialize_u8 u8, deserialize_u16 u16, deserialize_u32 u32, deserialize_u64 u64,
    }

    /// It takes what comes: given a text, or a table with a key that nobody knows.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Broken> {
        if let Some((step, below)) = self.next() {
            let Step::Key(key) = step else { return Err(Broken::Off) };
            return visitor.visit_map(One { key: Some(key), below });
        }
        if self.as_text {
            let text = visitor.visit_str::<Broken>(NO_KEY).is_ok();
            return self.note(Met::Either { text, keys: &[] });
        }
        match visitor.visit_map(One { key: Some(NO_KEY), below: self }) {
            Err(Broken::Unknown(keys)) => self.note(Met::Either { text: false, keys }),
            _ => self.note(Met::Either { text: false, keys: &[] }),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Broken> {
        self.leaf(Shape::Anything)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Broken> {
        visitor.visit_some(self)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: V,
    ) -> Result<V::Value, Broken> {
        self.leaf(Shape::Anything)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Broken> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Broken> {
        match self.next() {
            None => self.note(Met::List),
            Some((Step::Element, below)) => visitor.visit_seq(One { key: Some(""), below }),
            Some(_) => Err(Broken::Off),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Broken> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Broken> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Broken> {
        self.keyed(visitor, Met::Names)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        keys: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Broken> {
        // toml's way to give a value its place in the file: where it begins, where it ends, and then the value itself.
        if name.starts_with("$__") {
            return visitor.visit_map(Placed { keys: keys.iter(), key: "", value: self });
        }
        self.keyed(visitor, Met::Table(keys))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        words: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Broken> {
        match self.next() {
            None => self.note(Met::Words(words)),
            Some((Step::Variant(word), below)) => visitor.visit_enum(Word { word, below }),
            Some(_) => Err(Broken::Off),
        }
    }
}

/// A key. Where keys are words of the program's, it is the first of them.
struct Name(&'static str);

impl<'de> Deserializer<'de> for Name {
    type Error = Broken;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Broken> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Broken> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        words: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Broken> {
        let first = words.first().ok_or(Broken::Off)?;
        visitor.visit_enum(de::value::StrDeserializer::<Broken>::new(first))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

/// A table with one key, or a list of one element.
struct One<'a> {
    key: Option<&'static str>,
    below: Probe<'a>,
}

impl<'de> de::MapAccess<'de> for One<'_> {
    type Error = Broken;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Broken> {
        self.key.take().map(|key| seed.deserialize(Name(key))).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Broken> {
        seed.deserialize(self.below)
    }
}

impl<'de> de::SeqAccess<'de> for One<'_> {
    type Error = Broken;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Broken> {
        self.key.take().map(|_| seed.deserialize(self.below)).transpose()
    }
}

/// A value with its place, as toml gives it.
struct Placed<'a> {
    keys: std::slice::Iter<'static, &'static str>,
    key: &'static str,
    value: Probe<'a>,
}

impl<'de> de::MapAccess<'de> for Placed<'_> {
    type Error = Broken;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Broken> {
        let Some(key) = self.keys.next() else { return Ok(None) };
        self.key = key;
        seed.deserialize(Name(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Broken> {
        match self.key.ends_with("value") {
            true => seed.deserialize(self.value),
            false => seed.deserialize(de::value::U64Deserializer::new(0)),
        }
    }
}

/// One word of an enum.
struct Word<'a> {
    word: &'static str,
    below: Probe<'a>,
}

impl<'de, 'a> de::EnumAccess<'de> for Word<'a> {
    type Error = Broken;
    type Variant = Behind<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Behind<'a>), Broken> {
        let word = seed.deserialize(de::value::StrDeserializer::<Broken>::new(self.word))?;
        Ok((word, Behind(self.below)))
    }
}

/// What stands behind a word.
struct Behind<'a>(Probe<'a>);

impl<'de> de::VariantAccess<'de> for Behind<'_> {
    type Error = Broken;

    fn unit_variant(self) -> Result<(), Broken> {
        self.0.leaf(Shape::Choice(Vec::new()))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Broken> {
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Broken> {
        self.0.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        keys: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Broken> {
        self.0.keyed(visitor, Met::Table(keys))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;
    use toml::Spanned;

    use super::*;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "kebab-case")]
    #[expect(dead_code, reason = "it is asked what it could be read from")]
    struct Sample {
        the_name: Spanned<String>,
        #[serde(default)]
        count: Option<u16>,
        levels: Vec<Level>,
        by_key: BTreeMap<String, f64>,
        secret: crate::config::secret::SecretRef,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "lowercase")]
    #[expect(dead_code, reason = "it is asked what it could be read from")]
    enum Level {
        Low,
        High,
        Exact { db: i8 },
        Named(String),
    }

    #[test]
    fn a_type_says_what_it_is_read_from() {
        let either = Shape::Either(vec![
            Shape::Choice(vec!["low", "high"]),
            Shape::Table(vec![("exact", Shape::Table(vec![("db", Shape::Integer(-128, 127))]))]),
            Shape::Table(vec![("named", Shape::Text)]),
        ]);
        let expected = Shape::Table(vec![
            ("the-name", Shape::Text),
            ("count", Shape::Integer(0, 65535)),
            ("levels", Shape::List(Box::new(either))),
            ("by-key", Shape::Named(Box::new(Shape::Number))),
            ("secret", Shape::Table(vec![("file", Shape::Text), ("credential", Shape::Text)])),
        ]);
        assert_eq!(shape_of::<Sample>(), expected);
    }
}
