//! The oracle is brute force: every JSON number text up to a length, its value as a [`Decimal`] (which has its own
//! tests against Python), the formula evaluated on that.

use std::collections::HashMap;

use super::*;

type Formula = Expr<NumberAtom>;

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}
fn min(text: &str) -> Formula {
    Expr::Atom(NumberAtom::Min { value: decimal(text), exclusive: false })
}
fn above(text: &str) -> Formula {
    Expr::Atom(NumberAtom::Min { value: decimal(text), exclusive: true })
}
fn max(text: &str) -> Formula {
    Expr::Atom(NumberAtom::Max { value: decimal(text), exclusive: false })
}
fn below(text: &str) -> Formula {
    Expr::Atom(NumberAtom::Max { value: decimal(text), exclusive: true })
}
fn multiple(text: &str) -> Formula {
    Expr::Atom(NumberAtom::MultipleOf(decimal(text)))
}
fn one_of(texts: &[&str]) -> Formula {
    Expr::Atom(NumberAtom::OneOf(texts.iter().map(|text| decimal(text)).collect()))
}
fn integer() -> Formula {
    Expr::Atom(NumberAtom::Integer)
}
fn integer_text() -> Formula {
    Expr::Atom(NumberAtom::IntegerText)
}
fn all<const N: usize>(parts: [Formula; N]) -> Formula {
    Expr::And(parts.into())
}
fn any<const N: usize>(parts: [Formula; N]) -> Formula {
    Expr::Or(parts.into())
}
fn not(part: Formula) -> Formula {
    Expr::Not(Box::new(part))
}

fn holds(formula: &Formula, text: &str) -> bool {
    let value = decimal(text);
    formula.eval(&mut |atom| match atom {
        NumberAtom::Integer => value.is_integer(),
        NumberAtom::IntegerText => !text.contains(['.', 'e', 'E']),
        NumberAtom::Min { value: bound, exclusive } => value > *bound || !exclusive && value == *bound,
        NumberAtom::Max { value: bound, exclusive } => value < *bound || !exclusive && value == *bound,
        NumberAtom::MultipleOf(step) => value.is_multiple_of(step),
        NumberAtom::OneOf(values) => values.contains(&value),
    })
}

/// The text is in the set: by the formula, and by what `plain` leaves of it.
fn is_in(language: &NumberLanguage, formula: &Formula, text: &str) -> bool {
    let exponent = text.contains(['e', 'E']);
    let form = match (exponent, text.contains('.')) {
        (true, _) => language.forms.exponent,
        (false, true) => language.forms.fraction,
        (false, false) => true,
    };
    let minus_zero = language.forms.plain && text.starts_with('-') && decimal(text).is_zero();
    form && !minus_zero && holds(formula, text)
}

fn is_prefix(text: &str) -> bool {
    Decimal::parse(text).is_ok() || Decimal::parse(&format!("{text}0")).is_ok()
}

fn run(language: &NumberLanguage, text: &str) -> Option<NumberState> {
    text.bytes().try_fold(language.start()?, |state, byte| language.step(state, byte))
}

struct Walk<'a> {
    language: &'a NumberLanguage,
    formula: &'a Formula,
    watch: &'a [Formula],
    alphabet: &'a str,
    longest: usize,
    live: usize,
    dead: usize,
    classes: HashMap<NumberClass, (String, NumberState)>,
}

impl Walk<'_> {
    /// Checks everything below a prefix; the length of the shortest text in the set that begins with it, if any is
    /// short enough to be met.
    fn check(&mut self, text: &mut String, state: Option<NumberState>) -> Option<usize> {
        let complete = Decimal::parse(text).is_ok();
        let accepted = complete && is_in(self.language, self.formula, text);
        let mut nearest = accepted.then_some(text.len());
        if let Some(state) = state {
            assert_eq!(self.language.accepts(state), accepted, "{text} in {:?}", self.formula);
            if complete {
                let verdicts: Vec<bool> = self.language.verdicts(state).collect();
                for (i, formula) in self.watch.iter().enumerate() {
                    assert_eq!(verdicts[i], holds(formula, text), "{text} watched by {formula:?}");
                }
            }
        }
        if text.len() < self.longest {
            for letter in self.alphabet.chars() {
                text.push(letter);
                if is_prefix(text) {
                    let next = state.and_then(|state| self.language.step(state, letter as u8));
                    let found = self.check(text, next);
                    nearest = nearest.into_iter().chain(found).min();
                } else {
                    let next = state.and_then(|state| self.language.step(state, letter as u8));
                    assert_eq!(next, None, "{text} is no JSON number");
                }
                text.pop();
            }
        }
        match state {
            None => {
                assert_eq!(nearest, None, "{text} is dead in {:?}, plain {}", self.formula, self.language.forms.plain);
                self.dead += 1;
            }
            Some(state) => {
                self.live += 1;
                if text.len() + 2 <= self.longest {
                    self.check_shortest(text, state, nearest);
                    self.check_class(text, state);
                }
            }
        }
        nearest
    }

    /// A live prefix has a completion: this one.
    fn check_shortest(&self, text: &str, state: NumberState, nearest: Option<usize>) {
        let rest = String::from_utf8(self.language.shortest(state)).unwrap();
        let whole = format!("{text}{rest}");
        assert!(is_in(self.language, self.formula, &whole), "{text} + {rest} in {:?}", self.formula);
        assert!(run(self.language, &whole).is_some_and(|state| self.language.accepts(state)), "{whole}");
        if let Some(nearest) = nearest {
            assert!(whole.len() <= nearest, "{whole} is longer than {nearest} in {:?}", self.formula);
        }
    }

    /// States of one class behave alike.
    fn check_class(&mut self, text: &str, state: NumberState) {
        let class = self.language.class(state);
        let (other, twin) = self.classes.entry(class).or_insert_with(|| (text.to_owned(), state));
        if *twin != state {
            let names = format!("{text} and {other} in {:?}", self.formula);
            alike(self.language, state, *twin, 2, &names);
        }
    }
}

fn alike(language: &NumberLanguage, a: NumberState, b: NumberState, depth: usize, names: &str) {
    assert_eq!(language.accepts(a), language.accepts(b), "{names}");
    if language.accepts(a) {
        assert!(language.verdicts(a).eq(language.verdicts(b)), "{names}");
    }
    for &byte in b"0123579.e-" {
        match (language.step(a, byte), language.step(b, byte)) {
            (Some(a), Some(b)) if depth > 0 => alike(language, a, b, depth - 1, names),
            (a, b) => assert_eq!(a.is_some(), b.is_some(), "{names} then {}", byte as char),
        }
    }
}

fn check(formula: &Formula, watch: &[Formula], plain: bool, alphabet: &str, longest: usize) -> (usize, usize) {
    let language = NumberLanguage::compile(formula, watch, plain).unwrap();
    let mut walk =
        Walk { language: &language, formula, watch, alphabet, longest, live: 0, dead: 0, classes: HashMap::new() };
    walk.check(&mut String::new(), language.start());
    (walk.live, walk.dead)
}

fn formulas() -> Vec<Formula> {
    vec![
        Expr::True,
        Expr::False,
        integer(),
        integer_text(),
        not(integer()),
        not(integer_text()),
        min("0"),
        above("0"),
        below("0"),
        all([min("0"), max("0")]),
        all([min("100"), max("200")]),
        all([integer(), min("100"), max("200")]),
        all([integer_text(), min("100"), max("200")]),
        all([integer(), min("1"), max("120")]),
        all([integer(), above("0.5"), below("2.5")]),
        all([integer(), above("9"), below("10")]),
        all([above("0.1"), below("0.15")]),
        all([above("-1"), below("1")]),
        all([min("-20"), max("-3.5")]),
        multiple("0.01"),
        multiple("5"),
        multiple("12"),
        multiple("7"),
        all([multiple("0.25"), min("0.3"), max("1.1")]),
        all([multiple("7"), min("100"), max("104")]),
        all([multiple("7"), min("100"), max("105")]),
        all([multiple("7"), not(multiple("2")), min("13"), max("22")]),
        all([integer(), not(multiple("10"))]),
        all([multiple("100"), not(multiple("300"))]),
        all([integer(), not(one_of(&["0", "1", "2", "5"])), min("0"), max("9")]),
        one_of(&["1", "1.5", "100", "-20", "0.05"]),
        all([one_of(&["1", "1.5", "100", "-20"]), not(integer())]),
        not(one_of(&["0", "1", "100"])),
        any([one_of(&["0"]), all([above("12"), below("13")])]),
        Expr::One(vec![integer(), multiple("0.5"), min("2")]),
        any([integer_text(), min("10")]),
        all([min("1e400"), max("1e402")]),
        all([integer(), min("1e-400"), max("1")]),
        all([multiple("1e-3"), below("1e-2"), above("0")]),
        all([above("1e-50"), below("2e-50")]),
        all([multiple("1e30"), min("1")]),
        all([multiple("97"), min("1")]),
        Expr::One(["3", "4", "6", "7", "12", "16", "25", "33", "2.5"].map(multiple).into()),
        all([
            integer(),
            not(any(["2", "3", "4", "5", "7", "9", "11", "0.1", "42"].map(multiple))),
            min("1"),
            max("12"),
        ]),
    ]
}

#[test]
fn equals_brute_force_over_all_digits() {
    let watch = [integer(), multiple("0.5"), min("1.5"), integer_text()];
    for formula in formulas() {
        for plain in [false, true] {
            check(&formula, &[], plain, "0123456789.-+eE", 4);
            check(&formula, &watch, plain, "0123456789.-+eE", 4);
        }
    }
}

#[test]
fn equals_brute_force_on_longer_texts() {
    for formula in formulas() {
        for plain in [false, true] {
            let (live, dead) = check(&formula, &[integer()], plain, "01259.e-", 6);
            assert!(live + dead > 1_000);
        }
    }
}

#[test]
fn equals_brute_force_for_random_formulas() {
    let mut random = Random(0x1234_5678_9ABC_DEF1);
    let mut refused = 0;
    for round in 0..150 {
        let formula = random.formula(3);
        match NumberLanguage::compile(&formula, &[], false) {
            Ok(_) => drop(check(&formula, &[random.formula(1)], round % 3 == 0, "01257.e-", 5)),
            Err(NumberError::Divisors { .. }) => refused += 1,
            Err(error) => panic!("{error}: {formula:?}"),
        }
    }
    assert!(refused < 10);
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % n
    }

    fn formula(&mut self, depth: usize) -> Formula {
        let constants = [
            "-100", "-1.5", "-1", "-0.05", "0", "0.1", "0.15", "1", "1.25", "2", "5", "7.5", "10", "12", "100", "125",
            "1e3",
        ];
        let steps = ["1", "2", "3", "5", "7", "10", "0.1", "0.5", "0.25", "0.01", "100", "1.5", "12"];
        let constant = constants[self.below(constants.len())];
        let choice = if depth == 0 { self.below(7) } else { self.below(12) };
        match choice {
            0 => integer(),
            1 => min(constant),
            2 => max(constant),
            3 => above(constant),
            4 => below(constant),
            5 => multiple(steps[self.below(steps.len())]),
            6 if self.below(3) == 0 => integer_text(),
            6 => one_of(&[constant, constants[self.below(constants.len())]]),
            7 => not(self.formula(depth - 1)),
            choice => {
                let parts = (0..2 + self.below(2)).map(|_| self.formula(depth - 1)).collect();
                match choice {
                    8 => Expr::Or(parts),
                    9 => Expr::One(parts),
                    _ => Expr::And(parts),
                }
            }
        }
    }
}

fn lives(formula: &Formula, plain: bool, text: &str) -> bool {
    run(&NumberLanguage::compile(formula, &[], plain).unwrap(), text).is_some()
}

#[test]
fn examples() {
    let hundreds = all([min("100"), max("200")]);
    assert!(!lives(&hundreds, false, "5"));
    assert!(lives(&hundreds, false, "0"));
    assert!(lives(&hundreds, false, "0.15e"));
    assert!(lives(&hundreds, false, "2"));
    assert!(!lives(&hundreds, false, "2.1"));
    assert!(lives(&hundreds, false, "0.00000000000000000000000000000000000000000001999999999999999999999e"));
    assert!(!lives(&hundreds, true, "0"));
    assert!(lives(&integer(), false, "1.5"));
    assert!(!lives(&integer(), true, "1."));
    assert!(lives(&integer(), false, "15e-00"));
    assert!(!lives(&integer(), false, "15e-1"));
    assert!(lives(&integer(), false, "1500e-2"));
    assert!(!lives(&integer(), false, "1500e-3"));
}

#[test]
fn long_texts_are_exact() {
    let step = all([multiple("7"), min("1")]);
    let language = NumberLanguage::compile(&step, &[], false).unwrap();
    let digits = "1234567890".repeat(30);
    for tail in 0..=9 {
        let text = format!("{digits}{tail}");
        let state = run(&language, &text).unwrap();
        assert_eq!(language.accepts(state), decimal(&text).is_multiple_of(&decimal("7")), "{tail}");
    }
    let bound = format!("0.{}5", "3".repeat(200));
    let language = NumberLanguage::compile(&all([above(&bound), max("1")]), &[], true).unwrap();
    assert!(run(&language, &format!("0.{}", "3".repeat(200))).is_some());
    assert!(run(&language, &format!("0.{}4", "3".repeat(200))).is_none());
    let state = run(&language, &bound).unwrap();
    assert!(!language.accepts(state));
    assert!(language.accepts(language.step(state, b'1').unwrap()));
    let million = format!("1{}", "0".repeat(1_000_000));
    let language = NumberLanguage::compile(&integer(), &[], false).unwrap();
    assert!(run(&language, &format!("{million}e-1000000")).is_some_and(|state| language.accepts(state)));
    assert!(run(&language, &format!("{million}e-1000001")).is_none());
    assert!(run(&language, "1e99999999999999999999999999999").is_some_and(|state| language.accepts(state)));
    assert!(run(&language, "1e-9999999999").is_none());
}

#[test]
fn shortest_ends_where_search_is_too_wide() {
    let formula = all([multiple("123456789"), min("1")]);
    for (plain, texts) in [(false, &["", "5", "1.5", "777777777777", "0.001"][..]), (true, &["", "5", "8765432109"])] {
        let language = NumberLanguage::compile(&formula, &[], plain).unwrap();
        for text in texts {
            let rest = String::from_utf8(language.shortest(run(&language, text).unwrap())).unwrap();
            assert!(is_in(&language, &formula, &format!("{text}{rest}")), "{text} + {rest}");
            assert!(rest.len() <= 40, "{text} + {rest}");
        }
    }
    let language = NumberLanguage::compile(&all([integer_text(), min("1e3000")]), &[], false).unwrap();
    assert_eq!(language.shortest(language.start().unwrap()).len(), 3_001);
}

#[test]
fn plain_forms() {
    let forms = |formula: &Formula| {
        let language = NumberLanguage::compile(formula, &[], true).unwrap();
        (language.forms.fraction, language.forms.exponent)
    };
    assert_eq!(forms(&Expr::True), (true, false));
    assert_eq!(forms(&integer()), (false, false));
    assert_eq!(forms(&any([all([integer(), min("5")]), multiple("10")])), (false, false));
    assert_eq!(forms(&all([integer(), not(integer_text())])), (true, false));
    assert_eq!(forms(&min("1e38")), (true, false));
    assert_eq!(forms(&min("1e39")), (true, false));
    assert_eq!(forms(&above("1e40")), (true, true));
    assert_eq!(forms(&all([integer(), min("1e40")])), (false, true));
    assert_eq!(forms(&all([above("1e-38"), below("2e-38")])), (true, true));
    assert_eq!(forms(&all([above("1e-37"), below("2e-37")])), (true, false));
    assert_eq!(forms(&one_of(&["1e-38"])), (true, false));
    assert_eq!(forms(&one_of(&["1e-39"])), (true, true));
}

#[test]
fn plain_numbers_are_within_64_bits_where_that_leaves_some() {
    assert!(lives(&integer(), true, "9223372036854775807"));
    assert!(!lives(&integer(), true, "9223372036854775808"));
    assert!(lives(&integer(), true, "-9223372036854775808"));
    assert!(lives(&integer(), false, "9223372036854775808"));
    assert!(!lives(&Expr::True, true, "10000000000000000000"));
    assert!(lives(&Expr::True, true, "1000000000.00000000000000000001"));
    // Those that a schema asks for.
    assert!(lives(&min("1e19"), true, "10000000000000000000"));
    assert!(lives(&one_of(&["1", "10000000000000000000"]), true, "10000000000000000000"));
    assert!(!lives(&not(one_of(&["1"])), true, "10000000000000000000"));
}

#[test]
fn classes_are_few() {
    let class = |formula: &Formula, plain, text: &str| {
        let language = NumberLanguage::compile(formula, &[], plain).unwrap();
        language.class(run(&language, text).unwrap())
    };
    assert_eq!(class(&integer(), true, "7"), class(&integer(), true, "8"));
    assert_eq!(class(&integer(), false, "7"), class(&integer(), false, "123456789"));
    assert_ne!(class(&integer(), false, "7"), class(&integer(), false, "70"));
    assert_eq!(class(&Expr::True, true, "1.5"), class(&Expr::True, true, "2.25"));
    assert_eq!(class(&Expr::True, false, "1.5"), class(&Expr::True, false, "-32.25"));
    assert_eq!(class(&min("0"), false, "15"), class(&min("0"), false, "3"));
    let bounded = all([integer(), min("1"), max("99999")]);
    assert_eq!(class(&bounded, true, "43"), class(&bounded, true, "78"));
}

#[test]
fn refusals_name_the_cause() {
    let refused = |formula: &Formula| NumberLanguage::compile(formula, &[], false).unwrap_err().to_string();
    assert!(refused(&multiple("0")).contains("multipleOf 0"));
    assert!(refused(&multiple(&"7".repeat(40))).contains("30 digits"));
    // In as many combinations as there are sets of them.
    let primes = ["2", "3", "5", "7", "11", "13", "17", "19", "23", "29", "31"].map(multiple);
    assert!(refused(&Expr::Or(primes.into())).contains("11 different multipleOf"));
}

/// A figure to look at, not a bound: `cargo test --release -- --ignored --nocapture step_times`.
#[test]
#[ignore = "prints times"]
fn step_times() {
    let bounded = all([integer(), min("0"), max("150")]);
    let cases = [
        (Expr::True, false),
        (Expr::True, true),
        (integer(), false),
        (integer(), true),
        (min("0"), false),
        (min("0"), true),
        (bounded.clone(), false),
        (bounded, true),
        (multiple("0.01"), true),
        (multiple("7"), false),
    ];
    for (formula, plain) in cases {
        let language = NumberLanguage::compile(&formula, &[], plain).unwrap();
        let texts = ["14", "7", "105", "21", "140"].map(|text| run(&language, text).unwrap());
        let began = std::time::Instant::now();
        let mut live = 0usize;
        for round in 0..1_000_000usize {
            live += usize::from(language.step(texts[round % 5], b"0123456789.e"[round % 12]).is_some());
        }
        println!("{:6.1} ns a step, {live} live, plain {plain}: {formula:?}", began.elapsed().as_nanos() as f64 / 1e6);
    }
}
