//! A parsed file whose sections are read one by one, so that every mistake in it is found and not only the first.
//!
//! A mistake is reported, taken out of a copy of the section, and the section is read again, until nothing is wrong or
//! nothing more can be taken out. It knows TOML and serde, and not what any key means.

use std::ops::Range;
use std::path::Path;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue, ValueDeserializer};

use super::problem::{Problem, Source};
use super::secret::{IN_CLEAR, WAY_OUT};

/// One parsed file.
#[derive(Debug, Clone)]
pub struct Document<'i> {
    /// Its text.
    pub source: Source,
    root: Spanned<DeValue<'i>>,
}

/// One step on the way to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<'a> {
    /// Into a table.
    Key(&'a str),
    /// Into an array.
    At(usize),
}

/// Mistakes reported in one section before the rest of it is left for the next run.
const MOST_MISTAKES: usize = 100;

impl<'i> Document<'i> {
    /// Parses a file. Every syntax error is in the answer.
    pub fn parse(file: &Path, text: &'i str) -> Result<Document<'i>, Vec<Problem>> {
        let source = Source::new(file, text);
        let (table, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            return Err(errors.iter().map(|error| syntax(&source, error)).collect());
        }
        let span = table.span();
        Ok(Document { source, root: Spanned::new(span, DeValue::Table(table.into_inner())) })
    }

    /// The value that `path` leads to.
    pub fn value(&self, path: &[Step<'_>]) -> Option<&Spanned<DeValue<'i>>> {
        path.iter().try_fold(&self.root, |at, step| match (step, at.get_ref()) {
            (Step::Key(key), DeValue::Table(table)) => table.get(*key),
            (Step::At(place), DeValue::Array(array)) => array.get(*place),
            _ => None,
        })
    }

    /// The bytes of the value that `path` leads to, or of the nearest thing around it that exists.
    pub fn span(&self, path: &[Step<'_>]) -> Range<usize> {
        let whole = (0..=path.len()).rev().find_map(|steps| self.value(path.get(..steps)?));
        whole.map_or(0..0, Spanned::span)
    }

    /// The keys of the table that `path` leads to, in alphabetical order.
    pub fn keys(&self, path: &[Step<'_>]) -> Vec<(&str, Range<usize>)> {
        match self.value(path).map(Spanned::get_ref) {
            Some(DeValue::Table(table)) => {
                table.keys().map(|k| (k.get_ref().as_ref(), k.span())).collect()
            }
            _ => Vec::new(),
        }
    }

    /// How many elements the array has that `path` leads to; nothing when there is no array.
    pub fn len(&self, path: &[Step<'_>]) -> Option<usize> {
        match self.value(path)?.get_ref() {
            DeValue::Array(array) => Some(array.len()),
            _ => None,
        }
    }

    /// The text that `path` leads to.
    pub fn text(&self, path: &[Step<'_>]) -> Option<&str> {
        match self.value(path)?.get_ref() {
            DeValue::String(text) => Some(text),
            _ => None,
        }
    }

    /// A problem with the value that `path` leads to.
    pub fn problem(&self, path: &[Step<'_>], what: impl Into<String>) -> Problem {
        self.source.problem(self.span(path), &shown(path), what)
    }

    /// Reads the section at `path`. Every mistake goes to `problems`; what is read is given when there was none.
    pub fn read<T: DeserializeOwned>(
        &self,
        path: &[Step<'_>],
        problems: &mut Vec<Problem>,
    ) -> Option<T> {
        let value = self.value(path)?;
        let mut reading = Reading { source: &self.source, at: shown(path), absent: Vec::new() };
        reading.run(value.clone(), problems)
    }
}

fn syntax(source: &Source, error: &toml::de::Error) -> Problem {
    let problem = source.problem(error.span().unwrap_or(0..0), "", error.message());
    let header = problem.source_line.trim();
    if error.message().contains("duplicate key") && header.starts_with('[') {
        let name = header.trim_matches(['[', ']']).to_owned();
        return problem.allowing(format!("`[[{name}]]` before each one, if there are several"));
    }
    problem
}

/// `path` as it is printed: `queue[1].members[0]`.
pub fn shown(path: &[Step<'_>]) -> String {
    path.iter().fold(String::new(), |text, step| match step {
        Step::Key(key) if text.is_empty() => (*key).to_owned(),
        Step::Key(key) => format!("{text}.{key}"),
        Step::At(place) => format!("{text}[{place}]"),
    })
}

/// One section being read again and again.
struct Reading<'a> {
    source: &'a Source,
    at: String,
    /// Keys without a usable value, each with the bytes of the table it belongs to and the stand-in it has now.
    absent: Vec<Absent>,
}

/// A key that is missing, or was taken out because its value is wrong.
struct Absent {
    table: Range<usize>,
    key: String,
    /// Which of the stand-ins it has; none while nobody asked for it.
    stand_in: Option<usize>,
}

/// Values put in place of a missing one so that reading goes on: one of them usually has the right type.
const STAND_INS: [&str; 4] = ["\"0\"", "1", "[]", "false"];

impl Reading<'_> {
    fn run<T: DeserializeOwned>(
        &mut self,
        mut value: Spanned<DeValue<'_>>,
        out: &mut Vec<Problem>,
    ) -> Option<T> {
        let before = out.len();
        while out.len() < before + MOST_MISTAKES {
            match T::deserialize(ValueDeserializer::from(value.clone())) {
                Ok(read) => return (out.len() == before).then_some(read),
                Err(error) if self.go_on(&error, &mut value, out) => {}
                Err(_) => return None,
            }
        }
        None
    }

    /// Reports `error` and repairs `value`; false when that cannot be done.
    fn go_on(
        &mut self,
        error: &toml::de::Error,
        value: &mut Spanned<DeValue<'_>>,
        out: &mut Vec<Problem>,
    ) -> bool {
        let span = error.span().unwrap_or_else(|| value.span());
        if let Some(place) = self.stand_in_at(&span) {
            return self.next_stand_in(place, value);
        }
        match quoted(error.message(), "missing field `") {
            Some(key) => self.fill(key, span, value, out),
            None => {
                let path = path_to(value, &span).unwrap_or_default();
                out.push(self.translate(error.message(), &span, &path));
                self.take_out(&path, value)
            }
        }
    }

    fn fill(
        &mut self,
        key: &str,
        table: Range<usize>,
        value: &mut Spanned<DeValue<'_>>,
        out: &mut Vec<Problem>,
    ) -> bool {
        let place = match self.absent.iter().position(|a| a.key == key && a.table == table) {
            Some(place) => place,
            None => {
                let path = path_to(value, &table).unwrap_or_default();
                let at = self.key(&path);
                out.push(self.source.problem(
                    self.first_line(&table),
                    &at,
                    format!("`{key}` is missing"),
                ));
                self.absent.push(Absent { table, key: key.to_owned(), stand_in: None });
                self.absent.len() - 1
            }
        };
        self.next_stand_in(place, value)
    }

    /// The way to something in the section, as it is printed; a whole file has no section in front.
    fn key(&self, path: &Way) -> String {
        format!("{}{path}", self.at).trim_start_matches('.').to_owned()
    }

    /// A table without brackets of its own spans all its lines; pointing at the first is enough.
    fn first_line(&self, span: &Range<usize>) -> Range<usize> {
        let text = self.source.text.get(span.clone()).unwrap_or_default();
        span.start..span.start + text.find('\n').unwrap_or(text.len())
    }

    /// Stand-ins have spans behind the end of the text, so that an error about one is told from an error of the admin.
    fn stand_in_span(&self, place: usize) -> Range<usize> {
        let start = self.source.text.len() + 2 + 2 * place;
        start..start + 1
    }

    fn stand_in_at(&self, span: &Range<usize>) -> Option<usize> {
        (0..self.absent.len()).find(|place| self.stand_in_span(*place).start == span.start)
    }

    fn next_stand_in(&mut self, place: usize, value: &mut Spanned<DeValue<'_>>) -> bool {
        let span = self.stand_in_span(place);
        let Some(absent) = self.absent.get_mut(place) else { return false };
        let kind = absent.stand_in.map_or(0, |kind| kind + 1);
        absent.stand_in = Some(kind);
        let Some(Ok(stand_in)) = STAND_INS.get(kind).map(|text| DeValue::parse(text)) else {
            return false;
        };
        let stand_in = Spanned::new(span.clone(), stand_in.into_inner());
        match table_at(value, &absent.table) {
            Some(table) => {
                let _ = table.insert(Spanned::new(span, absent.key.clone().into()), stand_in);
                true
            }
            None => false,
        }
    }

    fn take_out(&mut self, path: &Way, value: &mut Spanned<DeValue<'_>>) -> bool {
        let Some((last, way)) = path.0.split_last() else { return false };
        let mut at = value;
        for step in way {
            let Some(next) = step_into(at, step) else { return false };
            at = next;
        }
        let table = at.span();
        match (at.get_mut(), last) {
            (DeValue::Table(entries), Part::Key(key)) => {
                self.absent.push(Absent { table, key: key.clone(), stand_in: None });
                entries.remove(key.as_str()).is_some()
            }
            (DeValue::Array(elements), Part::At(place)) => {
                let mut left = DeArray::new();
                let old = std::mem::replace(elements, DeArray::new());
                old.into_iter()
                    .enumerate()
                    .filter(|(i, _)| i != place)
                    .for_each(|(_, e)| left.push(e));
                *elements = left;
                true
            }
            _ => false,
        }
    }

    /// serde's words turned into ours, with what is allowed and what is nearest.
    fn translate(&self, message: &str, span: &Range<usize>, path: &Way) -> Problem {
        let key = self.key(path);
        let problem = |what: String| self.source.problem(span.clone(), &key, what);
        let known =
            || message.split_once("expected").map_or(Vec::new(), |(_, list)| between_ticks(list));
        if let Some(written) = quoted(message, "unknown field `") {
            return problem(format!("unknown key `{written}`")).suggesting(written, known());
        }
        if let Some(written) = quoted(message, "unknown variant `") {
            return problem(format!("`{written}` is not possible here"))
                .suggesting(written, known());
        }
        if message.starts_with(IN_CLEAR) {
            return problem(message.to_owned()).allowing(WAY_OUT);
        }
        if message == "invalid socket address syntax" {
            return problem("this is no address with a port".to_owned())
                .allowing("such as `0.0.0.0:5060` or `[::]:5060`");
        }
        if message == "invalid IP address syntax" {
            return problem("this is no IP address".to_owned()).allowing("such as `192.0.2.7`");
        }
        match message.rsplit_once(", expected ") {
            Some((what, allowed)) => problem(what.to_owned()).allowing(plain_type(allowed)),
            None => problem(message.to_owned()),
        }
    }
}

/// Rust's names of number types in words for an admin.
fn plain_type(allowed: &str) -> String {
    match allowed {
        "u8" => "a whole number from 0 to 255".to_owned(),
        "u16" => "a whole number from 0 to 65535".to_owned(),
        "u32" | "u64" | "usize" => "a whole number, 0 or more".to_owned(),
        "i32" | "i64" => "a whole number".to_owned(),
        "f64" | "f32" => "a number".to_owned(),
        "a boolean" => "`true` or `false`".to_owned(),
        "a sequence" => "a list, such as `[\"a\", \"b\"]`".to_owned(),
        other => other.to_owned(),
    }
}

fn quoted<'m>(message: &'m str, before: &str) -> Option<&'m str> {
    message.strip_prefix(before)?.split('`').next()
}

fn between_ticks(list: &str) -> Vec<&str> {
    list.split('`').skip(1).step_by(2).collect()
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Key(String),
    At(usize),
}

/// The way from a section to a value in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Way(Vec<Part>);

impl std::fmt::Display for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Key(key) => write!(f, ".{key}"),
            Part::At(place) => write!(f, "[{place}]"),
        })
    }
}

/// The way to the smallest thing whose bytes, or whose key's bytes, contain `span`.
fn path_to(value: &Spanned<DeValue<'_>>, span: &Range<usize>) -> Option<Way> {
    let mut best = None;
    look(value, span, &mut Vec::new(), &mut best);
    best.map(|(_, path)| path)
}

fn look(
    at: &Spanned<DeValue<'_>>,
    span: &Range<usize>,
    way: &mut Vec<Part>,
    best: &mut Option<(usize, Way)>,
) {
    let mut consider = |candidate: Range<usize>, way: &[Part]| {
        let covers = candidate.start <= span.start && span.end <= candidate.end;
        if covers && best.as_ref().is_none_or(|(size, _)| candidate.len() <= *size) {
            *best = Some((candidate.len(), Way(way.to_vec())));
        }
    };
    consider(at.span(), way);
    match at.get_ref() {
        DeValue::Table(table) => {
            for (key, value) in table.iter() {
                way.push(Part::Key(key.get_ref().to_string()));
                let key = key.span();
                if key.start <= span.start && span.end <= key.end {
                    *best = Some((key.len(), Way(way.clone())));
                }
                look(value, span, way, best);
                way.pop();
            }
        }
        DeValue::Array(array) => {
            for (place, value) in array.iter().enumerate() {
                way.push(Part::At(place));
                look(value, span, way, best);
                way.pop();
            }
        }
        _ => {}
    }
}

fn step_into<'v, 'i>(
    at: &'v mut Spanned<DeValue<'i>>,
    step: &Part,
) -> Option<&'v mut Spanned<DeValue<'i>>> {
    match (at.get_mut(), step) {
        (DeValue::Table(table), Part::Key(key)) => table.get_mut(key.as_str()),
        (DeValue::Array(array), Part::At(place)) => array.get_mut(*place),
        _ => None,
    }
}

fn table_at<'v, 'i>(
    value: &'v mut Spanned<DeValue<'i>>,
    span: &Range<usize>,
) -> Option<&'v mut DeTable<'i>> {
    if value.span() == *span && matches!(value.get_ref(), DeValue::Table(_)) {
        return match value.get_mut() {
            DeValue::Table(table) => Some(table),
            _ => None,
        };
    }
    match value.get_mut() {
        DeValue::Table(table) => table.iter_mut().find_map(|(_, inner)| table_at(inner, span)),
        DeValue::Array(array) => array.iter_mut().find_map(|inner| table_at(inner, span)),
        _ => None,
    }
}
