//! One of a list of texts.

use super::{Diagnostic, DiagnosticKind};
use crate::grammar::{Builder, CharSet, Expr, Grammar, Regex};

/// The grammar of these texts. Cost: about linear in their length, since beginnings that they share are shared.
///
/// # Errors
/// There are none.
pub fn grammar(texts: &[impl AsRef<str>]) -> Result<Grammar, Diagnostic> {
    if texts.is_empty() {
        let why = Diagnostic::new(DiagnosticKind::Unsatisfiable, "there is nothing to choose from");
        return Err(why.hinted("give at least one text"));
    }
    let mut sorted: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
    sorted.sort_unstable();
    sorted.dedup();
    let mut builder = Builder::default();
    let start = builder.rule("choice");
    builder.define(start, Expr::Lexeme(any_of(&sorted)));
    Ok(builder.finish(start))
}

/// Sorted texts as a tree of their beginnings. Long shared beginnings are taken at once, so it is never deep for that.
pub fn any_of(sorted: &[&str]) -> Regex {
    let shared = shared(sorted);
    let rests: Vec<&str> = sorted.iter().map(|text| &text[shared.len()..]).collect();
    let mut ways = Vec::new();
    let mut at = 0;
    while at < rests.len() {
        let Some(first) = rests[at].chars().next() else {
            ways.push(Regex::Empty);
            at += 1;
            continue;
        };
        let count = rests[at..].iter().take_while(|rest| rest.starts_with(first)).count();
        ways.push(if count == 1 { Regex::text(rests[at]) } else { any_of(&rests[at..at + count]) });
        at += count;
    }
    let ways = Regex::alternation(ways);
    if shared.is_empty() {
        return ways;
    }
    let mut parts: Vec<Regex> = shared.chars().map(|c| Regex::Class(CharSet::single(c as u32))).collect();
    if ways != Regex::Empty {
        parts.push(ways);
    }
    Regex::concat(parts)
}

/// What all begin with: for sorted texts, what the first and the last do.
fn shared<'a>(sorted: &[&'a str]) -> &'a str {
    let (Some(first), Some(last)) = (sorted.first(), sorted.last()) else { return "" };
    let length =
        first.char_indices().zip(last.chars()).take_while(|((_, a), b)| a == b).map(|((at, a), _)| at + a.len_utf8());
    &first[..length.last().unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frontend::membership;

    fn accepts(texts: &[&str], text: &str) -> bool {
        membership::accepts(&grammar(texts).expect("there are some"), text.as_bytes())
    }

    #[test]
    fn exactly_the_texts() {
        let texts = ["a", "ab", "", "äb", "ä", "abc def", "abc dig", "ab"];
        for text in texts {
            assert!(accepts(&texts, text), "{text:?}");
        }
        for text in ["b", "abc", "abc d", "äbb", "ö", "abc defabc dig"] {
            assert!(!accepts(&texts, text), "{text:?}");
        }
        assert!(grammar(&[] as &[&str]).is_err());
    }
}
