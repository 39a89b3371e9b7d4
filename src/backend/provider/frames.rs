//! Streams cut into events: server-sent events, lines of JSON, AWS's binary frames.

use aws_smithy_eventstream::frame::{DecodedFrame, MessageFrameDecoder};
use aws_smithy_types::event_stream::{HeaderValue, Message};

use super::{Framing, Reader};
use crate::{
    inference::{Event, Failure, FailureKind},
    wire::sse,
};

/// One stream.
pub(super) enum Frames {
    Sse(sse::Decoder),
    Lines { buffer: Vec<u8>, limit: usize },
    EventStream { decoder: Box<MessageFrameDecoder>, buffer: Vec<u8> },
}

impl Frames {
    /// With the most bytes that one event may have.
    pub fn new(framing: Framing, limit: usize) -> Self {
        match framing {
            Framing::Sse => Self::Sse(sse::Decoder::new(limit)),
            Framing::Lines => Self::Lines { buffer: Vec::new(), limit },
            Framing::EventStream => Self::EventStream { decoder: Box::default(), buffer: Vec::new() },
        }
    }

    /// Whether a body of this content type is such a stream.
    pub fn is_stream(framing: Framing, content_type: &str) -> bool {
        match framing {
            Framing::Sse => content_type == "text/event-stream",
            Framing::Lines => {
                ["application/x-ndjson", "application/ndjson", "application/jsonl"].contains(&content_type)
            }
            Framing::EventStream => content_type == "application/vnd.amazon.eventstream",
        }
    }

    /// Takes a piece of the stream and has the reader read the events that are whole; true if there was one.
    pub fn feed(&mut self, piece: &[u8], reader: &mut dyn Reader, out: &mut Vec<Event>) -> Result<bool, Failure> {
        match self {
            Self::Sse(decoder) => {
                decoder.push(piece);
                let mut any = false;
                while let Some(event) = decoder.next_event().map_err(|error| nonsense(&error.to_string()))? {
                    reader.event(event.name, event.data, out)?;
                    any = true;
                }
                Ok(any)
            }
            Self::Lines { buffer, limit } => {
                buffer.extend_from_slice(piece);
                let (mut start, mut any) = (0, false);
                while let Some(length) = buffer[start..].iter().position(|byte| *byte == b'\n') {
                    let line = buffer[start..start + length].trim_ascii();
                    start += length + 1;
                    if !line.is_empty() {
                        reader.event("", line, out)?;
                        any = true;
                    }
                }
                buffer.drain(..start);
                match buffer.len() > *limit {
                    true => Err(nonsense("a line of the stream is too long")),
                    false => Ok(any),
                }
            }
            Self::EventStream { decoder, buffer } => {
                buffer.extend_from_slice(piece);
                let (mut rest, mut any) = (&buffer[..], false);
                let broken = |error: aws_smithy_eventstream::error::Error| nonsense(&error.to_string());
                while let DecodedFrame::Complete(message) = decoder.decode_frame(&mut rest).map_err(broken)? {
                    reader.event(&name(&message), message.payload(), out)?;
                    any = true;
                }
                let read = buffer.len() - rest.len();
                buffer.drain(..read);
                Ok(any)
            }
        }
    }

    /// The stream ended: a last line may lack its end.
    pub fn end(&mut self, reader: &mut dyn Reader, out: &mut Vec<Event>) -> Result<(), Failure> {
        match self {
            Self::Lines { buffer, .. } if !buffer.trim_ascii().is_empty() => {
                let line = std::mem::take(buffer);
                reader.event("", line.trim_ascii(), out)
            }
            _ => Ok(()),
        }
    }
}

/// The name of a frame's event, or of its exception after a `!`.
fn name(message: &Message) -> String {
    let header = |wanted: &str| {
        message.headers().iter().find(|header| header.name().as_str() == wanted).and_then(|header| {
            match header.value() {
                HeaderValue::String(text) => Some(text.as_str().to_owned()),
                _ => None,
            }
        })
    };
    match header(":message-type").as_deref() {
        Some("exception") => format!("!{}", header(":exception-type").unwrap_or_default()),
        Some("error") => format!("!{}", header(":error-code").unwrap_or_default()),
        _ => header(":event-type").unwrap_or_default(),
    }
}

fn nonsense(what: &str) -> Failure {
    Failure::new(FailureKind::Upstream, format!("the provider's stream cannot be read: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Keeper(Vec<(String, String)>);

    impl Reader for Keeper {
        fn event(&mut self, name: &str, data: &[u8], _: &mut Vec<Event>) -> Result<(), Failure> {
            self.0.push((name.to_owned(), String::from_utf8_lossy(data).into_owned()));
            Ok(())
        }

        fn is_done(&self) -> bool {
            false
        }

        fn end(&mut self, _: &mut Vec<Event>) -> Result<(), Failure> {
            Ok(())
        }

        fn whole(&mut self, _: &[u8], _: &mut Vec<Event>) -> Result<(), Failure> {
            Ok(())
        }
    }

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect()
    }

    fn read(framing: Framing, stream: &[u8], width: usize) -> Vec<(String, String)> {
        let (mut frames, mut keeper, mut out) = (Frames::new(framing, 1000), Keeper::default(), Vec::new());
        for piece in stream.chunks(width) {
            frames.feed(piece, &mut keeper, &mut out).unwrap();
        }
        frames.end(&mut keeper, &mut out).unwrap();
        keeper.0
    }

    /// Frames that botocore reads.
    #[test]
    fn binary_frames_in_any_pieces() {
        let delta = "0000009400000057b4ab9aee0b3a6576656e742d74797065070011636f6e74656e74426c6f636b44656c74610d3a636f6e\
                     74656e742d747970650700106170706c69636174696f6e2f6a736f6e0d3a6d6573736167652d747970650700056576656e\
                     747b22636f6e74656e74426c6f636b496e646578223a302c2264656c7461223a7b2274657874223a224869227d7d1f9446\
                     57";
        let exception = "0000008300000061a9d144e50f3a657863657074696f6e2d747970650700137468726f74746c696e67457863657074\
                         696f6e0d3a636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e0d3a6d6573736167652d74\
                         797065070009657863657074696f6e7b226d657373616765223a22736c6f77227d9350311c";
        let stream = [bytes(delta), bytes(exception)].concat();
        let pair = |name: &str, data: &str| (name.to_owned(), data.to_owned());
        let expected = [
            pair("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":"Hi"}}"#),
            pair("!throttlingException", r#"{"message":"slow"}"#),
        ];
        for width in [1, 2, 7, 100, 148, 149, 1000] {
            assert_eq!(read(Framing::EventStream, &stream, width), expected, "{width}");
        }
        let mut broken = stream.clone();
        broken[100] ^= 1;
        let mut frames = Frames::new(Framing::EventStream, 1000);
        assert!(frames.feed(&broken, &mut Keeper::default(), &mut Vec::new()).is_err(), "a checksum says so");
    }

    #[test]
    fn lines_in_any_pieces() {
        let stream = "{\"a\":\"\u{e4}\"}\r\n\n{\"b\":1}\n{\"c\":2}";
        for width in 1..stream.len() {
            let lines: Vec<String> =
                read(Framing::Lines, stream.as_bytes(), width).into_iter().map(|(_, data)| data).collect();
            assert_eq!(lines, ["{\"a\":\"\u{e4}\"}", "{\"b\":1}", "{\"c\":2}"]);
        }
    }
}
