//! Where an answer goes on with one that was begun: what it says again is taken off.
//!
//! Some hosts begin with what they were given; and the white space that it ends with, which others do not take, is mostly
//! the first thing that a model then writes.

pub(super) struct Seam {
    /// What may be said again, longest first.
    repeated: Vec<String>,
    /// What came and is still undecided.
    held: String,
}

impl Seam {
    /// Nothing was begun.
    pub fn none() -> Self {
        Self { repeated: Vec::new(), held: String::new() }
    }

    /// Behind this beginning; `echoes`: the host may say it again.
    pub fn new(prefix: &str, echoes: bool) -> Self {
        let space = &prefix[prefix.trim_end().len()..];
        let repeated = [Some(prefix).filter(|_| echoes), Some(space)];
        let repeated = repeated.into_iter().flatten().filter(|text| !text.is_empty()).map(str::to_owned).collect();
        Self { repeated, held: String::new() }
    }

    /// Takes more text; gives what is new of it.
    pub fn take(&mut self, text: &str) -> String {
        if self.repeated.is_empty() {
            return text.to_owned();
        }
        self.held.push_str(text);
        if self.repeated.iter().any(|known| known.len() > self.held.len() && known.starts_with(&self.held)) {
            return String::new();
        }
        let known = std::mem::take(&mut self.repeated);
        let said = std::mem::take(&mut self.held);
        let fresh = known.iter().find_map(|known| said.strip_prefix(known.as_str()));
        fresh.map(str::to_owned).unwrap_or(said)
    }

    /// What is left at the end: a part of what could have been said again is new.
    pub fn end(&mut self) -> String {
        self.repeated.clear();
        std::mem::take(&mut self.held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(prefix: &str, echoes: bool, said: &str) -> String {
        let mut whole = Seam::new(prefix, echoes);
        let expected = whole.take(said) + &whole.end();
        for width in 1..said.len() {
            let mut seam = Seam::new(prefix, echoes);
            let mut fresh = String::new();
            for part in said.as_bytes().chunks(width) {
                fresh += &seam.take(std::str::from_utf8(part).unwrap());
            }
            assert_eq!(fresh + &seam.end(), expected, "{said:?} in pieces of {width}");
        }
        expected
    }

    #[test]
    fn what_is_said_again_is_taken_off() {
        assert_eq!(run("{\"a\":", true, "{\"a\": 1}"), " 1}");
        assert_eq!(run("{\"a\":", false, "{\"a\": 1}"), "{\"a\": 1}");
        assert_eq!(run("{\"a\":", true, " 1}"), " 1}");
        assert_eq!(run("{\"a\":", true, "{\"b"), "{\"b");
        assert_eq!(run("[1, ", false, " 2]"), "2]");
        assert_eq!(run("[1, ", true, "[1, 2]"), "2]");
        assert_eq!(run("[1, ", false, "2]"), "2]");
        assert_eq!(run("[[", true, "["), "[");
    }
}
