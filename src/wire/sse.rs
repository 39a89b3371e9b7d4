//! Server-sent events, written and read.
//!
//! Written: events without a name, and comments, as far as the OpenAI protocol uses them. Read: what a provider sends,
//! in whatever pieces it arrives. Lines end with LF, CR or CRLF; comments, `id` and `retry` are skipped; several `data`
//! lines of an event are joined; a byte order mark at the start is skipped. The data is bytes: whether it is UTF-8 is for
//! whoever reads it, so a code point that is cut between two pieces does no harm. Source: the HTML standard, section
//! "Server-sent events".

/// The last event of a stream that ended well.
pub const DONE: &str = "data: [DONE]\n\n";

/// A comment: keeps proxies from closing a silent connection; clients skip it.
pub const PING: &str = ": ping\n\n";

/// One event. `data` is compact JSON, so it has no line breaks.
pub fn event(data: &str) -> String {
    debug_assert!(!data.contains('\n'));
    let mut text = String::with_capacity(data.len() + 8);
    text.push_str("data: ");
    text.push_str(data);
    text.push_str("\n\n");
    text
}

/// One event as read.
#[derive(Debug, PartialEq, Eq)]
pub struct SseEvent<'a> {
    /// Its name; empty if it has none.
    pub name: &'a str,
    pub data: &'a [u8],
}

/// An event is larger than it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream has more than {limit} bytes")]
pub struct TooLarge {
    pub limit: usize,
}

/// Takes a stream apart.
#[derive(Debug)]
pub struct Decoder {
    /// Bytes that were not read yet begin at `at`.
    buffer: Vec<u8>,
    at: usize,
    name: String,
    data: Vec<u8>,
    has_data: bool,
    /// The last event was handed out and is to be wiped.
    handed: bool,
    started: bool,
    limit: usize,
}

impl Decoder {
    /// With the most bytes that one event may have.
    pub fn new(limit: usize) -> Self {
        Self {
            buffer: Vec::new(),
            at: 0,
            name: String::new(),
            data: Vec::new(),
            has_data: false,
            handed: false,
            started: false,
            limit,
        }
    }

    /// Takes the next piece of the stream.
    pub fn push(&mut self, piece: &[u8]) {
        if self.at > 0 {
            self.buffer.drain(..self.at);
            self.at = 0;
        }
        self.buffer.extend_from_slice(piece);
    }

    /// The stream ended within an event, which is then lost.
    pub fn is_cut(&self) -> bool {
        self.at < self.buffer.len() || (self.has_data && !self.handed)
    }

    /// The next whole event of what has come so far.
    ///
    /// # Errors
    /// An event that is too large.
    pub fn next_event(&mut self) -> Result<Option<SseEvent<'_>>, TooLarge> {
        if std::mem::take(&mut self.handed) {
            self.wipe();
        }
        while let Some((start, end)) = self.next_line() {
            if start == end {
                if self.has_data {
                    self.handed = true;
                    return Ok(Some(SseEvent { name: &self.name, data: &self.data }));
                }
                self.wipe();
                continue;
            }
            let line = &self.buffer[start..end];
            let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
            let value = line.get(colon + 1..).unwrap_or_default();
            let value = value.strip_prefix(b" ").unwrap_or(value);
            match &line[..colon] {
                b"data" => {
                    if self.has_data {
                        self.data.push(b'\n');
                    }
                    self.has_data = true;
                    self.data.extend_from_slice(value);
                }
                b"event" => {
                    self.name.clear();
                    self.name.push_str(&String::from_utf8_lossy(value));
                }
                _ => {} // a comment (the colon comes first), an id, a retry, or nothing that is known
            }
        }
        match self.buffer.len() - self.at + self.data.len() > self.limit {
            true => Err(TooLarge { limit: self.limit }),
            false => Ok(None),
        }
    }

    fn wipe(&mut self) {
        self.name.clear();
        self.data.clear();
        self.has_data = false;
    }

    /// Start and end of the next whole line, which counts as read.
    fn next_line(&mut self) -> Option<(usize, usize)> {
        if !self.started {
            const MARK: &[u8] = b"\xEF\xBB\xBF";
            let rest = &self.buffer[self.at..];
            if rest.len() < MARK.len() && MARK.starts_with(rest) {
                return None;
            }
            self.at += if rest.starts_with(MARK) { MARK.len() } else { 0 };
            self.started = true;
        }
        let start = self.at;
        let length = self.buffer[start..].iter().position(|byte| matches!(byte, b'\n' | b'\r'))?;
        let end = start + length;
        let width = match (self.buffer[end], self.buffer.get(end + 1)) {
            (b'\r', Some(b'\n')) => 2,
            // Whether a line feed follows shows with the next piece.
            (b'\r', None) => return None,
            _ => 1,
        };
        self.at = end + width;
        Some((start, end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The events of a stream that arrives in pieces of this many bytes.
    fn read(stream: &[u8], piece: usize) -> (Vec<(String, String)>, bool) {
        let mut decoder = Decoder::new(1000);
        let mut events = Vec::new();
        for piece in stream.chunks(piece) {
            decoder.push(piece);
            while let Some(event) = decoder.next_event().unwrap() {
                events.push((event.name.to_owned(), String::from_utf8(event.data.to_vec()).unwrap()));
            }
        }
        (events, decoder.is_cut())
    }

    #[test]
    fn streams_in_any_pieces() {
        type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], bool);
        let cases: &[Case] = &[
            ("data: a\n\ndata:b\n\n", &[("", "a"), ("", "b")], false),
            ("data: a\r\n\r\ndata: ü€😀\r\n\r\n\n", &[("", "a"), ("", "ü€😀")], false),
            ("data: a\r\rdata: b\r\r\n", &[("", "a"), ("", "b")], false),
            ("\u{FEFF}: hi\n\nevent: x\nid: 7\nretry: 1\ndata: a\ndata: b\n\n", &[("x", "a\nb")], false),
            (": keep-alive\n\n: x\ndata: [DONE]\n\n", &[("", "[DONE]")], false),
            ("data\n\ndata:\n\n", &[("", ""), ("", "")], false),
            ("event: lost\n\ndata: a\n\n", &[("", "a")], false),
            ("data: a\n\ndata: b\n", &[("", "a")], true),
            ("data: a\n\ndata: b", &[("", "a")], true),
            ("data:  two\nunknown: x\n\n", &[("", " two")], false),
        ];
        for (stream, expected, cut) in cases {
            for piece in 1..=stream.len() {
                let (events, is_cut) = read(stream.as_bytes(), piece);
                let events: Vec<(&str, &str)> = events.iter().map(|(name, data)| (&**name, &**data)).collect();
                assert_eq!((&events[..], is_cut), (*expected, *cut), "{stream:?} by {piece}");
            }
        }
    }

    #[test]
    fn events_without_end_are_refused() {
        let mut decoder = Decoder::new(100);
        decoder.push(&[b'x'; 101]);
        assert_eq!(decoder.next_event(), Err(TooLarge { limit: 100 }));
        let mut decoder = Decoder::new(100);
        for _ in 0..20 {
            decoder.push(b"data: 123456789\n");
        }
        assert!(decoder.next_event().is_err());
    }
}
