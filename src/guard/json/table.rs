//! What each liberty costs. The tiers are the steps in which the search looks at them.

/// The least cost of a move in each tier.
pub const TIERS: &[u32] = &[0, 1, 8, 24, 60, 200];

pub const FORCED: u32 = 1;
pub const SPACE: u32 = 1;
pub const CONTROL: u32 = 2;
pub const CASE: u32 = 3;
pub const ELLIPSIS: u32 = 3;
pub const QUOTE_STYLE: u32 = 4;
pub const UNESCAPE: u32 = 4;
pub const COMMENT: u32 = 5;
pub const FENCE: u32 = 5;
pub const THINK: u32 = 6;
pub const JOIN: u32 = 6;
pub const LITERAL: u32 = 6;
pub const NUMBER: u32 = 6;
pub const CALL_END: u32 = 4;

pub const CLOSE: u32 = 8;
pub const SCALAR: u32 = 10;
pub const ESCAPE: u32 = 12;
pub const COMMA_DROPPED: u32 = 12;
pub const CLOSE_STRING_AT_END: u32 = 16;
pub const CLOSE_STRING_AT_LAST_BRACKETS: u32 = 10;
pub const COMMA: u32 = 16;
pub const COLON: u32 = 16;
pub const BARE: u32 = 20;
pub const CALL: u32 = 8;
pub const FENCED: u32 = 16;
pub const BARE_COMMA_OR_BRACKET: u32 = 20;

pub const CLOSE_STRING_AT_LINE: u32 = 24;
pub const STRAY_QUOTE: u32 = 24;
pub const NULL: u32 = 30;
pub const OTHER_BRACKET: u32 = 30;
pub const PROSE: u32 = 30;
pub const WRAP: u32 = 30;
pub const ENCODING: u32 = 40;
pub const BARE_CLOSING: u32 = 30;
pub const CLOSE_STRING: u32 = 24;
pub const PROSE_BEFORE_SCALAR: u32 = 50;
pub const PROSE_QUOTE: u32 = 10;
pub const SEPARATOR: u32 = 6;
pub const KEY: u32 = 10;
pub const JUNK_BEFORE_VALUE: u32 = 34;
pub const PROSE_BRACKET: u32 = 28;
pub const BARE_LINE: u32 = 40;
pub const TAIL: u32 = 30;
pub const ESCAPE_AT_TERMINATOR: u32 = 44;
pub const SET: u32 = 47;
pub const BRACKET: u32 = 40;
pub const BRACKET_BEFORE_OTHER: u32 = 36;
pub const OPENING_DROPPED: u32 = 45;
pub const CLOSING_DROPPED: u32 = 48;
pub const OBJECT_DROPPED: u32 = 70;
pub const BRACKET_OPENED: u32 = 44;
pub const COMMA_BETWEEN_DROPPED: u32 = 72;
pub const ARRAY_GOES_ON: u32 = 50;
pub const BULLET: u32 = 5;
pub const REPEATED: u32 = 10;
pub const LAST_QUOTE: u32 = 12;
pub const ESCAPE_AT_COMMA: u32 = 20;
pub const ESCAPE_LAST: u32 = 30;
pub const BARE_QUOTE: u32 = 30;
pub const OBJECT_AROUND_KEY: u32 = 24;
pub const WORD: u32 = 38;

pub const DROP: u32 = 66;
pub const JUNK: u32 = 60;
pub const WHOLE: u32 = 88;
pub const BYTE: u32 = 200;

/// What a repair may cost unless the caller says otherwise.
pub const LIMIT: u32 = 400;

/// The limit for a text of so many bytes: of a short one, little may be changed before nothing of it is left.
pub fn limit(limit: u32, bytes: usize) -> u32 {
    let share = (72 + 6 * bytes.min(1 << 20)) as u32;
    limit.min(share)
}
