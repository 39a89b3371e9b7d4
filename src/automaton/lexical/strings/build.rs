//! From a formula to a language.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::super::ecma::PatternError;
use super::super::expr::Expr;
use super::dfa::{Rule, StringDfa};
use super::formula::{self, Atom};
use super::machine::{Machine, MachineKind, TextGrammar};
use super::nfa::Nfa;
use super::product::{Part, Product};
use super::subset::Subset;
use super::{LengthBounds, StringAtom};

/// A pattern, ready for use: an automaton, and bounds on the length that a text must keep besides.
#[derive(Clone, Debug)]
pub struct Compiled {
    pub nfa: Arc<Nfa>,
    pub length: Option<LengthBounds>,
}

/// Where compiled patterns come from.
pub type Compiler<'a> = &'a dyn Fn(&str) -> Result<Compiled, PatternError>;

/// Builds the automaton of `require`, reporting `watch`.
pub fn build(
    require: &Expr<StringAtom>,
    watch: &[Expr<StringAtom>],
    compile: Compiler<'_>,
) -> Result<StringDfa, PatternError> {
    let require = formula::merge_literals(require);
    let finite = candidates(&require).map(|texts| filter(&require, texts, compile)).transpose()?;
    let require = match finite {
        Some(texts) if texts.is_empty() => Expr::False,
        Some(texts) => Expr::Atom(StringAtom::Literals(texts.into())),
        None => require,
    };
    let mut parts = Parts::new(compile);
    let require = parts.resolve(&require)?;
    let watch = watch.iter().map(|formula| parts.resolve(formula)).collect::<Result<Vec<_>, _>>()?;
    let thresholds = formula::thresholds(watch.iter().chain([&require]));
    let (lengths, size) = (thresholds.len(), formula::size(&require));
    if lengths.saturating_mul(size) > MAX_STEPS {
        let message =
            format!("{lengths} bounds on the length of one string, in a formula of {size} parts, are too many");
        return Err(PatternError::new(0, message));
    }
    let top = thresholds.last().copied().unwrap_or(0);
    let (segments, conditions) = formula::segments(&require);
    let rule = Rule { segments, conditions, watch, top };
    let patterns = parts.patterns.into_iter().map(|compiled| Subset::new(compiled.nfa)).collect();
    let machines = parts.machines.iter().map(Made::machine).collect();
    Ok(StringDfa::new(Product::new(&parts.lists, patterns, machines), rule))
}

/// Texts among which are all that the formula admits, if the formula lists them.
fn candidates(formula: &Expr<StringAtom>) -> Option<Vec<Box<str>>> {
    match formula {
        Expr::Atom(StringAtom::Literals(texts)) => Some(texts.to_vec()),
        Expr::And(parts) => parts.iter().filter_map(candidates).min_by_key(Vec::len),
        Expr::Or(parts) | Expr::One(parts) => {
            parts.iter().try_fold(Vec::new(), |all, part| Some([all, candidates(part)?].concat()))
        }
        _ => None,
    }
}

/// The texts that the formula admits.
fn filter(
    formula: &Expr<StringAtom>,
    mut texts: Vec<Box<str>>,
    compile: Compiler<'_>,
) -> Result<Vec<Box<str>>, PatternError> {
    let mut parts = Parts::new(compile);
    let resolved = parts.resolve(formula)?;
    let mut patterns: Vec<Subset> = parts.patterns.into_iter().map(|compiled| Subset::new(compiled.nfa)).collect();
    let mut machines: Vec<Machine> = parts.machines.iter().map(Made::machine).collect();
    parts.lists.iter_mut().for_each(|list| list.sort_unstable());
    let (count, size) = (texts.len(), formula::size(&resolved));
    let mut spent = count.saturating_mul(size) > MAX_STEPS;
    texts.retain(|text| {
        !spent
            && resolved.eval(&mut |atom| match atom {
                Atom::Length(bounds) => bounds.contains(text.chars().count().try_into().unwrap_or(u32::MAX)),
                Atom::Part(Part::Literals(list)) => parts.lists[*list as usize].binary_search(text).is_ok(),
                Atom::Part(Part::Pattern(k)) => {
                    patterns[*k as usize].matches(text, MAX_STEPS as u64).unwrap_or_else(|| {
                        spent = true;
                        false
                    })
                }
                Atom::Part(Part::Machine(k)) => {
                    machines[*k as usize].begin();
                    machines[*k as usize].matches(text)
                }
            })
    });
    if spent || machines.iter().any(|machine| machine.trouble().1) {
        let message =
            format!("{count} texts, held against a formula of {size} parts, take more than {MAX_STEPS} steps");
        return Err(PatternError::new(0, message));
    }
    Ok(texts)
}

/// Steps that building a language may take beside its patterns' automata.
const MAX_STEPS: usize = 5_000_000;

/// What a machine is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Made {
    Kind(MachineKind),
    Grammar(TextGrammar),
}

impl Made {
    fn machine(&self) -> Machine {
        match self {
            Self::Kind(kind) => Machine::new(*kind),
            Self::Grammar(grammar) => Machine::of_grammar(grammar),
        }
    }
}

/// The components that formulas need, numbered.
struct Parts<'a> {
    compile: Compiler<'a>,
    lists: Vec<Vec<Box<str>>>,
    list_index: FxHashMap<Arc<[Box<str>]>, u32>,
    patterns: Vec<Compiled>,
    pattern_index: FxHashMap<Arc<str>, u32>,
    machines: Vec<Made>,
}

impl<'a> Parts<'a> {
    fn new(compile: Compiler<'a>) -> Self {
        Self {
            compile,
            lists: Vec::new(),
            list_index: FxHashMap::default(),
            patterns: Vec::new(),
            pattern_index: FxHashMap::default(),
            machines: Vec::new(),
        }
    }

    fn resolve(&mut self, formula: &Expr<StringAtom>) -> Result<Expr<Atom>, PatternError> {
        let mut failure = None;
        let resolved = formula::map(formula, &mut |atom| {
            self.atom(atom).unwrap_or_else(|error| {
                failure.get_or_insert(error);
                Expr::False
            })
        });
        failure.map_or(Ok(formula::simplify(&resolved)), Err)
    }

    fn machine(&mut self, made: Made) -> Expr<Atom> {
        let number = self.machines.iter().position(|other| *other == made).unwrap_or_else(|| {
            self.machines.push(made);
            self.machines.len() - 1
        });
        Expr::Atom(Atom::Part(Part::Machine(number as u32)))
    }

    fn atom(&mut self, atom: &StringAtom) -> Result<Expr<Atom>, PatternError> {
        Ok(match atom {
            StringAtom::Length(bounds) if bounds.max.is_some_and(|max| max < bounds.min) => Expr::False,
            StringAtom::Length(LengthBounds { min: 0, max: None }) => Expr::True,
            StringAtom::Length(bounds) => Expr::Atom(Atom::Length(*bounds)),
            StringAtom::Literals(texts) if texts.is_empty() => Expr::False,
            StringAtom::Literals(texts) => {
                let fresh = self.lists.len() as u32;
                let list = *self.list_index.entry(Arc::clone(texts)).or_insert(fresh);
                if list == fresh {
                    self.lists.push(texts.to_vec());
                }
                Expr::Atom(Atom::Part(Part::Literals(list)))
            }
            StringAtom::Format(name) => {
                return Err(PatternError::new(0, format!("the format {name:?} has no language")));
            }
            StringAtom::Machine(kind) => self.machine(Made::Kind(*kind)),
            StringAtom::Grammar(grammar) => self.machine(Made::Grammar(grammar.clone())),
            StringAtom::Pattern(pattern) => {
                let number = match self.pattern_index.get(pattern) {
                    Some(&number) => number,
                    None => {
                        self.patterns.push((self.compile)(pattern)?);
                        let number = self.patterns.len() as u32 - 1;
                        self.pattern_index.insert(Arc::clone(pattern), number);
                        number
                    }
                };
                let part = Expr::Atom(Atom::Part(Part::Pattern(number)));
                match self.patterns[number as usize].length {
                    None => part,
                    Some(bounds) => Expr::And(vec![part, Expr::Atom(Atom::Length(bounds))]),
                }
            }
        })
    }
}
