//! One answer of a server, as far as it says something here.

use super::framing::literal;

/// Lists within lists that are followed: an answer of ours has two levels.
const DEEPEST: usize = 16;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// `+`: go on.
    Continue,
    /// What it can do, in capitals.
    Capabilities(Vec<String>),
    /// So many letters are in the folder.
    Exists(u32),
    /// These UIDs were found.
    Found(Vec<u32>),
    /// Something of a letter.
    Fetched(Vec<Item>),
    /// It ends the connection: why, in its words.
    Bye(String),
    /// How a command, or the session without one, stands.
    Status {
        /// The command's tag; nothing: the session.
        tag: Option<String>,
        /// How.
        status: Status,
        /// The code in brackets, in capitals, with what belongs to it.
        code: Option<String>,
        /// What it says.
        text: String,
    },
    /// Anything else.
    Other,
}

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Done.
    Ok,
    /// Not done.
    No,
    /// Not understood.
    Bad,
    /// Nobody needs to sign in.
    PreAuth,
}

/// Something of a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// Its UID.
    Uid(u32),
    /// Its bytes in all.
    Size(u64),
    /// The beginning of it, or all.
    Body(Vec<u8>),
}

/// Reads one whole answer. What is not understood is [`Answer::Other`].
pub fn read(answer: &[u8]) -> Answer {
    let mut line = Line { rest: answer };
    let Some(first) = line.word() else { return Answer::Other };
    match first.as_str() {
        "+" => Answer::Continue,
        "*" => untagged(line),
        tag => {
            let tag = tag.to_owned();
            line.status(Some(tag)).unwrap_or(Answer::Other)
        }
    }
}

fn untagged(mut line: Line<'_>) -> Answer {
    let before = line.rest;
    let Some(word) = line.word() else { return Answer::Other };
    if let Ok(number) = word.parse::<u32>() {
        return match line.word().unwrap_or_default().to_ascii_uppercase().as_str() {
            "EXISTS" => Answer::Exists(number),
            "FETCH" => line.items().map_or(Answer::Other, Answer::Fetched),
            _ => Answer::Other,
        };
    }
    match word.to_ascii_uppercase().as_str() {
        "CAPABILITY" => Answer::Capabilities(words(&line.text())),
        "SEARCH" => {
            let text = line.text();
            Answer::Found(text.split_whitespace().filter_map(|one| one.parse().ok()).collect())
        }
        "BYE" => Answer::Bye(line.text()),
        _ => {
            let mut line = Line { rest: before };
            line.status(None).unwrap_or(Answer::Other)
        }
    }
}

/// Words in capitals.
pub(super) fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_ascii_uppercase).collect()
}

/// What is left of an answer.
struct Line<'a> {
    rest: &'a [u8],
}

/// A value in a list.
enum Value {
    Word(String),
    Bytes(Vec<u8>),
    List,
    Nothing,
}

impl Line<'_> {
    fn skip_spaces(&mut self) {
        while let Some(rest) = self.rest.strip_prefix(b" ") {
            self.rest = rest;
        }
    }

    /// The next word, up to a space or the end.
    fn word(&mut self) -> Option<String> {
        self.skip_spaces();
        let ends = |byte: &u8| matches!(byte, b' ' | b'\r' | b'\n');
        let end = self.rest.iter().position(ends).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!word.is_empty()).then(|| String::from_utf8_lossy(word).into_owned())
    }

    /// All of the rest.
    fn text(&mut self) -> String {
        let text = String::from_utf8_lossy(self.rest).trim().to_owned();
        self.rest = &[];
        text
    }

    fn status(&mut self, tag: Option<String>) -> Option<Answer> {
        let status = match self.word()?.to_ascii_uppercase().as_str() {
            "OK" => Status::Ok,
            "NO" => Status::No,
            "BAD" => Status::Bad,
            "PREAUTH" => Status::PreAuth,
            _ => return None,
        };
        let text = self.text();
        let code = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        Some(match code {
            Some((code, text)) => {
                let (code, text) = (Some(code.to_ascii_uppercase()), text.trim().to_owned());
                Answer::Status { tag, status, code, text }
            }
            None => Answer::Status { tag, status, code: None, text },
        })
    }

    /// What stands in the parentheses of a FETCH (RFC 3501 section 7.4.2).
    fn items(&mut self) -> Option<Vec<Item>> {
        self.skip_spaces();
        self.rest = self.rest.strip_prefix(b"(")?;
        let mut items = Vec::new();
        loop {
            self.skip_spaces();
            if self.rest.first()? == &b')' {
                return Some(items);
            }
            let name = self.name()?.to_ascii_uppercase();
            items.extend(match (name.as_str(), self.value(0)?) {
                ("UID", Value::Word(word)) => word.parse().ok().map(Item::Uid),
                ("RFC822.SIZE", Value::Word(word)) => word.parse().ok().map(Item::Size),
                (name, Value::Bytes(bytes)) if name.starts_with("BODY[]") => {
                    Some(Item::Body(bytes))
                }
                _ => None,
            });
        }
    }

    /// The name of an item, with what stands in its brackets.
    fn name(&mut self) -> Option<String> {
        let mut inside = false;
        let end = self.rest.iter().position(|byte| {
            inside = match byte {
                b'[' => true,
                b']' => false,
                _ => inside,
            };
            !inside && matches!(byte, b' ' | b'(' | b')' | b'\r' | b'\n')
        })?;
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!name.is_empty()).then(|| String::from_utf8_lossy(name).into_owned())
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        self.skip_spaces();
        match self.rest.first()? {
            b'"' => self.quoted(),
            b'{' => self.literal(),
            b'(' => self.list(depth),
            _ => {
                let ends = |byte: &u8| matches!(byte, b' ' | b'(' | b')' | b'\r' | b'\n');
                let end = self.rest.iter().position(ends)?;
                let (word, rest) = self.rest.split_at(end);
                self.rest = rest;
                match word {
                    b"" => None,
                    word if word.eq_ignore_ascii_case(b"NIL") => Some(Value::Nothing),
                    word => Some(Value::Word(String::from_utf8_lossy(word).into_owned())),
                }
            }
        }
    }

    fn quoted(&mut self) -> Option<Value> {
        let mut bytes = Vec::new();
        let mut all = self.rest.iter().enumerate().skip(1);
        while let Some((at, byte)) = all.next() {
            match byte {
                b'"' => {
                    self.rest = self.rest.get(at + 1..)?;
                    return Some(Value::Bytes(bytes));
                }
                b'\\' => bytes.push(*all.next()?.1),
                b'\r' | b'\n' => return None,
                byte => bytes.push(*byte),
            }
        }
        None
    }

    fn literal(&mut self) -> Option<Value> {
        let end = self.rest.iter().position(|byte| *byte == b'\n')?;
        let length = literal(self.rest.get(..end)?)?;
        let bytes = self.rest.get(end + 1..)?.get(..length)?;
        self.rest = self.rest.get(end + 1 + length..)?;
        Some(Value::Bytes(bytes.to_vec()))
    }

    /// A list is passed over: nothing that is asked for has one but the flags.
    fn list(&mut self, depth: usize) -> Option<Value> {
        if depth == DEEPEST {
            return None;
        }
        self.rest = self.rest.strip_prefix(b"(")?;
        loop {
            self.skip_spaces();
            if let Some(rest) = self.rest.strip_prefix(b")") {
                self.rest = rest;
                return Some(Value::List);
            }
            self.value(depth + 1)?;
        }
    }
}
