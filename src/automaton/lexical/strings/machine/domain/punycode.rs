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

/// The digits of a text as far as they have been read; what they have brought is kept beside.
#[derive(Clone, Copy, Debug)]
pub struct Decoder {
    basic: u32,
    next: u32,
    at: u32,
    bias: u32,
    /// Inside a number: its weight and place; weight 0 between two.
    weight: u32,
    place: u32,
    before: u32,
}

impl Decoder {
    /// Behind so many basic characters and their hyphen.
    pub fn new(basic: usize) -> Self {
        Self { basic: basic as u32, next: FIRST, at: 0, bias: FIRST_BIAS, weight: 0, place: 0, before: 0 }
    }

    /// Whether a number has just ended, or none has begun.
    pub fn is_between(self) -> bool {
        self.weight == 0
    }

    /// One more digit behind `length` characters; the character that it completes, if it does, and where that belongs.
    /// `None` if the number is too large.
    pub fn digit(mut self, digit: u32, length: usize) -> Option<(Self, Option<(char, usize)>)> {
        if self.weight == 0 {
            (self.weight, self.place, self.before) = (1, BASE, self.at);
        }
        self.at = self.at.checked_add(digit.checked_mul(self.weight)?)?;
        let t = threshold(self.place, self.bias);
        if digit >= t {
            self.weight = self.weight.checked_mul(BASE - t)?;
            self.place += BASE;
            return Some((self, None));
        }
        let longer = length as u32 + 1;
        self.bias = adapt(self.at - self.before, longer, length as u32 == self.basic);
        self.next = self.next.checked_add(self.at / longer)?;
        let at = self.at % longer;
        self.at = at + 1;
        self.weight = 0;
        Some((self, Some((char::from_u32(self.next)?, at as usize))))
    }
}

/// The value of a digit in small letters.
pub fn value(digit: u8) -> Option<u32> {
    match digit {
        b'a'..=b'z' => Some(u32::from(digit - b'a')),
        b'0'..=b'9' => Some(u32::from(digit - b'0') + 26),
        _ => None,
    }
}

/// The label as characters, if the text is Punycode.
pub fn decode(text: &str) -> Option<Vec<char>> {
    let (label, decoder) = read(text)?;
    decoder.is_between().then_some(label)
}

/// The characters so far, and how far the digits have been read; `None` if they are none.
pub fn read(text: &str) -> Option<(Vec<char>, Decoder)> {
    let (basic, digits) = split(text);
    let (mut label, mut decoder): (Vec<char>, _) = (basic.chars().collect(), Decoder::new(basic.len()));
    for digit in digits.bytes() {
        let (next, complete) = decoder.digit(value(digit)?, label.len())?;
        decoder = next;
        complete.into_iter().for_each(|(c, at)| label.insert(at, c));
    }
    Some((label, decoder))
}

/// The basic characters, and the digits behind the last hyphen.
fn split(text: &str) -> (&str, &str) {
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
