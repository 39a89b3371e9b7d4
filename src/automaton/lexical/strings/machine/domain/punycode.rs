//! Punycode (RFC 3492): labels as ASCII, and what completes such a label.

const BASE: u32 = 36;
const LEAST: u32 = 1;
const MOST: u32 = 26;
const FIRST_BIAS: u32 = 72;
const FIRST: u32 = 0x80;

fn threshold(place: u32, bias: u32) -> u32 {
    place.saturating_sub(bias).clamp(LEAST, MOST)
}

fn adapt(delta: u32, length: u32, first: bool) -> u32 {
    let mut delta = if first { delta / 700 } else { delta / 2 };
    delta += delta / length;
    let mut place = 0;
    while delta > (BASE - LEAST) * MOST / 2 {
        delta /= BASE - LEAST;
        place += BASE;
    }
    place + (BASE - LEAST + 1) * delta / (delta + 38)
}

fn letter(digit: u32) -> char {
    char::from_digit(digit.wrapping_sub(26), 10).unwrap_or_else(|| char::from(b'a' + digit as u8))
}

/// What stands behind `xn--`; `None` if it would be longer than any label.
pub fn encode(label: &[char]) -> Option<String> {
    let mut text: String = label.iter().filter(|c| c.is_ascii()).collect();
    let basic = text.len() as u32;
    if basic > 0 {
        text.push('-');
    }
    let (mut next, mut delta, mut bias, mut done) = (FIRST, 0u32, FIRST_BIAS, basic);
    while (done as usize) < label.len() {
        let least = label.iter().map(|c| *c as u32).filter(|c| *c >= next).min()?;
        delta = delta.checked_add((least - next).checked_mul(done + 1)?)?;
        next = least;
        for c in label.iter().map(|c| *c as u32) {
            if c < next {
                delta = delta.checked_add(1)?;
            }
            if c == next {
                let (mut rest, mut place) = (delta, BASE);
                loop {
                    let t = threshold(place, bias);
                    if rest < t {
                        break;
                    }
                    text.push(letter(t + (rest - t) % (BASE - t)));
                    rest = (rest - t) / (BASE - t);
                    place += BASE;
                }
                text.push(letter(rest));
                bias = adapt(delta, done + 1, done == basic);
                delta = 0;
                done += 1;
            }
        }
        delta = delta.checked_add(1)?;
        next += 1;
    }
    Some(text)
}

/// A text that is being decoded.
#[derive(Clone, Debug)]
pub struct Decoder {
    pub label: Vec<char>,
    next: u32,
    at: u32,
    bias: u32,
    /// Inside a number: its weight and place; weight 0 between two.
    weight: u32,
    place: u32,
    before: u32,
    basic: u32,
}

impl Decoder {
    /// Behind the basic characters and their hyphen.
    pub fn new(basic: &str) -> Self {
        let (label, basic): (Vec<char>, _) = (basic.chars().collect(), basic.len() as u32);
        Self { label, next: FIRST, at: 0, bias: FIRST_BIAS, weight: 0, place: 0, before: 0, basic }
    }

    /// Whether a number has just ended, or none has begun.
    pub fn is_between(&self) -> bool {
        self.weight == 0
    }

    /// One more digit; the character that it completes, if it does. `None` if it cannot stand.
    pub fn digit(&mut self, c: u8) -> Option<Option<char>> {
        let digit = match c {
            b'a'..=b'z' => u32::from(c - b'a'),
            b'0'..=b'9' => u32::from(c - b'0') + 26,
            _ => return None,
        };
        if self.weight == 0 {
            (self.weight, self.place, self.before) = (1, BASE, self.at);
        }
        self.at = self.at.checked_add(digit.checked_mul(self.weight)?)?;
        let t = threshold(self.place, self.bias);
        if digit >= t {
            self.weight = self.weight.checked_mul(BASE - t)?;
            self.place += BASE;
            return Some(None);
        }
        let length = self.label.len() as u32 + 1;
        self.bias = adapt(self.at - self.before, length, self.label.len() as u32 == self.basic);
        self.next = self.next.checked_add(self.at / length)?;
        self.at %= length;
        let c = char::from_u32(self.next)?;
        self.label.insert(self.at as usize, c);
        self.at += 1;
        self.weight = 0;
        Some(Some(c))
    }
}

/// The label as characters, if the text is Punycode.
pub fn decode(text: &str) -> Option<Vec<char>> {
    let (basic, digits) = split(text);
    let mut decoder = Decoder::new(basic);
    digits.bytes().try_for_each(|c| decoder.digit(c).map(drop))?;
    decoder.is_between().then_some(decoder.label)
}

/// The basic characters, and the digits behind the last hyphen.
pub fn split(text: &str) -> (&str, &str) {
    match text.rfind('-') {
        Some(place) if place > 0 => (&text[..place], &text[place + 1..]),
        _ => ("", text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_the_specification() {
        for (label, text) in [
            ("ليهمابتكلموشعربي؟", "egbpdaj6bu4bxfgehfvwxn"),
            ("他们为什么不说中文", "ihqwcrb4cv8a8dqg056pqjye"),
            ("3年b組金八先生", "3b-ww4c5e180e575a65lsy2b"),
            ("bücher", "bcher-kva"),
            ("ü", "tda"),
        ] {
            let chars: Vec<char> = label.chars().collect();
            assert_eq!(encode(&chars).as_deref(), Some(text));
            assert_eq!(decode(text), Some(chars));
        }
        assert_eq!(decode("x-"), Some(vec!['x']));
        assert_eq!(decode("99999999"), None);
        assert_eq!(decode("a_"), None);
    }
}
