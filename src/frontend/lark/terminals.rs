//! Terminals as regular expressions.

use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    Parsed, Place, edges, hinted, invalid,
    module::Modules,
    stop,
    syntax::{Atom, Attributes, Choice, Term, Way, is_terminal},
    too_large, unsupported,
};
use crate::{
    frontend::regex::{self, Dialect},
    grammar::{CharSet, Expr, Regex},
};

/// Brackets and terminals within terminals.
const MAX_HEIGHT: usize = 200;
/// Nodes that terminals are copied from others, all together.
const MAX_COPIED: u64 = 2_000_000;

/// What is known of terminals.
#[derive(Default)]
pub struct Terminals {
    known: FxHashMap<(usize, Box<str>), Known>,
    open: FxHashSet<(usize, Box<str>)>,
    depth: usize,
    /// How deep it went since this was last set.
    deepest: usize,
    copied: u64,
}

#[derive(Clone)]
struct Known {
    regex: Regex,
    height: usize,
    weight: u64,
}

impl Terminals {
    /// The terminal of this name, as a module means it.
    pub fn named(&mut self, modules: &Modules, module: usize, place: Place, name: &str) -> Parsed<Regex> {
        let Some((home, definition)) = modules.find(module, name) else {
            let refusal = invalid(place, format!("there is no terminal \"{name}\""));
            return Err(modules.suggested(refusal, module, name));
        };
        let key = (home, definition.name.clone());
        if let Some(known) = self.known.get(&key) {
            let (regex, height, weight) = (known.regex.clone(), known.height, known.weight);
            self.copied = self.copied.saturating_add(weight);
            self.reach(place, self.depth + height)?;
            return Ok(regex);
        }
        if !self.open.insert(key.clone()) {
            let hint = "a rule, in small letters, may call itself";
            return Err(hinted(invalid(place, format!("the terminal \"{name}\" contains itself")), hint));
        }
        let before = std::mem::replace(&mut self.deepest, self.depth);
        let regex = self.choice(modules, home, &definition.body)?;
        let height = self.deepest - self.depth;
        self.deepest = self.deepest.max(before);
        self.open.remove(&key);
        let weight = regex::weight(&regex);
        self.known.insert(key, Known { regex: regex.clone(), height, weight });
        Ok(regex)
    }

    fn reach(&mut self, place: Place, depth: usize) -> Parsed<()> {
        self.deepest = self.deepest.max(depth);
        if self.deepest > MAX_HEIGHT || self.copied > MAX_COPIED {
            return Err(too_large(place, "terminals are put together from too many others, or too deeply"));
        }
        Ok(())
    }

    pub fn choice(&mut self, modules: &Modules, module: usize, choice: &Choice) -> Parsed<Regex> {
        let place = choice.ways.first().map_or((1, 1), |way| way.place);
        self.depth += 1;
        self.reach(place, self.depth)?;
        let ways = choice.ways.iter().map(|way| self.way(modules, module, way)).collect::<Parsed<Vec<_>>>()?;
        self.depth -= 1;
        Ok(Regex::alternation(ways))
    }

    fn way(&mut self, modules: &Modules, module: usize, way: &Way) -> Parsed<Regex> {
        if way.condition.is_some() {
            return Err(invalid(way.place, "%if cannot be used in terminals"));
        }
        let mut parts = Vec::with_capacity(way.parts.len());
        for part in &way.parts {
            let terms = part.iter().map(|term| self.term(modules, module, term)).collect::<Parsed<Vec<_>>>()?;
            parts.push(Regex::concat(terms));
        }
        Ok(if parts.len() == 1 { parts.swap_remove(0) } else { Regex::And(parts) })
    }

    fn term(&mut self, modules: &Modules, module: usize, term: &Term) -> Parsed<Regex> {
        let once = self.atom(modules, module, term.place, &term.atom)?;
        Ok(match term.times {
            Some((min, max)) => once.repeat(min, max),
            None => once,
        })
    }

    pub fn atom(&mut self, modules: &Modules, module: usize, place: Place, atom: &Atom) -> Parsed<Regex> {
        let cannot = |what: &str| Err(invalid(place, format!("{what} cannot be used in terminals")));
        match atom {
            Atom::Name { number: Some(_), .. } => cannot("rules with a number"),
            Atom::Name { name, number: None } if is_terminal(name) => self.named(modules, module, place, name),
            Atom::Name { .. } => cannot("rules"),
            Atom::Call { .. } => cannot("templates"),
            Atom::Token(_) => cannot("special tokens"),
            Atom::Grammar(_) => cannot("references to grammars"),
            Atom::Json(_) => cannot("%json"),
            Atom::Nested(_) => cannot("%lark"),
            Atom::Group(choice) => self.choice(modules, module, choice),
            Atom::Optional(choice) => Ok(self.choice(modules, module, choice)?.repeat(0, Some(1))),
            Atom::Not(term) => {
                self.depth += 1;
                self.reach(place, self.depth)?;
                let body = self.term(modules, module, term)?;
                self.depth -= 1;
                Ok(Regex::Not(Box::new(body)))
            }
            other => literal(place, other),
        }
    }

    /// A rule that is one lexeme: lazy, with a stop or suffix, or as it is.
    pub fn lexical(
        &mut self,
        modules: &Modules,
        module: usize,
        attributes: &Attributes,
        body: &Choice,
    ) -> Parsed<Regex> {
        let regex = self.choice(modules, module, body)?;
        let shortest = |regex: Regex| Ok(Regex::Shortest(Box::new(regex)));
        if let Some((place, suffix)) = &attributes.suffix {
            let suffix = self.atom(modules, module, *place, suffix)?;
            return shortest(Regex::Concat(vec![regex, suffix]));
        }
        let Some((place, atom)) = &attributes.stop else {
            return if attributes.lazy { shortest(regex) } else { Ok(regex) };
        };
        let stop = self.atom(modules, module, *place, atom)?;
        // The end of the answer is the stop.
        if stop == Regex::Empty {
            return if attributes.lazy { shortest(regex) } else { Ok(regex) };
        }
        if regex.has_look() || stop.has_look() {
            return Err(unsupported(*place, "a stop cannot be enforced together with conditions on the text around"));
        }
        stop::before(regex, &stop).ok_or_else(|| {
            let refusal = unsupported(*place, "a stop that has many texts cannot be enforced");
            hinted(refusal, "use suffix, where the stop stays in the answer")
        })
    }
}

/// What is no name and no bracket.
fn literal(place: Place, atom: &Atom) -> Parsed<Regex> {
    match atom {
        Atom::Text { text, ignore_case: false } => Ok(Regex::text(text)),
        Atom::Text { text, ignore_case: true } => {
            regex::undecided(&format!("(?i){}", regex_syntax::escape(text)), Dialect::Rust)
                .map_err(|refusal| in_pattern(place, refusal))
        }
        Atom::Range(low, high) => Ok(Regex::Class(CharSet::new([(*low as u32, *high as u32)]))),
        Atom::Regex { pattern, flags } => pattern_of(place, pattern, flags),
        Atom::Chunks(chunks) => {
            let chunks: Vec<&str> = chunks.iter().map(|chunk| &**chunk).filter(|chunk| !chunk.is_empty()).collect();
            if chunks.len() > MAX_HEIGHT {
                return Err(too_large(place, format!("%regex has more than {MAX_HEIGHT} pieces within a terminal")));
            }
            let from = |rest: &[&str]| {
                rest.iter().rev().fold(Regex::Empty, |behind, chunk| {
                    let whole = Regex::concat(vec![Regex::text(chunk), behind]);
                    whole.repeat(0, Some(1))
                })
            };
            Ok(Regex::Alternation((0..=chunks.len()).map(|at| from(&chunks[at..])).collect()))
        }
        _ => Err(invalid(place, "this cannot be used in terminals")),
    }
}

/// An expression between slashes.
fn pattern_of(place: Place, pattern: &str, flags: &str) -> Parsed<Regex> {
    if flags.contains('l') {
        return Err(unsupported(
            place,
            "the flag \"l\" of a regular expression is not supported: it asks for a locale",
        ));
    }
    let flags: FxHashSet<char> = flags.chars().collect();
    let mut flags: Vec<char> = flags.into_iter().collect();
    flags.sort_unstable();
    let flags: String = flags.into_iter().collect();
    let whole = if flags.is_empty() { pattern.to_owned() } else { format!("(?{flags}){pattern}") };
    let refusal = match regex::undecided(&whole, Dialect::Rust) {
        Ok(regex) => return Ok(regex),
        Err(refusal) => refusal,
    };
    regex::undecided(&whole, Dialect::Python).map_err(|_| in_pattern(place, refusal))
}

fn in_pattern(place: Place, refusal: super::Diagnostic) -> super::Diagnostic {
    let message = format!("in the regular expression: {}", refusal.message);
    super::Diagnostic { message, position: Some(place), ..refusal }
}

/// A lexeme. Conditions at its end on what comes next are about the text behind it, if it has no other conditions.
pub fn lexeme(place: Place, regex: Regex) -> Parsed<Expr> {
    let whole = |regex: Regex| match regex {
        Regex::Empty => Ok(Expr::Empty),
        regex => regex::whole(regex).map_err(|refusal| super::Diagnostic { position: Some(place), ..refusal }),
    };
    let parted = edges::parted(regex.clone()).into_iter().map(|(regex, edge)| (regex::decided(regex), edge));
    let parted: Vec<_> = parted.collect();
    if parted.iter().any(|(regex, _)| regex.has_look()) {
        return whole(regex::decided(regex));
    }
    let way = |(regex, edge)| {
        let body = whole(regex)?;
        Ok(match edge {
            Some(edge) => Expr::seq(vec![body, Expr::Edge(edge)]),
            None => body,
        })
    };
    Ok(Expr::alt(parted.into_iter().map(way).collect::<Parsed<Vec<_>>>()?))
}
