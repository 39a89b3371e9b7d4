//! Indented text: each member and item on a line of its own, two spaces deeper than the container's, a space behind each
//! colon, nothing inside empty containers; as `JSON.stringify(value, null, 2)` and Python's `json.dumps(value, indent=2)`
//! write it.
//!
//! All whitespace is forced, so it is a state of its own, [`Lex::Gap`], that counts down to what it stands before. The
//! search for a way home knows nothing of it: it searches as if the style was compact, and the text is indented when it is
//! found.

use super::{
    frame::{FrameId, Frames},
    machine::{Lex, Machine, State},
    spec::SpecId,
};

/// Spaces a level.
const WIDTH: u32 = 2;

/// Whitespace that must come, and what comes behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Gap {
    /// A line ends first.
    newline: bool,
    /// Spaces that are left.
    spaces: u32,
    before: Before,
}

/// What comes behind whitespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Before {
    Value(SpecId),
    Key,
    /// The container's closing bracket.
    End,
}

impl Machine {
    /// Before a value, a key or an end within `frame`, with the whitespace of the style.
    pub(super) fn due(&mut self, frame: FrameId, before: Before) -> State {
        if !self.style.indented || frame == Frames::ROOT {
            return State { frame, lex: before.lex() };
        }
        let spaces = WIDTH * self.depth(frame);
        self.gap(frame, Gap { newline: true, spaces, before })
    }

    /// Before a member's value.
    pub(super) fn after_colon(&mut self, frame: FrameId, value: SpecId) -> State {
        match self.style.indented {
            true => self.gap(frame, Gap { newline: false, spaces: 1, before: Before::Value(value) }),
            false => State { frame, lex: Lex::Value(value) },
        }
    }

    fn gap(&self, frame: FrameId, gap: Gap) -> State {
        match gap {
            Gap { newline: false, spaces: 0, before } => State { frame, lex: before.lex() },
            _ => State { frame, lex: Lex::Gap(gap) },
        }
    }

    /// Containers that are open.
    fn depth(&self, mut frame: FrameId) -> u32 {
        let mut depth = 0;
        while frame != Frames::ROOT {
            depth += 1;
            frame = self.frames.get(frame).parent;
        }
        depth
    }

    /// One byte of whitespace.
    pub(super) fn in_gap(&self, frame: FrameId, gap: Gap, byte: u8) -> Option<State> {
        let rest = match (gap.newline, byte) {
            (true, b'\n') => Gap { newline: false, ..gap },
            (false, b' ') => Gap { spaces: gap.spaces - 1, ..gap },
            _ => return None,
        };
        Some(self.gap(frame, rest))
    }

    /// The line ends behind an opening bracket or a value: something comes, or the container ends.
    pub(super) fn line_end(&mut self, state: State) -> Option<State> {
        let frame = state.frame;
        let due = match state.lex {
            Lex::FirstItem => {
                let spec = self.next_item(frame)?;
                self.due(frame, Before::Value(spec))
            }
            Lex::FirstKey => {
                self.open_key(frame)?;
                self.due(frame, Before::Key)
            }
            Lex::After => {
                let end = State { frame, lex: Lex::Closing };
                [b']', b'}'].into_iter().find_map(|byte| self.step(end, byte))?;
                let spaces = WIDTH * (self.depth(frame) - 1);
                self.gap(frame, Gap { newline: true, spaces, before: Before::End })
            }
            _ => return None,
        };
        match due.lex {
            Lex::Gap(gap) => self.in_gap(frame, gap, b'\n'),
            _ => None,
        }
    }

    /// The state in a compact text that stands where this one does.
    pub(super) fn compact(state: State) -> State {
        let lex = match state.lex {
            Lex::Gap(gap) if gap.before == Before::End => Lex::After,
            Lex::Gap(gap) => gap.before.lex(),
            Lex::Closing => Lex::After,
            lex => lex,
        };
        State { lex, ..state }
    }

    /// A compact text with the whitespace of the style, read from `state`.
    pub(super) fn indent(&mut self, mut state: State, compact: &[u8]) -> Option<Vec<u8>> {
        let mut text = Vec::with_capacity(compact.len() * 2);
        for &byte in compact {
            let mut next = self.step(state, byte);
            while next.is_none() {
                let blank = match state.lex {
                    Lex::Gap(Gap { newline: false, .. }) => b' ',
                    _ => b'\n',
                };
                state = self.step(state, blank)?;
                text.push(blank);
                next = self.step(state, byte);
            }
            state = next?;
            text.push(byte);
        }
        Some(text)
    }
}

impl Before {
    fn lex(self) -> Lex {
        match self {
            Self::Value(spec) => Lex::Value(spec),
            Self::Key => Lex::NextKey,
            Self::End => Lex::Closing,
        }
    }
}
