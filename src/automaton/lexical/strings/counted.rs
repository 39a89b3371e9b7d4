//! A repeat of one code point as a loop and a bound on the text's length.
//!
//! In `^A[class]{m,n}B$`, where every match of `A` and of `B` has the same length, the length of the text tells how often
//! the class was repeated. So the pattern is `^A[class]*B$` and a length, and its automaton does not grow with `n`.

use super::super::ecma::Ast;
use super::LengthBounds;

/// Shorter repeats stay as they are.
const WORTH_IT: u32 = 4;

/// A tree without the long repeat, and the bounds on the text's length that replace it.
pub fn split(ast: &Ast) -> Option<(Ast, LengthBounds)> {
    let Ast::Concat(parts) = ast else { return None };
    let [Ast::Start, inner @ .., Ast::End] = &parts[..] else { return None };
    // A group around everything is read through: ^(...)$.
    if let [Ast::Concat(parts)] = inner {
        return split(&Ast::Concat([&[Ast::Start], &parts[..], &[Ast::End]].concat()));
    }
    let long = |part: &Ast| match part {
        Ast::Repeat { body, min, max } => body.width() == Some(1) && max.unwrap_or(*min).max(*min) >= WORTH_IT,
        _ => false,
    };
    let place = match inner.iter().position(|part| part.width().is_none()) {
        Some(place) => place,
        None => (0..inner.len()).filter(|&i| long(&inner[i])).max_by_key(|&i| inner[i].width())?,
    };
    let Ast::Repeat { body, min, max } = inner.get(place).filter(|part| long(part))? else { return None };
    let fixed = inner.iter().enumerate().filter(|(i, _)| *i != place);
    let others = fixed.map(|(_, part)| part).try_fold(0u32, |sum, part| sum.checked_add(part.width()?))?;
    let bounds = LengthBounds { min: others.checked_add(*min)?, max: max.map(|max| others.saturating_add(max)) };
    let mut parts = parts.clone();
    parts[place + 1] = Ast::Repeat { body: body.clone(), min: (*min).min(1), max: None };
    Some((Ast::Concat(parts), bounds))
}

#[cfg(test)]
mod tests {
    use super::super::super::ecma::parse;
    use super::*;

    fn bounds(pattern: &str) -> Option<(u32, Option<u32>)> {
        split(&parse(pattern).unwrap()).map(|(_, bounds)| (bounds.min, bounds.max))
    }

    #[test]
    fn what_is_split() {
        assert_eq!(bounds("^[a-z]{1,64}$"), Some((1, Some(64))));
        assert_eq!(bounds("^([a-z][a-z0-9]{0,62}\\.(?:com|org))$"), Some((5, Some(67))));
        assert_eq!(bounds("^[a-z]{9,}$"), Some((9, None)));
        assert_eq!(bounds("^[0-9]{4}-[0-9]{2}$"), Some((7, Some(7))));
        assert_eq!(bounds("^[a-z]*$"), None);
        assert_eq!(bounds("^[a-z]{1,64}-[a-z]*$"), None);
        assert_eq!(bounds("[a-z]{1,64}"), None);
        assert_eq!(bounds("^(ab){1,64}$"), None);
    }
}
