//! From conditions to regular expressions over the answer.

use std::{
    cell::{Cell, RefCell},
    cmp::Ordering,
    collections::BTreeSet,
};

use super::{
    super::{Diagnostic, regex},
    DiagnosticKind,
    demand::{Demand, behind_tokens},
    number::Decimal,
    parse::{Comparison, Kind, Node},
    refused,
    shape::{any_of, decimal, integer, sentences, words},
};
use crate::grammar::{CharSet, Expr, Regex, Tokens};

pub struct Compiler<'a> {
    source: &'a str,
    answer: &'a str,
    /// How many tokens the answer is taken to have.
    tokens: Cell<u32>,
    /// Numbers of tokens from which on some comparison comes out otherwise.
    turns: RefCell<BTreeSet<u32>>,
}

/// Comparisons with numbers of tokens come to so many cases at most.
const MAX_CASES: usize = 64;

/// Something that is compared by its size.
enum Size {
    Tokens,
    Characters,
    Words,
    Sentences,
    Number { is_whole: bool },
}

/// An operand of a comparison.
enum Operand<'n, 'a> {
    Answer,
    Size(Size),
    Number(Decimal),
    Text(&'n str),
    Texts(Vec<&'n str>),
    Other(&'n Node<'a>),
}

type Compiled<T> = Result<T, Diagnostic>;

/// Texts within which an answer may lie have at most so many characters.
const MAX_AROUND: usize = 200;

/// Operators whose first argument is an answer.
const OPERATORS: [&str; 14] = [
    "len",
    "TOKENS",
    "WORDS",
    "SENTENCES",
    "INT",
    "FLOAT",
    "REGEX",
    "STARTS_WITH",
    "ENDS_WITH",
    "STOPS_AT",
    "STOPS_BEFORE",
    "ESCAPED",
    "ERASE",
    "type",
];

/// An operator's name in its usual spelling: all but `len` and `type` may be written in either case.
fn operator(name: &str) -> Option<&'static str> {
    OPERATORS.into_iter().find(|known| *known == name || known.to_lowercase() == name)
}

/// The answers that are named, each once.
pub fn names<'a>(node: &Node<'a>, found: &mut Vec<&'a str>) {
    let mut name = |node: &Node<'a>| {
        if let Kind::Name(name) = node.kind
            && !matches!(name, "True" | "False" | "None")
            && !found.contains(&name)
        {
            found.push(name);
        }
    };
    match &node.kind {
        Kind::Or(parts) | Kind::And(parts) => parts.iter().for_each(|part| names(part, found)),
        Kind::Not(body) => names(body, found),
        Kind::Compare(first, rest) => {
            // A list, or what a text is looked for in, may be another value of the program: the first operand is not.
            name(first);
            for (how, operand) in rest {
                let is_value = matches!(first.kind, Kind::Text(_) | Kind::Number(_));
                if is_value && *how != Comparison::Is {
                    name(operand);
                }
            }
            for operand in std::iter::once(&**first).chain(rest.iter().map(|(_, operand)| operand)) {
                names(operand, found);
            }
        }
        Kind::Call(_, arguments) => {
            arguments.iter().take(1).for_each(&mut name);
            arguments.iter().take(1).for_each(|argument| names(argument, found));
        }
        Kind::Name(_) | Kind::Number(_) | Kind::Text(_) | Kind::List(_) => {}
    }
}

impl<'a> Compiler<'a> {
    pub fn new(source: &'a str, answer: &'a str) -> Self {
        Self { source, answer, tokens: Cell::new(0), turns: RefCell::default() }
    }

    /// Each number of tokens decides the comparisons with it, which leaves a language; numbers with the same are one case.
    pub fn whole(&self, condition: &Node<'a>) -> Compiled<Expr> {
        if let Some(late) = self.stops_late(condition)? {
            return Ok(late);
        }
        let first = self.at_count(condition)?;
        let turns: Vec<u32> = self.turns.borrow().iter().copied().filter(|turn| *turn > 0).collect();
        if turns.len() > MAX_CASES {
            let message = format!("numbers of tokens are told apart in more than {MAX_CASES} ways");
            return Err(self.wrong(DiagnosticKind::TooLarge, message, condition.at));
        }
        let mut cases = vec![(0, first)];
        for turn in turns {
            self.tokens.set(turn);
            let language = self.at_count(condition)?;
            if cases.last().is_none_or(|(_, before)| *before != language) {
                cases.push((turn, language));
            }
        }
        if cases.len() == 1 {
            return Ok(cases.remove(0).1);
        }
        let ends: Vec<Option<u32>> = cases.iter().skip(1).map(|(turn, _)| Some(turn - 1)).chain([None]).collect();
        let ways = cases.into_iter().zip(ends).filter_map(|((least, language), most)| counted(language, least, most));
        Ok(Expr::Alt(ways.collect()))
    }

    /// An answer that stops at a phrase, where nothing else is demanded but numbers of tokens, some of which have to come
    /// first. None: the clause is not like that.
    fn stops_late(&self, condition: &Node<'a>) -> Compiled<Option<Expr>> {
        let Kind::And(parts) = &condition.kind else { return Ok(None) };
        let ours: Vec<&Node> = parts.iter().filter(|part| self.is_ours(part)).collect();
        let (stopping, others): (Vec<&Node>, Vec<&Node>) = ours.into_iter().partition(|part| stops(part));
        let late = others.iter().any(|part| asks_for_tokens(part));
        if stopping.is_empty() || !late || !others.iter().all(|part| is_of_tokens(part)) {
            return Ok(None);
        }
        let mut phrases = Demand::new(Regex::anything());
        for part in stopping {
            phrases = phrases.and(self.demand(part)?);
        }
        if phrases.filter != Regex::anything() {
            return Ok(None);
        }
        let holds = |tokens: u32| -> Compiled<bool> {
            self.tokens.set(tokens);
            let mut all = true;
            for part in &others {
                all &= is_true(&self.demand(part)?.filter);
            }
            Ok(all)
        };
        holds(0)?;
        let turns: Vec<u32> = std::iter::once(0).chain(self.turns.take()).collect();
        let mut spans: Vec<(u32, Option<u32>)> = Vec::new();
        for (at, turn) in turns.iter().enumerate() {
            let end = turns.get(at + 1).map(|next| next - 1);
            if !holds(*turn)? {
                continue;
            }
            match spans.last_mut() {
                Some(span) if span.1.is_some_and(|last| last + 1 == *turn) => span.1 = end,
                _ => spans.push((*turn, end)),
            }
        }
        let body = match spans[..] {
            [] => Expr::Lexeme(Regex::NOTHING),
            [(least @ 2.., most)] => {
                let parts = behind_tokens(&phrases).ok_or_else(|| {
                    self.wrong(
                        DiagnosticKind::TooLarge,
                        "the phrases at which an answer stops are too long",
                        condition.at,
                    )
                })?;
                let part = |(before, behind)| {
                    let tokens = Tokens::First(least - 1);
                    Expr::Seq(vec![
                        Expr::Counted { body: Box::new(Expr::Lexeme(before)), tokens },
                        Expr::Lexeme(behind),
                    ])
                };
                let body = Box::new(Expr::alt(parts.into_iter().map(part).collect()));
                Expr::Counted { body, tokens: Tokens::Within(least, most) }
            }
            [(least, most)] => {
                let language = self.language(phrases, condition.at)?;
                counted(Expr::Lexeme(language), least, most).unwrap_or(Expr::Lexeme(Regex::NOTHING))
            }
            _ => return Ok(None),
        };
        Ok(Some(body))
    }

    /// What is demanded of an answer of so many tokens.
    fn at_count(&self, condition: &Node<'a>) -> Compiled<Expr> {
        let conjuncts = match &condition.kind {
            Kind::And(parts) => &parts[..],
            _ => std::slice::from_ref(condition),
        };
        let ours: Vec<&Node> = conjuncts.iter().filter(|part| self.is_ours(part)).collect();
        // Conditions on the text around are enforced for an expression that stands alone.
        if let [Node { kind: Kind::Call(name, arguments), at }] = ours[..]
            && operator(name) == Some("REGEX")
        {
            return regex::whole(self.pattern(arguments, *at)?);
        }
        self.check_stops(conjuncts)?;
        let mut all = Demand::new(Regex::anything());
        for part in ours {
            all = all.and(self.demand(part)?);
        }
        Ok(Expr::Lexeme(self.language(all, condition.at)?))
    }

    /// Whether a condition is about this answer, or about none.
    fn is_ours(&self, node: &Node<'a>) -> bool {
        let mut found = Vec::new();
        names(node, &mut found);
        found.is_empty() || found.contains(&self.answer)
    }

    /// A phrase stops an answer only where all else holds: with a least number of tokens, not before that.
    fn check_stops(&self, parts: &[Node<'a>]) -> Compiled<()> {
        let Some(stop) = parts.iter().find(|part| stops(part)) else { return Ok(()) };
        if parts.iter().any(|part| self.is_ours(part) && asks_for_tokens(part)) && self.is_ours(stop) {
            let message = "where an answer stops cannot be enforced together with a least number of tokens and more";
            let why = self.wrong(DiagnosticKind::Unsupported, message, stop.at);
            return Err(why.hinted("leave out what is demanded besides, or count characters or words"));
        }
        Ok(())
    }

    fn wrong(&self, kind: DiagnosticKind, message: impl Into<String>, at: usize) -> Diagnostic {
        refused(kind, message, self.source, at)
    }

    fn language(&self, demand: Demand, at: usize) -> Compiled<Regex> {
        demand.language().ok_or_else(|| self.wrong(DiagnosticKind::TooLarge, "the condition is too large", at))
    }

    fn demand(&self, node: &Node<'a>) -> Compiled<Demand> {
        match &node.kind {
            Kind::And(parts) => {
                self.check_stops(parts)?;
                let mut demands = parts.iter().map(|part| self.demand(part));
                demands.try_fold(Demand::new(Regex::anything()), |all, part| Ok(all.and(part?)))
            }
            Kind::Or(parts) => {
                let ways =
                    parts.iter().map(|part| self.language(self.demand(part)?, part.at)).collect::<Compiled<_>>()?;
                Ok(Demand::new(Regex::Alternation(ways)))
            }
            Kind::Not(body) => {
                let demand = self.demand(body)?;
                if !demand.at.is_empty() || !demand.before.is_empty() {
                    let message = "where an answer stops cannot be negated";
                    return Err(self.wrong(DiagnosticKind::Unsupported, message, node.at));
                }
                Ok(Demand::new(Regex::Not(Box::new(demand.filter))))
            }
            Kind::Compare(first, rest) => {
                let mut all = Vec::new();
                let mut left = &**first;
                for (how, right) in rest {
                    all.push(self.compared(left, *how, right)?);
                    left = right;
                }
                Ok(Demand::new(if all.len() == 1 { all.remove(0) } else { Regex::And(all) }))
            }
            Kind::Call(name, arguments) => self.call(name, arguments, node.at),
            Kind::Name("True") => Ok(Demand::new(Regex::anything())),
            Kind::Name("False") => Ok(Demand::new(Regex::NOTHING)),
            _ => Err(self.wrong(DiagnosticKind::Invalid, "a condition is expected", node.at)),
        }
    }

    fn call(&self, name: &'a str, arguments: &[Node<'a>], at: usize) -> Compiled<Demand> {
        let filter = match operator(name) {
            Some("INT") => integer(),
            Some("FLOAT") => decimal(),
            Some("REGEX") => {
                let pattern = self.pattern(arguments, at)?;
                if pattern.has_look() {
                    let message = "conditions on the text around are enforced only where the expression stands alone";
                    return Err(self.wrong(DiagnosticKind::Unsupported, message, at));
                }
                pattern
            }
            Some("STARTS_WITH") => Regex::Concat(vec![self.texts(arguments, at)?, Regex::anything()]),
            Some("ENDS_WITH") => Regex::Concat(vec![Regex::anything(), self.texts(arguments, at)?]),
            Some(stop @ ("STOPS_AT" | "STOPS_BEFORE")) => {
                let phrase = self.phrase(arguments, at)?;
                let (mut ends, mut before) = (Vec::new(), Vec::new());
                if stop == "STOPS_AT" {
                    ends.push(phrase)
                } else {
                    before.push(phrase)
                }
                self.check_answer(arguments, at)?;
                return Ok(Demand { filter: Regex::anything(), at: ends, before });
            }
            Some("ESCAPED" | "ERASE") => {
                let message = format!("{name} changes the answer afterwards, and is no condition on it");
                return Err(self.wrong(DiagnosticKind::Unsupported, message, at));
            }
            Some("len" | "TOKENS" | "WORDS" | "SENTENCES" | "type") => {
                return Err(self.wrong(DiagnosticKind::Invalid, format!("{name} is compared with something"), at));
            }
            _ => {
                let message = format!("{name} is a function of the program: what it says of an answer is not known");
                let why = self.wrong(DiagnosticKind::Unsupported, message, at);
                return Err(why.hinted("conditions are made of the operators that where has"));
            }
        };
        self.check_answer(arguments, at)?;
        Ok(Demand::new(filter))
    }

    /// The first argument is the answer.
    fn check_answer(&self, arguments: &[Node<'a>], at: usize) -> Compiled<()> {
        match arguments.first().map(|node| &node.kind) {
            Some(Kind::Name(name)) if *name == self.answer => Ok(()),
            Some(Kind::Name(name)) => {
                let message = format!("\"{name}\" and \"{}\" hang together here", self.answer);
                Err(self.wrong(DiagnosticKind::Unsupported, message, at))
            }
            _ => Err(self.wrong(DiagnosticKind::Invalid, "the answer's name is expected", at)),
        }
    }

    fn pattern(&self, arguments: &[Node<'a>], at: usize) -> Compiled<Regex> {
        let [_, Node { kind: Kind::Text(pattern), at: begin }] = arguments else {
            return Err(self.wrong(DiagnosticKind::Invalid, "REGEX takes an answer and a text", at));
        };
        self.check_answer(arguments, at)?;
        let placed = |why: Diagnostic| why.at(self.source, *begin);
        regex::read(pattern, regex::Dialect::Python).map_err(placed)
    }

    /// The second argument: one text or several.
    fn texts(&self, arguments: &[Node<'a>], at: usize) -> Compiled<Regex> {
        match arguments {
            [_, one] => match self.operand(one)? {
                Operand::Text(text) => Ok(Regex::text(text)),
                Operand::Texts(texts) => Ok(any_of(texts)),
                _ => Err(self.no_value(one)),
            },
            _ => Err(self.wrong(DiagnosticKind::Invalid, "an answer and a text are expected", at)),
        }
    }

    fn phrase(&self, arguments: &[Node<'a>], at: usize) -> Compiled<String> {
        match arguments {
            [_, Node { kind: Kind::Text(text), .. }] if !text.is_empty() => Ok(text.clone()),
            [_, Node { kind: Kind::Text(_), at }] => Err(self.wrong(DiagnosticKind::Invalid, "the text is empty", *at)),
            [_, other] => Err(self.no_value(other)),
            _ => Err(self.wrong(DiagnosticKind::Invalid, "an answer and a text are expected", at)),
        }
    }

    /// A value that is not in the clause.
    fn no_value(&self, node: &Node<'a>) -> Diagnostic {
        match node.kind {
            Kind::Name(name) => {
                let message = format!("\"{name}\" has no value here");
                self.wrong(DiagnosticKind::Unsupported, message, node.at).hinted("write the value itself")
            }
            _ => self.wrong(DiagnosticKind::Invalid, "a text or a list of texts is expected", node.at),
        }
    }

    fn operand<'n>(&self, node: &'n Node<'a>) -> Compiled<Operand<'n, 'a>> {
        Ok(match &node.kind {
            Kind::Name(name) if *name == self.answer => Operand::Answer,
            Kind::Text(text) => Operand::Text(text),
            Kind::Number(number) => match Decimal::read(number) {
                Some(number) => Operand::Number(number),
                None => return Err(self.wrong(DiagnosticKind::Invalid, "this is no number", node.at)),
            },
            Kind::List(items) => Operand::Texts(self.listed(items)?),
            Kind::Call("set" | "list" | "tuple", arguments) => match &arguments[..] {
                [Node { kind: Kind::List(items), .. }] => Operand::Texts(self.listed(items)?),
                _ => Operand::Other(node),
            },
            Kind::Call(name, arguments) => match operator(name) {
                Some("len") => Operand::Size(self.size(arguments, node.at)?),
                Some(kind @ ("INT" | "FLOAT")) => {
                    self.check_answer(arguments, node.at)?;
                    Operand::Size(Size::Number { is_whole: kind == "INT" })
                }
                _ => Operand::Other(node),
            },
            _ => Operand::Other(node),
        })
    }

    fn listed<'n>(&self, items: &'n [Node<'a>]) -> Compiled<Vec<&'n str>> {
        let text = |item: &'n Node<'a>| match &item.kind {
            Kind::Text(text) => Ok(&**text),
            _ => Err(self.no_value(item)),
        };
        items.iter().map(text).collect()
    }

    fn size(&self, arguments: &[Node<'a>], at: usize) -> Compiled<Size> {
        let [argument] = arguments else {
            return Err(self.wrong(DiagnosticKind::Invalid, "len takes one argument", at));
        };
        let Kind::Call(name, inner) = &argument.kind else {
            return self.check_answer(arguments, at).map(|()| Size::Characters);
        };
        let size = match operator(name) {
            Some("WORDS") => Size::Words,
            Some("SENTENCES") => Size::Sentences,
            Some("TOKENS") => Size::Tokens,
            _ => return Err(self.wrong(DiagnosticKind::Unsupported, format!("len of {name} is not known"), at)),
        };
        self.check_answer(inner, argument.at).map(|()| size)
    }

    fn compared(&self, left: &Node<'a>, how: Comparison, right: &Node<'a>) -> Compiled<Regex> {
        use Comparison::{Equal, In, Is, NotEqual, NotIn};
        let not = |regex: Regex| Regex::Not(Box::new(regex));
        if how == Is {
            let message = "types are no part of a clause";
            return Err(self.wrong(DiagnosticKind::Unsupported, message, left.at).hinted("demand a JSON schema"));
        }
        let regex = match (self.operand(left)?, how, self.operand(right)?) {
            (Operand::Answer, Equal | NotEqual, Operand::Text(text))
            | (Operand::Text(text), Equal | NotEqual, Operand::Answer) => Regex::text(text),
            (Operand::Answer, In | NotIn, Operand::Texts(texts)) => any_of(texts),
            (Operand::Answer, In | NotIn, Operand::Text(text)) => self.within(text, right.at)?,
            (Operand::Text(text), In | NotIn, Operand::Answer) => {
                Regex::Concat(vec![Regex::anything(), Regex::text(text), Regex::anything()])
            }
            (Operand::Size(size), _, Operand::Number(number)) => return self.sized(&size, how, &number, left.at),
            (Operand::Number(number), _, Operand::Size(size)) => {
                return self.sized(&size, reversed(how), &number, right.at);
            }
            (Operand::Answer, _, Operand::Number(number)) => {
                return self.sized(&Size::Number { is_whole: false }, how, &number, left.at);
            }
            (Operand::Number(number), _, Operand::Answer) => {
                return self.sized(&Size::Number { is_whole: false }, reversed(how), &number, right.at);
            }
            (Operand::Other(node), ..) | (_, _, Operand::Other(node)) => return Err(self.not_compared(node)),
            _ => return Err(self.wrong(DiagnosticKind::Invalid, "these cannot be compared so", left.at)),
        };
        Ok(if matches!(how, NotEqual | NotIn) { not(regex) } else { regex })
    }

    fn not_compared(&self, node: &Node<'a>) -> Diagnostic {
        match &node.kind {
            Kind::Call(name, _) if operator(name) == Some("TOKENS") || operator(name).is_none() => {
                let message = format!("{name} is a function of the program: what it says of an answer is not known");
                self.wrong(DiagnosticKind::Unsupported, message, node.at)
            }
            Kind::Name(_) => self.no_value(node),
            _ => self.wrong(DiagnosticKind::Invalid, "this cannot be compared", node.at),
        }
    }

    /// Parts of a text.
    fn within(&self, text: &str, at: usize) -> Compiled<Regex> {
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        if places.len() > MAX_AROUND {
            let message = format!("the text is longer than {MAX_AROUND} characters");
            return Err(self.wrong(DiagnosticKind::TooLarge, message, at));
        }
        let parts =
            places.iter().enumerate().flat_map(|(at, begin)| places[at..].iter().map(|end| &text[*begin..*end]));
        Ok(any_of(parts.collect()))
    }

    fn sized(&self, size: &Size, how: Comparison, number: &Decimal, at: usize) -> Compiled<Regex> {
        use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
        let orders: &[Ordering] = match how {
            Equal => &[Ordering::Equal],
            NotEqual | Less => &[Ordering::Less],
            LessOrEqual => &[Ordering::Less, Ordering::Equal],
            Greater => &[Ordering::Greater],
            GreaterOrEqual => &[Ordering::Equal, Ordering::Greater],
            _ => return Err(self.wrong(DiagnosticKind::Invalid, "a number is not compared so", at)),
        };
        let orders = if how == NotEqual { &[Ordering::Less, Ordering::Greater][..] } else { orders };
        let ways = orders.iter().map(|order| match size {
            Size::Number { is_whole } => {
                let blank = Regex::text(" ").repeat(0, Some(1));
                let value = Regex::Concat(vec![blank, number.compared(*order)]);
                Ok(Regex::And(vec![value, if *is_whole { integer() } else { decimal() }]))
            }
            _ => self.counted(size, *order, number, at),
        });
        Ok(Regex::alternation(ways.collect::<Compiled<_>>()?))
    }

    /// So many, fewer, or more.
    fn counted(&self, size: &Size, order: Ordering, number: &Decimal, at: usize) -> Compiled<Regex> {
        let Some(ceiling) = number.ceiling() else {
            return Err(self.wrong(DiagnosticKind::TooLarge, "the number is too large", at));
        };
        let (min, max) = match order {
            // No count is below zero.
            Ordering::Less if number.is_negative() || ceiling == 0 => return Ok(Regex::NOTHING),
            Ordering::Less => (0, Some(ceiling - 1)),
            Ordering::Equal if number.is_whole() && !number.is_negative() => (ceiling, Some(ceiling)),
            Ordering::Equal => return Ok(Regex::NOTHING),
            Ordering::Greater if number.is_negative() => (0, None),
            Ordering::Greater => (ceiling.saturating_add(u32::from(number.is_whole())), None),
        };
        Ok(match size {
            Size::Tokens => {
                self.turns.borrow_mut().extend([Some(min), max.map(|max| max.saturating_add(1))].into_iter().flatten());
                let holds = min <= self.tokens.get() && max.is_none_or(|max| self.tokens.get() <= max);
                if holds { Regex::anything() } else { Regex::NOTHING }
            }
            Size::Words => words(min, max),
            Size::Sentences => sentences(min, max),
            Size::Characters | Size::Number { .. } => Regex::Class(CharSet::all()).repeat(min, max),
        })
    }
}

/// An answer of so many tokens; None: there is none.
fn counted(language: Expr, least: u32, most: Option<u32>) -> Option<Expr> {
    let body = match (language, least) {
        (Expr::Lexeme(Regex::Alternation(ways)), _) if ways.is_empty() => return None,
        // A text of some tokens is not empty.
        (Expr::Lexeme(regex), 1..) => {
            Expr::Lexeme(Regex::And(vec![regex, Regex::Class(CharSet::all()).repeat(1, None)]))
        }
        (body, _) => body,
    };
    Some(Expr::Counted { body: Box::new(body), tokens: Tokens::Within(least, most) })
}

/// Whether a condition says where an answer stops.
fn stops(node: &Node) -> bool {
    match &node.kind {
        Kind::And(parts) => parts.iter().any(stops),
        Kind::Call(name, _) => matches!(operator(name), Some("STOPS_AT" | "STOPS_BEFORE")),
        _ => false,
    }
}

fn is_count(node: &Node) -> bool {
    match &node.kind {
        Kind::Call("len", arguments) => arguments
            .iter()
            .any(|argument| matches!(&argument.kind, Kind::Call(name, _) if operator(name) == Some("TOKENS"))),
        _ => false,
    }
}

/// Whether a condition is about numbers of tokens and nothing else.
fn is_of_tokens(node: &Node) -> bool {
    match &node.kind {
        Kind::Or(parts) | Kind::And(parts) => parts.iter().all(is_of_tokens),
        Kind::Not(body) => is_of_tokens(body),
        Kind::Compare(first, rest) => std::iter::once(&**first)
            .chain(rest.iter().map(|(_, node)| node))
            .all(|node| is_count(node) || matches!(node.kind, Kind::Number(_))),
        Kind::Name(name) => matches!(*name, "True" | "False"),
        _ => false,
    }
}

/// Whether a filter that is all or nothing is all.
fn is_true(filter: &Regex) -> bool {
    match filter {
        Regex::And(parts) => parts.iter().all(is_true),
        Regex::Alternation(ways) => ways.iter().any(is_true),
        Regex::Not(body) => !is_true(body),
        other => *other == Regex::anything(),
    }
}

/// Whether a condition counts tokens.
fn mentions(node: &Node) -> bool {
    match &node.kind {
        Kind::Or(parts) | Kind::And(parts) => parts.iter().any(mentions),
        Kind::Not(body) => mentions(body),
        Kind::Compare(first, rest) => is_count(first) || rest.iter().any(|(_, node)| is_count(node)),
        _ => false,
    }
}

/// Whether a condition may ask for a least number of tokens.
fn asks_for_tokens(node: &Node) -> bool {
    match &node.kind {
        Kind::Or(parts) | Kind::And(parts) => parts.iter().any(asks_for_tokens),
        Kind::Not(body) => mentions(body),
        Kind::Compare(first, rest) => {
            let is_less = |how: &Comparison| matches!(how, Comparison::Less | Comparison::LessOrEqual);
            mentions(node) && !(is_count(first) && rest.iter().all(|(how, _)| is_less(how)))
        }
        _ => false,
    }
}

fn reversed(how: Comparison) -> Comparison {
    match how {
        Comparison::Less => Comparison::Greater,
        Comparison::LessOrEqual => Comparison::GreaterOrEqual,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterOrEqual => Comparison::LessOrEqual,
        other => other,
    }
}
