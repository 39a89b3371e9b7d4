//! The body of a JSON string, stepped without a lock where its text may be anything.

use super::{
    StringLanguage,
    escape::{self, BodyState, BodyStep},
    unescape::{self, Unescaped},
};

/// One more raw byte of a body. In a plain language [`BodyState::sub`] is a position of [`unescape`], so that tables
/// made ahead from it hold for every such string; in others it is [`escape`]'s.
pub fn body_step(language: &StringLanguage, body: BodyState, byte: u8) -> BodyStep {
    if !language.is_plain() {
        return escape::step(&mut language.lock(), body, byte);
    }
    match unescape::step(body.sub, byte) {
        Unescaped::Dead => BodyStep::Dead,
        Unescaped::Inside(sub) | Unescaped::Bytes { at: sub, .. } => BodyStep::Stay(BodyState { sub, at: body.at }),
        Unescaped::Close => BodyStep::Close(body.at),
    }
}
