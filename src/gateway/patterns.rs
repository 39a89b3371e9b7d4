//! Whether a pattern means the same in ECMA's dialect, which is ours, and in that of Rust's engines.

/// What can be said of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// The same texts match.
    Exact,
    /// What matches in ECMA's dialect matches in Rust's: a dot that takes more line ends, digits and letters of all scripts.
    Wider,
    /// Nothing is known.
    Unknown,
}

/// By what it is made of: literals, classes, groups, alternatives, repetitions and anchors; all else is not looked into.
pub(super) fn class(pattern: &str) -> Class {
    let mut chars = pattern.chars().peekable();
    let mut found = Class::Exact;
    while let Some(c) = chars.next() {
        let part = match c {
            '\\' => escaped(chars.next(), true),
            '.' => Class::Wider,
            '(' if chars.peek() == Some(&'?') => {
                chars.next();
                if chars.next() == Some(':') { Class::Exact } else { Class::Unknown }
            }
            '[' => bracket(&mut chars),
            // A brace that is no repetition stands for itself in ECMA's dialect.
            '{' => {
                let inside: String = chars.by_ref().take_while(|c| *c != '}').collect();
                let counts =
                    inside.split(',').all(|part| part.len() <= 4 && part.bytes().all(|byte| byte.is_ascii_digit()));
                let begins = inside.starts_with(|c: char| c.is_ascii_digit());
                if counts && begins && inside.matches(',').count() <= 1 { Class::Exact } else { Class::Unknown }
            }
            '}' | ']' => Class::Unknown,
            _ => Class::Exact,
        };
        found = found.max(part);
    }
    found
}

/// What follows a backslash. `wide`: a class that takes more in Rust may stand here.
fn escaped(c: Option<char>, wide: bool) -> Class {
    match c {
        Some('d' | 'w') if wide => Class::Wider,
        Some('n' | 'r' | 't' | 'f' | 'v') => Class::Exact,
        Some(c) if c.is_ascii_punctuation() => Class::Exact,
        _ => Class::Unknown,
    }
}

/// A class in brackets, its first bracket read. Rust nests them and computes with them; ECMA does not.
fn bracket(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Class {
    let negated = chars.next_if_eq(&'^').is_some();
    if chars.peek() == Some(&']') {
        return Class::Unknown;
    }
    let mut found = Class::Exact;
    let mut before = None;
    while let Some(c) = chars.next() {
        let part = match c {
            ']' => return found,
            '\\' => escaped(chars.next(), !negated),
            '[' | '&' | '~' => Class::Unknown,
            '-' if before == Some('-') => Class::Unknown,
            _ => Class::Exact,
        };
        found = found.max(part);
        before = Some(c);
    }
    Class::Unknown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_of_patterns() {
        for (pattern, expected) in [
            ("^[A-Z]{2}-[0-9]{1,3}$", Class::Exact),
            (r"^(?:a|b)+\.c?$", Class::Exact),
            ("", Class::Exact),
            ("^.+$", Class::Wider),
            (r"\d{3}", Class::Wider),
            (r"[\w-]+", Class::Wider),
            (r"[^\d]", Class::Unknown),
            (r"\s", Class::Unknown),
            (r"\bword\b", Class::Unknown),
            ("(?=a)", Class::Unknown),
            ("(?<name>a)", Class::Unknown),
            (r"(a)\1", Class::Unknown),
            (r"\u0041", Class::Unknown),
            (r"\p{L}", Class::Unknown),
            ("[]a]", Class::Unknown),
            ("[a&&b]", Class::Unknown),
            ("[[a]]", Class::Unknown),
            ("[+--]", Class::Unknown),
            ("a{", Class::Unknown),
            ("{}", Class::Unknown),
            ("a{,3}", Class::Unknown),
            ("[a", Class::Unknown),
        ] {
            assert_eq!(class(pattern), expected, "{pattern}");
        }
    }
}
