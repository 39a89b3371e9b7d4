//! Undoes in an answer what a lowered schema did to it: takes the value out of its wrapping, and members out that are null
//! where they should be missing.
//!
//! Byte by byte, nothing is held longer than it takes to decide: the wrapping's beginning, and a member whose value is
//! null or has not begun. Whatever does not look as expected goes through as it is, for the judge to refuse.

use crate::backend::Wrapping;

/// Where it stands with the wrapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Within `{"value":`, so many of its parts were read.
    Before(usize),
    Inside,
    After,
}

/// Where it stands with a member that may be taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Nothing,
    /// A key is expected or being read.
    Key,
    Colon,
    Value,
    /// So many bytes of `null` were read.
    Null(usize),
}

/// The parts of the wrapping's beginning; whitespace may stand before each.
const WRAPPING: [&[u8]; 3] = [b"{", b"\"value\"", b":"];
const NULL: &[u8] = b"null";

/// See the module.
#[derive(Debug)]
pub(super) struct Unwrap {
    wrapping: Wrapping,
    place: Place,
    /// Bytes of the current part of the wrapping that were read.
    matched: usize,
    /// Open containers: true for an object, and whether a member of it went out.
    open: Vec<(bool, bool)>,
    in_string: bool,
    escaped: bool,
    state: Held,
    held: Vec<u8>,
}

impl Unwrap {
    pub fn new(wrapping: Wrapping) -> Self {
        Self {
            wrapping,
            place: if wrapping.value { Place::Before(0) } else { Place::Inside },
            matched: 0,
            open: Vec::new(),
            in_string: false,
            escaped: false,
            state: Held::Nothing,
            held: Vec::new(),
        }
    }

    /// Takes a byte; what goes out is added to `out`. True: a member that is null is held, and [`Unwrap::settle`] must
    /// come next.
    pub fn step(&mut self, byte: u8, out: &mut Vec<u8>) -> bool {
        match self.place {
            Place::Before(part) => {
                self.held.push(byte);
                self.before(part, byte, out);
                false
            }
            Place::After => {
                if !byte.is_ascii_whitespace() {
                    out.push(byte); // something behind the wrapping: it is no part of any answer
                }
                false
            }
            Place::Inside => self.inside(byte, out),
        }
    }

    fn before(&mut self, part: usize, byte: u8, out: &mut Vec<u8>) {
        if self.matched == 0 && byte.is_ascii_whitespace() {
            return;
        }
        if WRAPPING[part][self.matched] != byte {
            // No wrapping: the answer stands for itself.
            self.place = Place::Inside;
            self.wrapping.value = false;
            for byte in std::mem::take(&mut self.held) {
                // What was held cannot hold a null yet: a key has not ended.
                self.inside(byte, out);
            }
            return;
        }
        self.matched += 1;
        if self.matched == WRAPPING[part].len() {
            self.matched = 0;
            self.place = if part + 1 == WRAPPING.len() { Place::Inside } else { Place::Before(part + 1) };
            if self.place == Place::Inside {
                self.held.clear();
            }
        }
    }

    fn inside(&mut self, byte: u8, out: &mut Vec<u8>) -> bool {
        if self.in_string {
            self.put(byte, out);
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => {
                    self.in_string = false;
                    if self.state == Held::Key {
                        self.state = Held::Colon;
                    }
                }
                _ => {}
            }
            return false;
        }
        if self.wrapping.value && self.open.is_empty() && byte == b'}' {
            self.place = Place::After;
            return false;
        }
        match (byte, self.state) {
            (b' ' | b'\t' | b'\n' | b'\r', _) => self.put(byte, out),
            (b'"', state) => {
                if state == Held::Value {
                    self.release(out);
                }
                self.put(byte, out);
                self.in_string = true;
            }
            (b':', Held::Colon) => {
                self.put(byte, out);
                self.state = Held::Value;
            }
            (b',', Held::Nothing) if self.wrapping.nulls && self.open.last().is_some_and(|(object, _)| *object) => {
                self.state = Held::Key;
                self.held.push(byte);
            }
            (b'n', Held::Value) => {
                self.held.push(byte);
                self.state = Held::Null(1);
            }
            (byte, Held::Null(read)) if NULL.get(read) == Some(&byte) => {
                self.held.push(byte);
                self.state = Held::Null(read + 1);
                return read + 1 == NULL.len();
            }
            _ => {
                self.release(out);
                out.push(byte);
                self.structure(byte);
            }
        }
        false
    }

    fn structure(&mut self, byte: u8) {
        match byte {
            b'{' => {
                self.open.push((true, false));
                self.state = if self.wrapping.nulls { Held::Key } else { Held::Nothing };
            }
            b'[' => self.open.push((false, false)),
            b'}' | b']' => drop(self.open.pop()),
            _ => {}
        }
    }

    fn put(&mut self, byte: u8, out: &mut Vec<u8>) {
        match self.state {
            Held::Nothing => out.push(byte),
            _ => self.held.push(byte),
        }
    }

    /// What is held, as it would go out now.
    pub fn held(&self) -> &[u8] {
        match (self.open.last(), self.held.strip_prefix(b",")) {
            (Some((true, false)), Some(rest)) => rest, // the members before it were taken out, and the comma goes too
            _ => &self.held,
        }
    }

    fn release(&mut self, out: &mut Vec<u8>) {
        self.state = Held::Nothing;
        if !self.held.is_empty() {
            out.extend_from_slice(self.held());
            self.held.clear();
            if let Some((_, went)) = self.open.last_mut() {
                *went = true;
            }
        }
    }

    /// Decides on the member that is held: it goes out or it goes away.
    pub fn settle(&mut self, keep: bool, out: &mut Vec<u8>) {
        if keep {
            self.release(out);
        }
        self.held.clear();
        self.state = Held::Nothing;
    }

    /// The text ended: what is held goes out. False if a wrapping was begun and not closed.
    pub fn end(&mut self, out: &mut Vec<u8>) -> bool {
        out.append(&mut self.held);
        self.place == Place::After || !self.wrapping.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unwrapped(wrapping: Wrapping, text: &str, keep: bool) -> (String, bool) {
        let (mut unwrap, mut out) = (Unwrap::new(wrapping), Vec::new());
        for byte in text.bytes() {
            if unwrap.step(byte, &mut out) {
                unwrap.settle(keep, &mut out);
            }
        }
        let closed = unwrap.end(&mut out);
        (String::from_utf8(out).unwrap(), closed)
    }

    #[test]
    fn values_leave_their_wrapping() {
        let wrapping = Wrapping { value: true, nulls: false };
        for (text, expected, closed) in [
            (r#"{"value":12}"#, "12", true),
            (" { \"value\" : [1, {\"a\": \"}\"}] } \n", " [1, {\"a\": \"}\"}] ", true),
            (r#"{"value":"a\"}"}"#, r#""a\"}""#, true),
            (r#"{"value":12"#, "12", false),
            (r#"{"val"#, r#"{"val"#, false),
            (r#"{"values":12}"#, r#"{"values":12}"#, true),
            ("[1]", "[1]", true),
            (r#"{"value":1,"b":2}"#, r#"1,"b":2"#, true),
            (r#"{"value":1}x"#, "1x", true),
        ] {
            assert_eq!(unwrapped(wrapping, text, true), (expected.to_owned(), closed), "{text}");
        }
    }

    #[test]
    fn nulls_go_with_their_keys_and_commas() {
        let wrapping = Wrapping { value: false, nulls: true };
        for (text, expected) in [
            (r#"{"a":null}"#, "{}"),
            (r#"{"a":null,"b":1}"#, r#"{"b":1}"#),
            (r#"{"a":1,"b":null}"#, r#"{"a":1}"#),
            (r#"{"a":1, "b" : null , "c":null,"d":2}"#, r#"{"a":1 ,"d":2}"#),
            (r#"{"a":[null,{"b":null}],"c":{"d":null,"e":{}}}"#, r#"{"a":[null,{}],"c":{"e":{}}}"#),
            (r#"{"a":"null","n\"":null,"b":"\\"}"#, r#"{"a":"null","b":"\\"}"#),
            (r#"{"a":nul"#, r#"{"a":nul"#),
            ("null", "null"),
        ] {
            assert_eq!(unwrapped(wrapping, text, false).0, expected, "{text}");
            assert_eq!(unwrapped(wrapping, text, true).0, text);
        }
        let both = Wrapping { value: true, nulls: true };
        assert_eq!(unwrapped(both, r#"{"value":[{"a":null,"b":1}]}"#, false).0, r#"[{"b":1}]"#);
        assert_eq!(unwrapped(both, r#"{"value":null}"#, false).0, "null");
    }
}
