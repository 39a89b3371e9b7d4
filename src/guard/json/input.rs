//! The text that is read, and looking ahead in it.
//!
//! JSON that stands encoded in a string is read from a *segment*: the string's body, decoded, appended behind the text
//! with positions of its own. Its end leads back to behind the string. A slot without a byte ends the text and each
//! segment.

use rustc_hash::FxHashMap;

/// Bytes that whitespace of other writing systems and marks of byte order take, if the text begins with one.
pub fn foreign_space(text: &[u8]) -> Option<usize> {
    match text {
        [0xc2, 0xa0, ..] | [0xc2, 0x85, ..] => Some(2),
        [0xe1, 0xa0, 0x8e, ..] | [0xef, 0xbb, 0xbf, ..] | [0xe3, 0x80, 0x80, ..] => Some(3),
        [0xe2, 0x80, 0x80..=0x8d | 0xa8 | 0xa9 | 0xaf, ..] | [0xe2, 0x81, 0x9f | 0xa0, ..] => Some(3),
        [0x0b | 0x0c, ..] => Some(1),
        _ => None,
    }
}

pub fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

pub fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

pub struct Input {
    /// The text, an empty slot, and segments with an empty slot each.
    bytes: Vec<u8>,
    length: u32,
    segments: Vec<Segment>,
    /// Segments by where their string begins.
    decoded: FxHashMap<u32, Option<u32>>,
}

struct Segment {
    start: u32,
    end: u32,
    /// Where reading goes on behind it.
    back: u32,
    /// The position of each byte's beginning in what it was decoded from.
    from: Vec<u32>,
}

impl Input {
    pub fn new(text: &[u8]) -> Self {
        let mut bytes = text.to_vec();
        bytes.push(0);
        Self { bytes, length: text.len() as u32, segments: Vec::new(), decoded: FxHashMap::default() }
    }

    fn segment(&self, at: u32) -> Option<&Segment> {
        self.segments.iter().find(|segment| (segment.start..=segment.end).contains(&at))
    }

    /// What is left from a position to the end of the text or segment.
    pub fn rest(&self, at: u32) -> &[u8] {
        let end = if at <= self.length { self.length } else { self.segment(at).map_or(at, |segment| segment.end) };
        &self.bytes[at as usize..end as usize]
    }

    pub fn get(&self, at: u32) -> Option<u8> {
        if at < self.length { Some(self.bytes[at as usize]) } else { self.rest(at).first().copied() }
    }

    pub fn before(&self, at: u32) -> Option<u8> {
        let first = at == 0 || (at > self.length && self.segment(at).is_some_and(|segment| segment.start == at));
        (!first).then(|| self.bytes[at as usize - 1])
    }

    /// The last byte before a position that is no blank, and where it stands.
    pub fn before_blanks(&self, at: u32) -> Option<(u8, u32)> {
        let mut before = at;
        while self.before(before).is_some_and(is_blank) {
            before -= 1;
        }
        self.before(before).map(|byte| (byte, before - 1))
    }

    /// The end of the whole text.
    pub fn length(&self) -> u32 {
        self.length
    }

    /// The end of the text or segment.
    pub fn end_of(&self, at: u32) -> u32 {
        at + self.rest(at).len() as u32
    }

    /// At the end of a segment: where reading goes on.
    pub fn back(&self, at: u32) -> Option<u32> {
        if at <= self.length {
            return None;
        }
        self.segment(at).filter(|segment| segment.end == at).map(|segment| segment.back)
    }

    pub fn source(&self, from: u32, to: u32) -> &[u8] {
        let (from, to) = if to < from || (from <= self.length && to > self.length) {
            // Into or out of a segment: what stands between in the text that holds it.
            (from, from)
        } else {
            (from, to)
        };
        &self.bytes[from as usize..to as usize]
    }

    pub fn offset(&self, at: u32) -> usize {
        let mut at = at;
        while at > self.length {
            let Some(segment) = self.segment(at) else { break };
            at = segment.from.get((at - segment.start) as usize).copied().unwrap_or(segment.back);
        }
        at as usize
    }

    /// The string whose opening quote stands at `at`, decoded, if it holds what looks like a container in JSON.
    pub fn decode_string(&mut self, at: u32) -> Option<u32> {
        if let Some(known) = self.decoded.get(&at) {
            return *known;
        }
        let rest = self.rest(at);
        let quote = rest[0];
        let inside = rest[1..].iter().position(|byte| !is_blank(*byte)).map(|skip| rest[1 + skip]);
        let found = matches!(inside, Some(b'{' | b'[')).then(|| self.decode(at + 1, Some(quote))).flatten();
        self.decoded.insert(at, found);
        found
    }

    /// The rest of the text, decoded once, where a backslash stands before a quote.
    pub fn decode_rest(&mut self, at: u32) -> Option<u32> {
        if let Some(known) = self.decoded.get(&at) {
            return *known;
        }
        let found = self.decode(at, None);
        self.decoded.insert(at, found);
        found
    }

    fn decode(&mut self, at: u32, quote: Option<u8>) -> Option<u32> {
        let rest = self.rest(at).to_vec();
        let (mut text, mut from) = (Vec::new(), Vec::new());
        let mut here = 0;
        let mut escapes = 0;
        let end = loop {
            let Some(byte) = rest.get(here).copied() else {
                // A string that does not end is not JSON in a string; the rest of a text is what it is.
                break quote.is_none().then_some(here)?;
            };
            if Some(byte) == quote {
                break here + 1;
            }
            let (decoded, taken) = match (byte, rest.get(here + 1)) {
                (b'\\', Some(b'n')) => (b'\n', 2),
                (b'\\', Some(b't')) => (b'\t', 2),
                (b'\\', Some(b'r')) => (b'\r', 2),
                // Twice encoded quotes with a backslash too few are common: both end as an escaped quote.
                (b'\\', Some(next @ (b'"' | b'\\' | b'/' | b'\''))) => (*next, 2),
                _ => (byte, 1),
            };
            escapes += usize::from(taken == 2);
            text.push(decoded);
            from.push(at + here as u32);
            here += taken;
        };
        if quote.is_none() && escapes == 0 {
            return None;
        }
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(&text);
        self.bytes.push(0);
        let end_at = start + text.len() as u32;
        self.segments.push(Segment { start, end: end_at, back: at + end as u32, from });
        Some(start)
    }

    /// Behind blanks and comments.
    pub fn skip_blanks(&self, at: u32) -> u32 {
        let rest = self.rest(at);
        let mut here = 0;
        while here < rest.len() {
            let taken = match rest[here] {
                byte if is_blank(byte) => 1,
                _ => foreign_space(&rest[here..]).or_else(|| comment(&rest[here..])).unwrap_or(0),
            };
            if taken == 0 {
                break;
            }
            here += taken;
        }
        at + here as u32
    }

    /// A line ends here, or only blanks stand before what ends a value.
    pub fn at_part_end(&self, at: u32) -> bool {
        let rest = self.rest(at);
        let skip = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r')).count();
        match rest.get(skip) {
            None | Some(b'\n' | b',' | b'}' | b']' | b':') => true,
            Some(b'/' | b'#') => comment(&rest[skip..]).is_some() && skip > 0,
            Some(b'`') => rest[skip..].starts_with(b"```"),
            _ => false,
        }
    }

    /// Behind the item or member that begins here: before the comma or bracket that follows it. None: none follows.
    pub fn part_end(&self, at: u32) -> Option<u32> {
        let rest = self.rest(at);
        let (mut depth, mut here) = (0usize, 0);
        while here < rest.len() {
            match rest[here] {
                b'"' => here = string_end(rest, here) - 1,
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth == 0 => break,
                b'}' | b']' => depth -= 1,
                b',' if depth == 0 => break,
                _ => {}
            }
            here += 1;
        }
        (here < rest.len()).then_some(at + here as u32)
    }

    /// Behind the container that opens here, if it is closed.
    pub fn container_end(&self, at: u32) -> Option<u32> {
        let rest = self.rest(at);
        let (mut depth, mut here) = (0usize, 0);
        while here < rest.len() {
            match rest[here] {
                b'"' => here = string_end(rest, here) - 1,
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            here += 1;
            if depth == 0 {
                return Some(at + here as u32);
            }
        }
        None
    }
}

/// Behind the string that begins at `start`, or the end of the text.
pub fn string_end(text: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < text.len() && text[at] != text[start] {
        at += if text[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(text.len())
}

/// The length of the comment that a text begins with.
pub fn comment(text: &[u8]) -> Option<usize> {
    let line = |text: &[u8]| text.iter().position(|byte| *byte == b'\n').unwrap_or(text.len());
    match text {
        [b'/', b'*', rest @ ..] => {
            let end = rest.windows(2).position(|pair| pair == b"*/");
            Some(end.map_or(text.len(), |end| end + 4))
        }
        [b'/', b'/', ..] | [b'#', ..] => Some(line(text)),
        _ => None,
    }
}

/// A text as the body of a JSON string.
pub fn escaped(text: &[u8], body: &mut Vec<u8>) {
    for byte in text {
        match escape(*byte) {
            Some(written) => body.extend_from_slice(written.as_bytes()),
            None if *byte < 0x20 => body.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            None => body.push(*byte),
        }
    }
}

/// The short escape of a byte that must be escaped.
pub fn escape(byte: u8) -> Option<&'static str> {
    Some(match byte {
        b'"' => "\\\"",
        b'\\' => "\\\\",
        b'\n' => "\\n",
        b'\r' => "\\r",
        b'\t' => "\\t",
        0x08 => "\\b",
        0x0c => "\\f",
        _ => return None,
    })
}
