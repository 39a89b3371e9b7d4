//! Grammars and regular expressions that are made to explode, each with a text to read.

use std::sync::Arc;

use espalier::{
    frontend::{Constraint, Dialect, Notation, Written},
    grammar::{Builder, CharSet, Expr, Regex, RuleId},
};

pub struct Case {
    pub name: &'static str,
    pub constraint: Constraint,
    pub text: Vec<u8>,
    /// Whether the text is of the language.
    pub valid: bool,
}

pub fn all() -> Vec<Case> {
    let mut all = rules();
    all.extend(repeats());
    all.extend(expressions());
    all
}

fn rule(number: usize) -> Expr {
    Expr::Rule(RuleId(number as u32))
}

fn seq(parts: impl IntoIterator<Item = Expr>) -> Expr {
    Expr::Seq(parts.into_iter().collect())
}

fn alt(parts: impl IntoIterator<Item = Expr>) -> Expr {
    Expr::Alt(parts.into_iter().collect())
}

fn case(name: &'static str, bodies: Vec<Expr>, text: impl AsRef<[u8]>, valid: bool) -> Case {
    let mut builder = Builder::default();
    for (number, body) in bodies.into_iter().enumerate() {
        let rule = builder.rule(&format!("r{number}"));
        builder.define(rule, body);
    }
    let constraint = Constraint::Built(Arc::new(builder.finish(RuleId(0))));
    Case { name, constraint, text: text.as_ref().to_vec(), valid }
}

fn rules() -> Vec<Case> {
    let a = || Expr::text("a");
    let ring = |count: usize| {
        let way = move |i: usize| alt([seq([rule((i + 1) % count), Expr::text("x")]), Expr::text("y")]);
        (0..count).map(way).collect::<Vec<_>>()
    };
    let chain = |count: usize| {
        let body = move |i: usize| if i + 1 < count { rule(i + 1) } else { a() };
        (0..count).map(body).collect::<Vec<_>>()
    };
    let nullable = |count: usize| {
        (0..count)
            .map(move |i| alt([seq([rule((i + 1) % count), rule((i + 7) % count)]), Expr::Empty, Expr::text("a")]))
    };
    let wide = std::iter::once(alt((1..=20_000).map(rule)));
    let names = (0..20_000).map(|i| seq([Expr::text(&format!("name{i}")), rule(0).repeat(0, Some(1))]));
    let expression = alt([
        seq([rule(0), Expr::text("+"), rule(0)]),
        seq([rule(0), Expr::text("*"), rule(0)]),
        seq([Expr::text("("), rule(0), Expr::text(")")]),
        a(),
    ]);
    let palindrome =
        alt([seq([a(), rule(0), a()]), seq([Expr::text("b"), rule(0), Expr::text("b")]), a(), Expr::Empty]);
    vec![
        case("s: s s | a", vec![alt([seq([rule(0), rule(0)]), a()])], "a".repeat(2_000), true),
        case(
            "s: s s s | a | nothing",
            vec![alt([seq([rule(0), rule(0), rule(0)]), a(), Expr::Empty])],
            "a".repeat(500),
            true,
        ),
        case("ambiguous sums", vec![expression], "a+a*".repeat(200) + "a", true),
        case("palindromes", vec![palindrome], "ab".repeat(300) + &"ba".repeat(300), true),
        case("100,000 rules in a chain", chain(100_000), "a", true),
        case("a ring of 5,000 rules to the left", ring(5_000), "yx", true),
        case("100 rules that may be nothing", nullable(100).collect(), "a".repeat(60), true),
        case("20,000 rules with names", wide.chain(names).collect(), "name7name77name777", true),
        case(
            "30,000 deep",
            vec![alt([seq([Expr::text("("), rule(0), Expr::text(")")]), a()])],
            [vec![b'('; 30_000], vec![b'a'], vec![b')'; 30_000]].concat(),
            true,
        ),
        case("s: a s a | a", vec![alt([seq([a(), rule(0), a()]), a()])], "a".repeat(1_001), true),
    ]
}

fn repeats() -> Vec<Case> {
    let item = || alt([Expr::text("x"), seq([Expr::text("("), rule(1), Expr::text(")")])]);
    let within = |depth: u32, count: u32| (0..depth).fold(rule(1), |body, _| body.repeat(0, Some(count)));
    vec![
        case("a rule up to 1,000,000 times", vec![rule(1).repeat(0, Some(1_000_000)), item()], "x".repeat(1_000), true),
        case(
            "a rule 1,000,000,000 times",
            vec![rule(1).repeat(1_000_000_000, Some(1_000_000_000)), item()],
            "x".repeat(1_000),
            false,
        ),
        case("repeats within repeats", vec![within(5, 1_000), item()], "x".repeat(1_000), true),
        case(
            "what may be nothing 100,000 times",
            vec![rule(1).repeat(0, Some(1)).repeat(100_000, None), item()],
            "xx",
            true,
        ),
    ]
}

fn expressions() -> Vec<Case> {
    let written = |name, pattern: &str, dialect, text: String, valid| Case {
        name,
        constraint: Constraint::Written(Written::new(Notation::Regex(dialect), pattern)),
        text: text.into_bytes(),
        valid,
    };
    let texts: Vec<String> = (0..50_000).map(|i| format!("choice number {i}")).collect();
    let letter = |c: char| Regex::Class(CharSet::single(c as u32));
    let far = |distance: u32| {
        let any = Regex::Class(CharSet::all());
        Regex::Concat(vec![
            Regex::anything(),
            letter('a'),
            any.repeat(distance, Some(distance)),
            letter('b'),
            Regex::anything(),
        ])
    };
    let all_of = Regex::And((1..12).map(|i| far(i * 3)).collect());
    let none_of = Regex::And((1..12).map(|i| Regex::Not(Box::new(far(i * 3)))).collect());
    vec![
        written("(a|aa)*b", "(a|aa)*b", Dialect::Rust, "a".repeat(5_000) + "b", true),
        written("((a*)*)*b", "((a*)*)*b", Dialect::Python, "a".repeat(5_000), false),
        written("(x+x+)+y", "(x+x+)+y", Dialect::Ecma, "x".repeat(5_000), false),
        written(".*a.{100}", ".*a.{100}", Dialect::Rust, "a".repeat(300), true),
        written("(.*a){20}", "(.*a){20}", Dialect::Rust, "ab".repeat(300) + "a", true),
        written("(a?){1000}a{1000}", "(a?){1000}a{1000}", Dialect::Rust, "a".repeat(1_500), true),
        written(r"\w{1,10000}", r"\w{1,10000}", Dialect::Rust, "ä".repeat(3_000), true),
        written(
            "lookaheads",
            r"(?=.*a)(?=.*b)(?=.*c)(?=.*d)(?=.*e)[a-z]{5,500}",
            Dialect::Python,
            "edcba".repeat(50),
            true,
        ),
        written("nested lookaheads", "(?:a(?=b(?!c))|b|c)+", Dialect::Ecma, "abab".repeat(100), true),
        written(
            "50,000 choices",
            &serde_json::to_string(&texts).expect("texts can be written"),
            Dialect::Ecma,
            texts[777].clone(),
            true,
        )
        .choices(),
        case("an intersection of eleven", vec![Expr::Lexeme(all_of)], "ab".repeat(60), false),
        case("eleven complements", vec![Expr::Lexeme(none_of)], "b".repeat(60) + &"a".repeat(30), true),
    ]
}

impl Case {
    /// The text is a list of choices.
    fn choices(mut self) -> Self {
        if let Constraint::Written(written) = &mut self.constraint {
            written.notation = Notation::Choice;
        }
        self
    }
}
