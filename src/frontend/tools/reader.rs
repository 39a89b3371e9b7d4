//! Answers with calls in them, taken apart as they come: the other direction of a family's grammar.
//!
//! The text is known to be one of that grammar, or the beginning of one. So nothing is judged here: where a call begins,
//! its tool is named in full, and where its arguments end is where their brackets do.

use std::sync::Arc;

use super::{Family, family::Call};

/// A part of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// What the model thinks before it answers.
    Thought(String),
    Text(String),
    /// A call begins; `id` is the model's own, if the family writes one before the arguments.
    Call {
        name: String,
        id: Option<String>,
    },
    /// More of the arguments of the call that began last, as JSON text.
    Arguments(String),
}

/// One answer under way. Cost: each byte is looked at a few times.
#[derive(Clone, Debug)]
pub struct AnswerReader {
    family: &'static Family,
    /// The names of the tools.
    tools: Arc<[String]>,
    /// Calls come first or not at all: what else the answer may be has no mark that a call could be told by.
    first: bool,
    /// What could not be told yet.
    rest: String,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Start,
    Thought,
    /// Between a thought and what follows it.
    Behind,
    Lead,
    Text,
    /// Text in which nothing is looked for.
    Plain,
    /// Where the first call begins.
    Calls,
    Arguments(Json),
    /// Behind arguments.
    Close,
    /// Behind a call.
    Next,
    End,
}

/// How far one JSON value was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Json {
    depth: u32,
    in_text: bool,
    is_escaped: bool,
    /// Some of it was there.
    begun: bool,
    done: bool,
}

/// How a text begins.
enum Found<'a> {
    /// With the pattern, of this length; what stood for `{id}` in it.
    Whole(usize, Option<&'a str>),
    /// It is too short to say.
    Open,
    No,
}

impl AnswerReader {
    /// `thinks`: a thought was begun by the prompt. `first`: the answer is of another form than text.
    pub fn new(family: &'static Family, tools: Arc<[String]>, first: bool, thinks: bool) -> Self {
        let place = if thinks { Place::Thought } else { Place::Start };
        Self { family, tools, first, rest: String::new(), place }
    }

    /// Takes more text.
    pub fn take(&mut self, text: &str) -> Vec<Part> {
        self.rest.push_str(text);
        let mut parts = Vec::new();
        while self.step(&mut parts) {}
        parts
    }

    /// The answer ends, or is cut off.
    pub fn finish(&mut self) -> Vec<Part> {
        let rest = std::mem::take(&mut self.rest);
        let part = match self.place {
            Place::Thought => Part::Thought(rest),
            Place::Start | Place::Behind | Place::Lead | Place::Text | Place::Plain => Part::Text(rest),
            // A marker that was cut off says nothing.
            Place::Arguments(_) | Place::Calls | Place::Close | Place::Next | Place::End => return Vec::new(),
        };
        self.place = Place::End;
        match &part {
            Part::Thought(text) | Part::Text(text) if text.is_empty() => Vec::new(),
            _ => vec![part],
        }
    }

    /// False if nothing more can be told of what came so far.
    fn step(&mut self, parts: &mut Vec<Part>) -> bool {
        let Self { family, place, .. } = *self;
        match place {
            Place::Start => self.skip(family.reasoning.as_ref().map(|marks| &*marks.open), Place::Thought, Place::Lead),
            Place::Thought => {
                let close = family.reasoning.as_ref().map_or("", |marks| marks.close.trim_end());
                self.until(close, parts, Part::Thought, Place::Behind)
            }
            Place::Behind => {
                let blanks = self.rest.len() - self.rest.trim_start_matches('\n').len();
                self.rest.drain(..blanks);
                self.go(!self.rest.is_empty(), Place::Lead)
            }
            Place::Lead if self.first => self.lead(),
            Place::Lead => self.skip(family.answer_mark(), Place::Plain, Place::Text),
            Place::Text => self.until(&family.trigger, parts, Part::Text, Place::Calls),
            Place::Plain => {
                let text = std::mem::take(&mut self.rest);
                parts.extend((!text.is_empty()).then_some(Part::Text(text)));
                false
            }
            Place::Calls | Place::Next => self.call(parts),
            Place::Arguments(json) => self.arguments(json, parts),
            Place::Close => self.close(),
            Place::End => false,
        }
    }

    fn go(&mut self, ready: bool, place: Place) -> bool {
        if ready {
            self.place = place;
        }
        ready
    }

    /// A mark or none: it leads to one place, its absence to the other.
    fn skip(&mut self, mark: Option<&str>, there: Place, missing: Place) -> bool {
        let Some(mark) = mark else { return self.go(true, missing) };
        if self.rest.starts_with(mark) {
            self.rest.drain(..mark.len());
            return self.go(true, there);
        }
        self.go(!mark.starts_with(&*self.rest), missing)
    }

    /// Text until a mark. The mark of calls stays, since it is the beginning of the first.
    fn until(&mut self, mark: &str, parts: &mut Vec<Part>, part: fn(String) -> Part, then: Place) -> bool {
        let found = self.rest.find(mark);
        let clear = found.unwrap_or_else(|| self.rest.len() - open_end(&self.rest, mark));
        let text: String = self.rest.drain(..clear).collect();
        if found.is_some() && then != Place::Calls {
            self.rest.drain(..mark.len());
        }
        parts.extend((!text.is_empty()).then(|| part(text)));
        self.go(found.is_some(), then)
    }

    /// Calls, or an answer of another form: the first characters say which.
    fn lead(&mut self) -> bool {
        match self.next_call() {
            (Some(_), _) => self.go(true, Place::Calls),
            (None, true) => false,
            (None, false) => self.skip(self.family.answer_mark(), Place::Plain, Place::Plain),
        }
    }

    /// The next call, if it begins here: the length of what is before its arguments, its tool, its identifier. Whether
    /// one could.
    fn next_call(&self) -> (Option<(usize, String, Option<String>)>, bool) {
        let mut open = false;
        for (tool, pattern) in self.patterns() {
            match matched(&self.rest, &pattern) {
                Found::Whole(length, id) => return (Some((length, tool.clone(), id.map(str::to_owned))), true),
                Found::Open => open = true,
                Found::No => {}
            }
        }
        (None, open)
    }

    /// What the next call may begin with, and its tool.
    fn patterns(&self) -> impl Iterator<Item = (&String, String)> {
        let before = if self.place == Place::Next { &self.family.separator } else { &self.family.open };
        let calls = self.tools.iter().flat_map(|tool| self.family.call.iter().map(move |call| (tool, call)));
        calls.map(move |(tool, Call { begin, .. })| (tool, format!("{before}{}", begin.replace("{name}", tool))))
    }

    fn call(&mut self, parts: &mut Vec<Part>) -> bool {
        let (begun, open) = self.next_call();
        let Some((length, name, id)) = begun else { return self.go(!open, Place::End) };
        self.rest.drain(..length);
        parts.push(Part::Call { name, id });
        self.go(true, Place::Arguments(Json::default()))
    }

    fn arguments(&mut self, mut json: Json, parts: &mut Vec<Part>) -> bool {
        let length = self.rest.bytes().take_while(|byte| json.takes(*byte)).count();
        let text: String = self.rest.drain(..length).collect();
        parts.extend((!text.is_empty()).then_some(Part::Arguments(text)));
        let is_over = json.done || !self.rest.is_empty();
        self.place = if is_over { Place::Close } else { Place::Arguments(json) };
        is_over
    }

    fn close(&mut self) -> bool {
        let mut open = false;
        for Call { end, .. } in &self.family.call {
            match matched(&self.rest, end) {
                Found::Whole(length, _) => {
                    self.rest.drain(..length);
                    return self.go(true, Place::Next);
                }
                Found::Open => open = true,
                Found::No => {}
            }
        }
        self.go(!open, Place::End)
    }
}

impl Json {
    /// Whether the value goes on with this byte.
    fn takes(&mut self, byte: u8) -> bool {
        if self.done {
            return false;
        }
        let is_blank = matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        if self.in_text {
            (self.in_text, self.is_escaped) = (self.is_escaped || byte != b'"', !self.is_escaped && byte == b'\\');
            self.done = !self.in_text && self.depth == 0;
            return true;
        }
        match byte {
            b'"' => self.in_text = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' if self.depth > 0 => {
                self.depth -= 1;
                self.done = self.depth == 0;
            }
            _ if self.depth > 0 || (is_blank && !self.begun) => return true,
            // A number or a word.
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'+' | b'-' | b'.' => {}
            _ => return false,
        }
        self.begun = true;
        true
    }
}

/// Whether a text begins with a pattern in which `{id}` stands for anything.
fn matched<'a>(text: &'a str, pattern: &str) -> Found<'a> {
    let starts = |text: &str, start: &str| match text.len() < start.len() {
        true => start.starts_with(text).then_some(false),
        false => text.starts_with(start).then_some(true),
    };
    let (before, behind) = match pattern.split_once("{id}") {
        Some((before, behind)) => (before, Some(behind)),
        None => (pattern, None),
    };
    match (starts(text, before), behind) {
        (None, _) => Found::No,
        (Some(false), _) => Found::Open,
        (Some(true), None) => Found::Whole(before.len(), None),
        (Some(true), Some(behind)) => match text[before.len()..].find(behind) {
            Some(at) => Found::Whole(before.len() + at + behind.len(), Some(&text[before.len()..before.len() + at])),
            None => Found::Open,
        },
    }
}

/// How much of a text's end could be the beginning of a mark.
fn open_end(text: &str, mark: &str) -> usize {
    let longest = mark.len().saturating_sub(1).min(text.len());
    (1..=longest).rev().find(|length| mark.is_char_boundary(*length) && text.ends_with(&mark[..*length])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{super::tests::CALLS, *};

    /// The parts of a text that comes in pieces of so many bytes, with neighbours of a kind put together.
    fn parts(reader: &AnswerReader, text: &str, size: usize) -> Vec<Part> {
        let mut reader = reader.clone();
        let mut all: Vec<Part> = Vec::new();
        let chars: Vec<char> = text.chars().collect();
        let mut add = |part| match (all.last_mut(), part) {
            (Some(Part::Text(before)), Part::Text(more))
            | (Some(Part::Thought(before)), Part::Thought(more))
            | (Some(Part::Arguments(before)), Part::Arguments(more)) => before.push_str(&more),
            (_, part) => all.push(part),
        };
        for piece in chars.chunks(size) {
            reader.take(&piece.iter().collect::<String>()).into_iter().for_each(&mut add);
        }
        reader.finish().into_iter().for_each(&mut add);
        all
    }

    fn reader(family: &str, first: bool) -> AnswerReader {
        let family = Family::named(family).expect("it is known");
        AnswerReader::new(family, vec!["now".to_owned(), "find".to_owned()].into(), first, false)
    }

    fn call(name: &str, arguments: &str) -> [Part; 2] {
        [Part::Call { name: name.to_owned(), id: None }, Part::Arguments(arguments.to_owned())]
    }

    #[test]
    fn calls_of_every_family_in_pieces_of_every_size() {
        for (name, text, separator) in CALLS {
            let family = Family::named(name).expect("it is known");
            if family.style != "json" {
                continue;
            }
            for first in [false, true] {
                for size in 1..12 {
                    let mut found = parts(&reader(name, first), text, size);
                    if let Some(Part::Call { id, .. }) = found.first_mut() {
                        *id = None;
                    }
                    assert_eq!(found, call("find", "{\"q\": \"x\"}"), "{name} in pieces of {size}");
                }
            }
            if family.open.is_empty() && !family.single {
                let twice = [text, text].join(separator);
                assert_eq!(parts(&reader(name, false), &twice, 3).len(), 4, "{name}");
            }
        }
    }

    #[test]
    fn text_before_calls_and_thoughts_before_text() {
        let text = "<think>\nhm < </think>\n\nLook: <tool <tool_call>\n{\"name\": \"now\", \"arguments\": {\"a\": \"}\\\"{\"}}\n</tool_call>";
        let expected = [
            vec![Part::Thought("\nhm < ".to_owned()), Part::Text("Look: <tool ".to_owned())],
            call("now", "{\"a\": \"}\\\"{\"}").to_vec(),
        ]
        .concat();
        for size in 1..20 {
            assert_eq!(parts(&reader("hermes", false), text, size), expected);
        }
        let opened = AnswerReader { place: Place::Thought, ..reader("hermes", false) };
        let expected = [Part::Thought("a".to_owned()), Part::Text("b".to_owned())];
        assert_eq!(parts(&opened, "a</think>\n\nb", 1), expected);
    }

    #[test]
    fn answers_of_another_form() {
        let text = "{\"name\": \"other\", \"parameters\": {}}";
        assert_eq!(parts(&reader("llama3", true), text, 2), [Part::Text(text.to_owned())]);
        let final_answer = "<|channel|>final<|message|>{\"a\": \"<|channel|>\"}";
        assert_eq!(
            parts(&reader("harmony", true), final_answer, 2),
            [Part::Text("{\"a\": \"<|channel|>\"}".to_owned())]
        );
        assert_eq!(parts(&reader("harmony", false), "<|channel|>final<|message|>hi", 4), [Part::Text("hi".to_owned())]);
    }

    #[test]
    fn what_is_cut_off() {
        assert_eq!(parts(&reader("hermes", false), "see <tool_", 1), [Part::Text("see <tool_".to_owned())]);
        let begun = "<tool_call>\n{\"name\": \"find\", \"arguments\": {\"q\"";
        assert_eq!(parts(&reader("hermes", false), begun, 1), call("find", "{\"q\""));
        assert_eq!(parts(&reader("hermes", false), "<tool_call>\n{\"na", 1), []);
    }
}
