//! Random grammars against a recogniser that is obviously right.

use proptest::prelude::*;

use super::*;
use crate::{
    automaton::Recognizer,
    grammar::{Builder, CharSet, Expr, Regex},
};

/// Which parts of a text a rule has, by brute force: the least fixed point over all spans.
struct Spans<'a> {
    text: &'a [u8],
    found: Vec<Vec<Vec<bool>>>,
}

impl<'a> Spans<'a> {
    fn accepts(grammar: &'a Grammar, text: &'a [u8]) -> bool {
        let side = text.len() + 1;
        let mut spans = Self { text, found: vec![vec![vec![false; side]; side]; grammar.rules().len()] };
        loop {
            let mut grown = false;
            for rule in 0..grammar.rules().len() {
                for from in 0..side {
                    for to in spans.ends(&grammar.rules()[rule].body, from) {
                        grown |= !std::mem::replace(&mut spans.found[rule][from][to], true);
                    }
                }
            }
            if !grown {
                return spans.found[grammar.start().0 as usize][0][text.len()];
            }
        }
    }

    /// Where a text of the expression may end that begins at `from`.
    fn ends(&self, body: &Expr, from: usize) -> Vec<usize> {
        let mut ends = match body {
            Expr::Empty => vec![from],
            Expr::Lexeme(regex) => {
                (from..=self.text.len()).filter(|to| matches(regex, &self.text[from..*to])).collect()
            }
            Expr::Rule(rule) => (from..=self.text.len()).filter(|to| self.found[rule.0 as usize][from][*to]).collect(),
            Expr::Ignore(rule) => {
                let some = (from..=self.text.len()).filter(|to| from > 0 && self.found[rule.0 as usize][from][*to]);
                some.chain([from]).collect()
            }
            Expr::Seq(parts) => parts.iter().fold(vec![from], |at, part| self.all_ends(part, &at)),
            Expr::Alt(parts) => parts.iter().flat_map(|part| self.ends(part, from)).collect(),
            Expr::Repeat { body, min, max } => {
                let (mut at, mut all) = (vec![from], Vec::new());
                for count in 0..=max.unwrap_or(min + self.text.len() as u32 + 1) {
                    if count >= *min {
                        all.extend_from_slice(&at);
                    }
                    at = self.all_ends(body, &at);
                }
                all
            }
            Expr::Json(_) | Expr::Pattern(_) | Expr::Token(_) | Expr::Edge(_) | Expr::Counted { .. } => {
                unreachable!("not among the random ones")
            }
        };
        ends.sort_unstable();
        ends.dedup();
        ends
    }

    fn all_ends(&self, body: &Expr, from: &[usize]) -> Vec<usize> {
        let mut ends: Vec<usize> = from.iter().flat_map(|from| self.ends(body, *from)).collect();
        ends.sort_unstable();
        ends.dedup();
        ends
    }
}

fn matches(regex: &Regex, text: &[u8]) -> bool {
    match regex {
        Regex::Empty => text.is_empty(),
        Regex::Class(set) => text.len() == 1 && set.meets(text[0].into(), text[0].into()),
        Regex::Bytes(low, high) => text.len() == 1 && (*low..=*high).contains(&text[0]),
        Regex::Concat(parts) => match parts.split_first() {
            None => text.is_empty(),
            Some((first, rest)) => (0..=text.len())
                .any(|cut| matches(first, &text[..cut]) && matches(&Regex::Concat(rest.to_vec()), &text[cut..])),
        },
        Regex::Alternation(parts) => parts.iter().any(|part| matches(part, text)),
        Regex::And(parts) => parts.iter().all(|part| matches(part, text)),
        Regex::Not(body) => !matches(body, text),
        Regex::Shortest(body) => matches(body, text) && !(0..text.len()).any(|cut| matches(body, &text[..cut])),
        Regex::Repeat { body, min, max } => {
            if text.is_empty() {
                return *min == 0 || matches(body, text);
            }
            let rest = |cut: usize| {
                let rest =
                    Regex::Repeat { body: body.clone(), min: min.saturating_sub(1), max: max.map(|max| max - 1) };
                matches(body, &text[..cut]) && matches(&rest, &text[cut..])
            };
            *max != Some(0) && (1..=text.len()).any(rest)
        }
        Regex::Look(_) => unreachable!("lexemes have none"),
    }
}

fn regex() -> impl Strategy<Value = Regex> {
    let letter = |c: char| Regex::Class(CharSet::single(c as u32));
    let leaf = prop_oneof![
        Just(letter('a')),
        Just(letter('b')),
        Just(Regex::Class(CharSet::new([(0x61, 0x62)]))),
        Just(Regex::Empty),
        Just(Regex::text("ab")),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..3).prop_map(Regex::Concat),
            prop::collection::vec(inner.clone(), 1..3).prop_map(Regex::Alternation),
            (inner.clone(), 0_u32..3, prop::option::of(0_u32..3))
                .prop_map(|(body, min, more)| body.repeat(min, more.map(|more| min + more))),
            prop::collection::vec(inner.clone(), 2).prop_map(Regex::And),
            inner.clone().prop_map(|body| Regex::Not(Box::new(body))),
            inner.prop_map(|body| Regex::Shortest(Box::new(body))),
        ]
    })
}

fn body(rules: u32) -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        2 => regex().prop_map(Expr::Lexeme),
        1 => prop_oneof![Just("a"), Just("b"), Just("c")].prop_map(Expr::text),
        4 => (0..rules).prop_map(|rule| Expr::Rule(RuleId(rule))),
        1 => (0..rules).prop_map(|rule| Expr::Ignore(RuleId(rule))),
        1 => Just(Expr::Empty),
    ];
    leaf.prop_recursive(3, 10, 3, |inner| {
        prop_oneof![
            3 => prop::collection::vec(inner.clone(), 1..4).prop_map(Expr::Seq),
            3 => prop::collection::vec(inner.clone(), 1..4).prop_map(Expr::Alt),
            1 => (inner, 0_u32..4, prop::option::of(0_u32..4))
                .prop_map(|(body, min, more)| body.repeat(min, more.map(|more| min + more))),
        ]
    })
}

/// A small grammar, of any shape.
pub fn grammar() -> impl Strategy<Value = Grammar> {
    (1_u32..4).prop_flat_map(|count| {
        prop::collection::vec(body(count), count as usize).prop_map(|bodies| {
            let mut builder = Builder::default();
            for (number, body) in bodies.into_iter().enumerate() {
                let rule = builder.rule(&format!("r{number}"));
                builder.define(rule, body);
            }
            builder.finish(RuleId(0))
        })
    })
}

pub fn texts() -> Vec<Vec<u8>> {
    let mut all = vec![Vec::new()];
    let mut from = 0;
    for _ in 0..5 {
        let to = all.len();
        for at in from..to {
            for byte in *b"abc" {
                // Few letters and many lengths: "c" is rare in the grammars.
                if byte != b'c' || !all[at].contains(&b'c') {
                    all.push([&all[at][..], &[byte]].concat());
                }
            }
        }
        from = to;
    }
    all
}

/// The state behind a text, if one can begin so.
fn behind(chart: &mut Chart, text: &[u8]) -> Option<StateId> {
    let start = chart.start();
    text.iter().try_fold(start, |state, byte| chart.step(state, *byte))
}

proptest! {
    #[test]
    fn equals_brute_force(grammar in grammar()) {
        let plan = Plan::new(&grammar, Limits::default()).expect("it is small");
        let mut chart = plan.chart(Vec::new(), Limits::default());
        let is_empty = plan.unproductive().contains(&grammar.start());
        for text in texts() {
            chart.begin();
            let state = behind(&mut chart, &text);
            let accepted = state.is_some_and(|state| chart.accepts(state));
            prop_assert!(chart.fault().is_none());
            prop_assert_eq!(accepted, Spans::accepts(&grammar, &text), "{:?}", String::from_utf8_lossy(&text));
            if let Some(state) = state.filter(|_| !is_empty && !text.is_empty() && !chart.is_soft()) {
                let home = chart.home(state);
                prop_assert!(home.is_some(), "a dead end behind {:?}", String::from_utf8_lossy(&text));
                let whole = [&text[..], &home.unwrap_or_default()].concat();
                if whole.len() < 12 {
                    prop_assert!(Spans::accepts(&grammar, &whole), "{:?}", String::from_utf8_lossy(&whole));
                }
            }
        }
    }
}

fn chart_of(rules: &[(&str, Expr)]) -> Chart {
    let mut builder = Builder::default();
    for (name, body) in rules {
        let rule = builder.rule(name);
        builder.define(rule, body.clone());
    }
    let plan = Plan::new(&builder.finish(RuleId(0)), Limits::default()).expect("it is small");
    plan.chart(Vec::new(), Limits::default())
}

fn rule(number: u32) -> Expr {
    Expr::Rule(RuleId(number))
}

fn word() -> Expr {
    Expr::Lexeme(Regex::Class(CharSet::new([(0x61, 0x7A)])).repeat(1, None))
}

#[test]
fn repeats_and_recursion_to_either_side_come_back_to_the_same_state() {
    let comma = || Expr::text(",");
    let grammars = [
        vec![("list", Expr::Seq(vec![word(), Expr::Seq(vec![comma(), word()]).repeat(0, None)]))],
        vec![("list", Expr::Alt(vec![word(), Expr::Seq(vec![word(), comma(), rule(0)])]))],
        vec![("list", Expr::Alt(vec![word(), Expr::Seq(vec![rule(0), comma(), word()])]))],
        vec![
            ("list", Expr::Seq(vec![Expr::text("("), rule(1), Expr::text(")")])),
            ("inner", Expr::Alt(vec![rule(0), Expr::Seq(vec![rule(1), comma(), rule(0)]), word()])),
        ],
    ];
    for (number, grammar) in grammars.into_iter().enumerate() {
        let mut chart = chart_of(&grammar);
        let open = if number == 3 { "(a" } else { "a" };
        let early = behind(&mut chart, format!("{open},{}", if number == 3 { "(a)," } else { "a," }).as_bytes());
        let late = behind(
            &mut chart,
            format!("{open}{}", if number == 3 { ",(a)" } else { ",a" }.repeat(50) + ",").as_bytes(),
        );
        assert!(early.is_some() && early == late, "grammar {number}");
    }
}

#[test]
fn depth_comes_back_on_the_way_up() {
    let nested = Expr::Alt(vec![Expr::Seq(vec![Expr::text("["), rule(0), Expr::text("]")]), word()]);
    let mut chart = chart_of(&[("nested", nested)]);
    let before = behind(&mut chart, b"[[a").expect("it goes on");
    let after = behind(&mut chart, b"[[[[a]]").expect("it goes on");
    assert_eq!(chart.home(before), Some(b"]]".to_vec()));
    assert_eq!(chart.home(after), Some(b"]]".to_vec()));
    let deep = [&b"["[..]; 20_000].concat();
    let state = behind(&mut chart, &deep).expect("it goes on");
    assert_eq!(chart.home(state).map(|text| text.len()), Some(20_001));
}

#[test]
fn counted_repeats_of_rules_are_exact() {
    for (min, max) in [(0, Some(3)), (2, Some(2)), (3, None), (1_500, Some(1_507)), (0, Some(2_000)), (1_100, None)] {
        // A rule that calls itself is no lexeme.
        let item = Expr::Alt(vec![Expr::text("x"), Expr::Seq(vec![Expr::text("("), rule(1), Expr::text(")")])]);
        let mut chart = chart_of(&[("items", rule(1).repeat(min, max)), ("item", item)]);
        for count in [0, 1, 2, 3, 4, 1_099, 1_100, 1_101, 1_499, 1_500, 1_507, 1_508, 2_000, 2_001] {
            let state = behind(&mut chart, &b"x".repeat(count as usize));
            let accepted = state.is_some_and(|state| chart.accepts(state));
            assert_eq!(accepted, min <= count && max.is_none_or(|max| count <= max), "{count} of {min}..{max:?}");
        }
    }
}
