//! Whether characters are a U-label, or can become one: IDNA 2008.
//!
//! Which characters may stand in a label follows from their properties (RFC 5892, section 2), not from a list, so a new
//! edition of Unicode brings its own. Contextual rules are those of its appendix A, the rule for labels with
//! right-to-left scripts that of RFC 5893, section 2; hyphens and marks by RFC 5891, section 4.2.3.

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::props::{
    BidiClass, CanonicalCombiningClass, ChangesWhenNfkcCasefolded, DefaultIgnorableCodePoint, GeneralCategory,
    JoiningType, Script,
};
use icu_properties::{CodePointMapData, CodePointSetData};

/// What is known of a label so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No continuation makes it a label.
    Dead,
    /// It is no label, but can become one.
    Open,
    Valid,
}

/// A label so far, as the other labels of its domain see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    pub verdict: Verdict,
    /// It has characters of a right-to-left script.
    pub rtl: bool,
    /// It may begin so, and end so, beside a label of a right-to-left script.
    pub begins: bool,
    pub fits: bool,
}

impl Judged {
    const DEAD: Self = Self { verdict: Verdict::Dead, rtl: false, begins: false, fits: false };

    /// The verdict beside other labels: one of a right-to-left script, and one that must not stand beside such.
    pub fn beside(self, rtl: bool, unfit: bool) -> Verdict {
        match self.verdict {
            _ if self.rtl && unfit || rtl && !self.begins => Verdict::Dead,
            Verdict::Valid if rtl && !self.fits => Verdict::Open,
            verdict => verdict,
        }
    }
}

const ZWNJ: char = '\u{200C}';
const ZWJ: char = '\u{200D}';
const KATAKANA_DOT: char = '\u{30FB}';

/// Whether a character may stand in a label, some only in context.
pub fn is_allowed(c: char) -> bool {
    match c {
        'a'..='z' | '0'..='9' | '-' | ZWNJ | ZWJ => return true,
        '\0'..='\x7F' => return false,
        '\u{DF}' | '\u{3C2}' | '\u{6FD}' | '\u{6FE}' | '\u{F0B}' | '\u{3007}' => return true,
        '\u{B7}' | '\u{375}' | '\u{5F3}' | '\u{5F4}' | KATAKANA_DOT => return true,
        '\u{640}' | '\u{7FA}' | '\u{302E}' | '\u{302F}' | '\u{3031}'..='\u{3035}' | '\u{303B}' => return false,
        // Conjoining Hangul, and combining marks for symbols and music.
        '\u{1100}'..='\u{11FF}' | '\u{A960}'..='\u{A97C}' | '\u{D7B0}'..='\u{D7FB}' => return false,
        '\u{20D0}'..='\u{20FF}' | '\u{1D100}'..='\u{1D24F}' => return false,
        _ => {}
    }
    use GeneralCategory::{
        DecimalNumber, LowercaseLetter, ModifierLetter, NonspacingMark, OtherLetter, SpacingMark, UppercaseLetter,
    };
    let category = CodePointMapData::<GeneralCategory>::new().get(c);
    let letter =
        [LowercaseLetter, UppercaseLetter, OtherLetter, DecimalNumber, ModifierLetter, NonspacingMark, SpacingMark];
    letter.contains(&category)
        && !CodePointSetData::new::<ChangesWhenNfkcCasefolded>().contains(c)
        && !CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

fn is_mark(c: char) -> bool {
    use GeneralCategory::{EnclosingMark, NonspacingMark, SpacingMark};
    matches!(CodePointMapData::<GeneralCategory>::new().get(c), NonspacingMark | SpacingMark | EnclosingMark)
}

fn script(c: char) -> Script {
    CodePointMapData::<Script>::new().get(c)
}

fn bidi(c: char) -> BidiClass {
    CodePointMapData::<BidiClass>::new().get(c)
}

fn joining(c: char) -> JoiningType {
    CodePointMapData::<JoiningType>::new().get(c)
}

fn combining(c: char) -> CanonicalCombiningClass {
    CodePointMapData::<CanonicalCombiningClass>::new().get(c)
}

/// Judges the beginning of a label that is in no need of decoding; its length is not asked for.
pub fn judge(label: &[char]) -> Judged {
    let Some(&first) = label.first() else {
        return Judged { verdict: Verdict::Open, begins: true, fits: false, rtl: false };
    };
    if first == '-' || is_mark(first) || label.get(2..4) == Some(&['-', '-']) || !label.iter().all(|c| is_allowed(*c)) {
        return Judged::DEAD;
    }
    if !is_composed(&label.iter().collect::<String>()) {
        return Judged::DEAD;
    }
    let mut judged = direction(label);
    if label.ends_with(&['-']) && judged.verdict == Verdict::Valid {
        judged.verdict = Verdict::Open;
    }
    for place in 0..label.len() {
        match context(label, place) {
            Verdict::Dead => return Judged::DEAD,
            // What they wait for is of a left-to-right script.
            Verdict::Open if judged.rtl && label[place] != ZWNJ => return Judged::DEAD,
            Verdict::Open if judged.verdict == Verdict::Valid => judged.verdict = Verdict::Open,
            _ => {}
        }
    }
    judged
}

/// Whether the text is in normalisation form C; if its beginning is not, nothing behind it changes that.
pub fn is_composed(label: &str) -> bool {
    ComposingNormalizerBorrowed::new_nfc().is_normalized(label)
}

type Sort = (bool, BidiClass, JoiningType, Script, bool, bool);

/// What of a letter matters to the rules, but for composition; `None` for those that rules name.
pub fn sort(c: char) -> Option<Sort> {
    let named = c.is_ascii() || matches!(c, '\u{B7}' | ZWNJ | ZWJ | '\u{660}'..='\u{669}' | '\u{6F0}'..='\u{6F9}');
    let known = match script(c) {
        script @ (Script::Greek | Script::Hebrew | Script::Hiragana | Script::Katakana | Script::Han) => script,
        _ => Script::Common,
    };
    let virama = combining(c) == CanonicalCombiningClass::Virama;
    let named = named || matches!(c, '\u{375}' | '\u{5F3}' | '\u{5F4}' | KATAKANA_DOT | '\u{1100}'..='\u{11FF}');
    (!named).then(|| (is_allowed(c), bidi(c), joining(c), known, virama, is_mark(c)))
}

/// The contextual rule for the character at a place.
fn context(label: &[char], place: usize) -> Verdict {
    let (before, after) = (&label[..place], &label[place + 1..]);
    let holds = |truth: bool| if truth { Verdict::Valid } else { Verdict::Dead };
    let next = |test: fn(char) -> bool| after.first().map_or(Verdict::Open, |c| holds(test(*c)));
    let last = |test: fn(char) -> bool| holds(before.last().is_some_and(|c| test(*c)));
    let is_virama = |c: char| combining(c) == CanonicalCombiningClass::Virama;
    match label[place] {
        ZWJ => last(is_virama),
        ZWNJ if last(is_virama) == Verdict::Valid => Verdict::Valid,
        ZWNJ => {
            let near = |c: Option<&char>, sides: [JoiningType; 2]| c.map(|c| sides.contains(&joining(*c)));
            let is_seen = |c: &&char| joining(**c) != JoiningType::Transparent;
            let left = near(before.iter().rev().find(is_seen), [JoiningType::LeftJoining, JoiningType::DualJoining]);
            let right = near(after.iter().find(is_seen), [JoiningType::RightJoining, JoiningType::DualJoining]);
            if left == Some(true) { right.map_or(Verdict::Open, holds) } else { Verdict::Dead }
        }
        '\u{B7}' if last(|c| c == 'l') == Verdict::Valid => next(|c| c == 'l'),
        '\u{B7}' => Verdict::Dead,
        '\u{375}' => next(|c| script(c) == Script::Greek),
        '\u{5F3}' | '\u{5F4}' => last(|c| script(c) == Script::Hebrew),
        KATAKANA_DOT => {
            let kana = |c: &char| matches!(script(*c), Script::Hiragana | Script::Katakana | Script::Han);
            if label.iter().any(kana) { Verdict::Valid } else { Verdict::Open }
        }
        '\u{660}'..='\u{669}' => holds(!label.iter().any(|c| ('\u{6F0}'..='\u{6F9}').contains(c))),
        _ => Verdict::Valid,
    }
}

/// The rule for right-to-left scripts.
fn direction(label: &[char]) -> Judged {
    use BidiClass as B;
    let class = |c: &char| bidi(*c);
    let first = class(&label[0]);
    let end = label.iter().rev().map(class).find(|class| *class != B::NonspacingMark);
    let has = |classes: &[BidiClass]| label.iter().any(|c| classes.contains(&class(c)));
    let is_rtl = |class: BidiClass| matches!(class, B::RightToLeft | B::ArabicLetter);
    if !has(&[B::RightToLeft, B::ArabicLetter, B::ArabicNumber]) {
        let begins = first == B::LeftToRight;
        let fits = begins && matches!(end, Some(B::LeftToRight | B::EuropeanNumber));
        return Judged { verdict: Verdict::Valid, rtl: false, begins, fits };
    }
    if !is_rtl(first) || has(&[B::LeftToRight]) || has(&[B::ArabicNumber]) && has(&[B::EuropeanNumber]) {
        return Judged::DEAD;
    }
    let ends = end.is_some_and(|end| is_rtl(end) || matches!(end, B::EuropeanNumber | B::ArabicNumber));
    let verdict = if ends { Verdict::Valid } else { Verdict::Open };
    Judged { verdict, rtl: true, begins: true, fits: ends }
}
