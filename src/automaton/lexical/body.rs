//! The body of a JSON string whose text is of a language.

use super::{StrState, StringLanguage, unescape::{self, Unescaped}};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BodyState {
    pub sub: u32,
    pub at: StrState,
}

pub enum BodyStep {
    Dead,
    Stay(BodyState),
    Close(StrState),
}

pub fn body_step(language: &StringLanguage, body: BodyState, byte: u8) -> BodyStep {
    let plain = language.is_plain();
    match unescape::step(body.sub, byte) {
        Unescaped::Dead => BodyStep::Dead,
        Unescaped::Inside(sub) => BodyStep::Stay(BodyState { sub, at: body.at }),
        Unescaped::Bytes { at: sub, .. } if plain => BodyStep::Stay(BodyState { sub, at: body.at }),
        Unescaped::Bytes { at: sub, bytes, len } => {
            let mut dfa = language.lock();
            let mut at = body.at;
            for byte in &bytes[..usize::from(len)] {
                match dfa.step(at, *byte) {
                    Some(next) => at = next,
                    None => return BodyStep::Dead,
                }
            }
            BodyStep::Stay(BodyState { sub, at })
        }
        Unescaped::Close if plain || language.lock().accepts(body.at) => BodyStep::Close(body.at),
        Unescaped::Close => BodyStep::Dead,
    }
}
