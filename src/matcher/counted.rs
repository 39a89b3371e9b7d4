//! Constraints that count a model's tokens: against their definition, on all short answers of a small vocabulary.

use std::sync::Arc;

use super::{Engine, Matcher, Program, Steering};
use crate::{
    frontend::{Constraint, Notation, Policy, Written},
    vocab::{Token, TokenId, TokenKind, Vocabulary},
};

fn vocabulary(texts: &[&[u8]]) -> Arc<Engine> {
    let mut tokens: Vec<Token> =
        texts.iter().map(|text| Token { bytes: (*text).into(), kind: TokenKind::Text }).collect();
    tokens.push(Token { bytes: b"<end>"[..].into(), kind: TokenKind::EndOfGeneration });
    Engine::new(Arc::new(Vocabulary::new("pieces", tokens)))
}

fn compiled(engine: &Arc<Engine>, notation: Notation, source: &str) -> Arc<Program> {
    let constraint = Constraint::Written(Written::new(notation, source));
    assert!(constraint.counts_tokens());
    engine.compile(&constraint, Policy::default()).unwrap_or_else(|why| panic!("{source}: {why}"))
}

/// Calls `visit` with every answer of up to so many tokens that the matcher takes, and whether it may end.
fn walk(matcher: &mut Matcher, most: usize, tokens: &mut Vec<TokenId>, visit: &mut dyn FnMut(&[TokenId], bool)) {
    let (mask, oracle) = (matcher.mask(), matcher.oracle());
    assert_eq!(*mask, oracle, "behind {tokens:?}");
    let ends = matcher.is_accepting();
    visit(tokens, ends);
    assert!(matcher.fault().is_none());
    if tokens.len() == most {
        return;
    }
    let end = mask.len() as TokenId - 1;
    for token in mask.iter().filter(|token| *token != end) {
        matcher.accept(token).expect("the mask allows it");
        tokens.push(token);
        walk(matcher, most, tokens, visit);
        tokens.pop();
        matcher.rollback(1);
    }
}

/// The answers of at most so many tokens, in order.
fn answers(matcher: &mut Matcher, most: usize) -> Vec<Vec<TokenId>> {
    let mut answers = Vec::new();
    let note = &mut |tokens: &[TokenId], ends: bool| {
        if ends {
            answers.push(tokens.to_vec());
        }
    };
    walk(matcher, most, &mut Vec::new(), note);
    answers.sort();
    answers
}

/// All sequences of so many tokens.
fn sequences(count: usize, length: usize) -> Vec<Vec<TokenId>> {
    let mut all = vec![Vec::new()];
    for _ in 0..length {
        let longer = |start: &Vec<TokenId>| {
            let start = start.clone();
            (0..count as TokenId).map(move |token| [&start[..], &[token]].concat())
        };
        all = all.iter().flat_map(longer).collect();
    }
    all
}

const PIECES: [&[u8]; 11] =
    [b"x", b"y", b"a", b"b", b"ab", b"xa", b"by", b"aby", b"\xC3", b"\xA9", "\u{e9}".as_bytes()];

/// How many tokens have a byte of a part of the text.
fn touched(tokens: &[TokenId], from: usize, to: usize) -> usize {
    let mut at = 0;
    let mut count = 0;
    for token in tokens {
        let next = at + PIECES[*token as usize].len();
        count += usize::from(from < to && at < to && from < next);
        at = next;
    }
    count
}

/// `"x" r "y"`, the rule a text of `(a|b|e')* b`, or the beginning of one that ends with the last of its tokens.
fn is_answer(tokens: &[TokenId], most: usize) -> bool {
    let text: Vec<u8> = tokens.iter().flat_map(|token| PIECES[*token as usize].iter().copied()).collect();
    let Ok(text) = std::str::from_utf8(&text) else { return false };
    let Some(inner) = text.strip_prefix('x').and_then(|rest| rest.strip_suffix('y')) else { return false };
    let (from, to) = (1, text.len() - 1);
    let count = touched(tokens, from, to);
    let begins = inner.chars().all(|c| matches!(c, 'a' | 'b' | '\u{e9}'));
    let mut at = 0;
    let ends_with_token = tokens.iter().any(|token| {
        at += PIECES[*token as usize].len();
        at == to
    });
    begins && count <= most && (inner.ends_with('b') || (count == most && ends_with_token))
}

#[test]
fn rules_are_cut_where_their_tokens_have_come() {
    let engine = vocabulary(&PIECES);
    for most in 1..4 {
        let source = format!("start: \"x\" r \"y\"\nr[max_tokens={most}]: /[ab\u{e9}]*b/");
        let program = compiled(&engine, Notation::Lark, &source);
        let taken = answers(&mut program.matcher(), 4);
        let mut wanted: Vec<_> = (1..=4)
            .flat_map(|length| sequences(PIECES.len(), length))
            .filter(|tokens| is_answer(tokens, most))
            .collect();
        wanted.sort();
        assert_eq!(taken, wanted, "{most}");
        assert!(!wanted.is_empty());
    }
}

#[test]
fn cuts_within_cuts_recursion_and_json() {
    let engine = vocabulary(&[b"(", b")", b"((", b"a", b")a", b"[", b"1", b",", b"]", b"\"", b"1]", b" "]);
    for (source, yes, no) in [
        // The outer rule ends, and the inner one with it.
        (
            "start: o \"a\"\no[max_tokens=2]: \"(\" i \")\"\ni[max_tokens=3]: /[(]*1/",
            &["((|((|a", "(|1|a"][..],
            &["(|(|(|a"][..],
        ),
        (
            "start: r* \"a\"\nr[max_tokens=2]: \"(\" r \")\" | \"1\"",
            &["1|1|1|a", "(|(|(|(|a", "(|1|a", "((|(|a"],
            &["(|a"],
        ),
        (
            "start: j \"a\"\nj[max_tokens=3]: %json {\"type\":\"array\"}",
            &["[|1|,|a", "[|1]|a", "[|]|a"],
            &["[|1|a", "[|1|,|1|a"],
        ),
        (
            "%ignore \" \"\nstart: r+ \"a\"\nr[max_tokens=1]: \"(\" \")\"",
            &["(|a", "(| |a", "(|(|a"],
            &[" |(|a", "(|)|a"],
        ),
    ] {
        let program = compiled(&engine, Notation::Lark, source);
        let read = |text: &str| {
            let vocabulary = engine.vocabulary();
            let find = |piece: &str| {
                (0..vocabulary.len() as TokenId).find(|token| vocabulary.bytes(*token) == piece.as_bytes())
            };
            let mut matcher = program.matcher();
            for token in text.split('|').map(|piece| find(piece).expect("it is a token")) {
                assert_eq!(*matcher.mask(), matcher.oracle(), "{source}: {text}");
                if matcher.accept(token).is_err() {
                    return false;
                }
            }
            matcher.is_accepting()
        };
        yes.iter().for_each(|text| assert!(read(text), "{source}: {text}"));
        no.iter().for_each(|text| assert!(!read(text), "{source}: {text}"));
        walk(&mut program.matcher(), 3, &mut Vec::new(), &mut |_, _| {});
    }
}

#[test]
fn answers_have_so_many_tokens() {
    let engine = vocabulary(&PIECES);
    let count = |tokens: &[TokenId]| tokens.len();
    let text = |tokens: &[TokenId]| -> Vec<u8> {
        tokens.iter().flat_map(|token| PIECES[*token as usize].iter().copied()).collect()
    };
    type Holds<'a> = &'a dyn Fn(usize, &str) -> bool;
    let clauses: [(&str, Holds); 6] = [
        ("len(TOKENS(X)) == 2", &|count, _| count == 2),
        ("1 < len(TOKENS(X)) <= 3 and 'a' in X", &|count, text| 1 < count && count <= 3 && text.contains('a')),
        ("len(TOKENS(X)) > 2 or X == 'ab'", &|count, text| count > 2 || text == "ab"),
        ("len(TOKENS(X)) != 1 and not 'x' in X", &|count, text| count != 1 && !text.contains('x')),
        ("X in ['ab', 'aby'] and len(TOKENS(X)) < 3", &|count, text| ["ab", "aby"].contains(&text) && count < 3),
        ("not len(TOKENS(X)) < 2 and len(X) < 3", &|count, text| count >= 2 && text.chars().count() < 3),
    ];
    for (clause, holds) in clauses {
        // The vocabulary has no other letters, and the way home knows of none that it lacks.
        let clause = &format!("({clause}) and REGEX(X, r'[abxy\u{e9}]*')");
        let program = compiled(&engine, Notation::Where, clause);
        let mut taken = Vec::new();
        let note = &mut |tokens: &[TokenId], ends: bool| {
            if ends {
                taken.push(tokens.to_vec());
            }
        };
        walk(&mut program.matcher(), 3, &mut Vec::new(), note);
        taken.sort();
        let is_wanted =
            |tokens: &Vec<TokenId>| std::str::from_utf8(&text(tokens)).is_ok_and(|text| holds(count(tokens), text));
        let mut wanted: Vec<_> = (0..=3).flat_map(|length| sequences(PIECES.len(), length)).filter(is_wanted).collect();
        wanted.sort();
        assert_eq!(taken, wanted, "{clause}");
        // Whatever is drawn, the answer is brought to its end within its tokens.
        for seed in 0..PIECES.len() {
            let mut matcher = program.matcher();
            let (mut steering, mut tokens) = (Steering::new(&mut matcher), Vec::new());
            while !matcher.is_accepting() {
                let mask = matcher.mask();
                let turn = tokens.len() * 7 + seed;
                let draw = |mask: &Arc<crate::vocab::TokenMask>| mask.iter().nth(turn % mask.count().max(1));
                let token = steering.draw(&mut matcher, mask, 30, draw).expect("it is of the mask");
                tokens.push(token.unwrap_or_else(|| panic!("{clause}: no way behind {tokens:?}")));
            }
            assert!(is_wanted(&tokens), "{clause}: {tokens:?}");
        }
    }
}

/// A phrase counts where everything else that is demanded holds: behind so many tokens, the one that it ends in included.
#[test]
fn phrases_count_behind_so_many_tokens() {
    // The way home may begin with the first of all bytes.
    let all: [&[u8]; 10] = [b"x", b"y", b"a", b"b", b"ab", b"xa", b"by", b"\0", b"\xC3", b"\xA9"];
    let engine = vocabulary(&all);
    let ends = |text: &str, phrases: &[&str]| phrases.iter().any(|phrase| text.ends_with(phrase));
    for (clause, least, most, at, before) in [
        ("len(TOKENS(X)) > 1 and STOPS_AT(X, 'ab')", 2, 9, &["ab"][..], &[][..]),
        ("STOPS_AT(X, 'aby') and 3 == len(TOKENS(X)) and STOPS_AT(X, 'ax')", 3, 3, &["aby", "ax"], &[]),
        ("len(TOKENS(X)) > 2 and STOPS_AT(X, 'bb') and STOPS_BEFORE(X, 'ba')", 3, 9, &["bb"], &["ba"]),
        ("len(TOKENS(X)) > 0 and STOPS_AT(X, '\u{e9}a')", 1, 9, &["\u{e9}a"], &[]),
    ] {
        let program = compiled(&engine, Notation::Where, clause);
        let is_wanted = |tokens: &Vec<TokenId>| {
            let pieces: Vec<&[u8]> = tokens.iter().map(|token| all[*token as usize]).collect();
            let bytes = pieces.concat();
            let Ok(text) = std::str::from_utf8(&bytes) else { return false };
            if tokens.len() < least || tokens.len() > most || !text.is_char_boundary(pieces[..least - 1].concat().len())
            {
                return false;
            }
            let begun = |end: usize| (0..pieces.len()).filter(|at| pieces[..*at].concat().len() < end).count();
            let enough = |end: usize| begun(end) >= least;
            let stops = |end: usize| text.is_char_boundary(end) && enough(end) && ends(&text[..end], at);
            let passes = |end: usize| {
                let behind = |phrase: &&&str| text.is_char_boundary(end) && text[end..].starts_with(**phrase);
                enough(end) && before.iter().any(|phrase| behind(&phrase))
            };
            (1..text.len()).all(|end| !stops(end) && !passes(end)) && (stops(text.len()) || !before.is_empty())
        };
        let taken = answers(&mut program.matcher(), 4);
        let mut wanted: Vec<_> = (0..=4).flat_map(|length| sequences(all.len(), length)).filter(is_wanted).collect();
        wanted.sort();
        assert_eq!(taken, wanted, "{clause}");
        assert!(!wanted.is_empty());
    }
}

#[test]
fn cut_answers_are_brought_to_their_end() {
    let engine = vocabulary(&PIECES);
    let source = "start: \"x\" r \"y\"\nr[max_tokens=3]: /[ab]{6}/ \"yy\"";
    let program = compiled(&engine, Notation::Lark, source);
    for seed in 0..PIECES.len() {
        let mut matcher = program.matcher();
        let needed = matcher.home_tokens().expect("there is a way").len();
        let (mut steering, mut left) = (Steering::new(&mut matcher), needed);
        while !matcher.is_accepting() {
            let mask = matcher.mask();
            left -= 1;
            let draw = |mask: &Arc<crate::vocab::TokenMask>| mask.iter().nth(seed % mask.count().max(1));
            steering.draw(&mut matcher, mask, left, draw).expect("it is of the mask").expect("there is a way");
        }
    }
}

/// The judge of masked text knows no tokens: it takes what some tokens would make an answer.
#[test]
fn texts_without_tokens_are_taken_as_they_may_have_come() {
    let engine = vocabulary(&PIECES);
    let program = compiled(&engine, Notation::Lark, "start: \"x\" r \"y\"\nr[max_tokens=2]: /[ab]*b/");
    for (text, takes) in [("xaay", true), ("xy", false), ("xab", false), ("xaaaaby", true), ("xacy", false)] {
        let mut matcher = program.matcher();
        assert_eq!(matcher.accept_bytes(text.as_bytes()) == text.len() && matcher.is_accepting(), takes, "{text}");
    }
    let program = compiled(&engine, Notation::Where, "len(TOKENS(X)) == 2 and len(X) < 4 and REGEX(X, '[ab]*')");
    for (text, takes) in [("ab", true), ("abab", false)] {
        let mut matcher = program.matcher();
        assert_eq!(matcher.accept_bytes(text.as_bytes()) == text.len() && matcher.is_accepting(), takes, "{text}");
    }
}

#[test]
fn what_cannot_be_counted_is_refused() {
    let engine = vocabulary(&PIECES);
    let refused = |notation, source: &str| {
        let constraint = Constraint::Written(Written::new(notation, source));
        engine.compile(&constraint, Policy::default()).err().unwrap_or_else(|| panic!("{source}")).to_string()
    };
    assert!(refused(Notation::Where, "X == 'ab' and len(TOKENS(X)) > 2").contains("no answer of so many tokens"));
    assert!(refused(Notation::Lark, "start: r\nr[max_tokens=3]: r \"a\" | \"a\"").contains("begins with itself"));
    let counts = Constraint::Written(Written::new(Notation::Where, "len(TOKENS(X)) < 3"));
    assert!(counts.counts_tokens());
}
