//! Rules, and the way from what is written to the grammar.

use std::{collections::HashMap, rc::Rc};

use rustc_hash::FxHashMap;

use super::super::builtin;
use super::{
    Parsed, Place, hinted, invalid, layout, lazy,
    list::Listed,
    module::Modules,
    syntax::{Atom, Choice, Definition, Document, Term, Way, is_terminal},
    terminals::{Terminals, lexeme},
    too_large, unsupported,
};
use crate::{
    frontend::regular::{self, Regular},
    grammar::{Builder, CharSet, Expr, Grammar, Look, Regex, RuleId},
};

/// Rules out of templates and of rules with a number.
const MAX_INSTANCES: usize = 20_000;
/// Parts of what a template is called with.
const MAX_ARGUMENT: usize = 1_000;
/// Names that a message lists.
const NAMED: usize = 8;

/// The grammar of a document; `listed` are others that it may refer to.
pub fn grammar(document: &Document, start: &str, listed: FxHashMap<Box<str>, Listed>) -> Parsed<Grammar> {
    let mut maker = Maker { listed, ..Maker::default() };
    let module = maker.modules.add(document)?;
    let Some((_, definition)) = maker.modules.find(module, start) else {
        let names = maker.names(document);
        let refusal = invalid((1, 1), format!("there is no rule \"{start}\", with which an answer begins"));
        return Err(if names.is_empty() { refusal } else { hinted(refusal, format!("rules are {names}")) });
    };
    if definition.takes_number || !definition.parameters.is_empty() {
        return Err(invalid(definition.place, format!("an answer cannot begin with \"{start}\": it has parameters")));
    }
    let first = maker.start(module, definition.place, start)?;
    maker.work()?;
    maker.shorten()?;
    lazy::committed(maker.builder.finish(first))
}

/// A rule, and what it is called with.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    module: usize,
    name: Box<str>,
    number: Option<u64>,
    arguments: Rc<[Term]>,
}

#[derive(Default)]
struct Maker {
    modules: Modules,
    terminals: Terminals,
    builder: Builder,
    made: FxHashMap<Key, RuleId>,
    /// Rules whose bodies are still to be made.
    todo: Vec<(Key, RuleId)>,
    instances: usize,
    /// What is ignored, by module.
    skips: FxHashMap<usize, Option<RuleId>>,
    nested: HashMap<*const Document, usize>,
    /// Grammars to refer to, and those that were.
    listed: FxHashMap<Box<str>, Listed>,
    referred: FxHashMap<Box<str>, usize>,
    /// Rules of more than terminals, of which no more than so many characters are read.
    short: Vec<(RuleId, Place, u32)>,
}

/// Where a body stands.
struct Around<'a> {
    module: usize,
    number: Option<u64>,
    parameters: &'a [Box<str>],
    arguments: &'a [Term],
}

impl Around<'_> {
    fn argument(&self, name: &str) -> Option<&Term> {
        self.parameters.iter().position(|parameter| &**parameter == name).and_then(|at| self.arguments.get(at))
    }
}

impl Maker {
    fn names(&self, document: &Document) -> String {
        let names = document.statements.iter().filter_map(|statement| match statement {
            super::syntax::Statement::Define(definition) => Some(format!("\"{}\"", definition.name)),
            _ => None,
        });
        names.take(NAMED).collect::<Vec<_>>().join(", ")
    }

    fn work(&mut self) -> Parsed<()> {
        while let Some((key, rule)) = self.todo.pop() {
            let Some((home, definition)) = self.modules.find(key.module, &key.name) else { continue };
            let body = if is_terminal(&key.name) {
                let regex = self.terminals.named(&self.modules, key.module, definition.place, &key.name)?;
                lexeme(definition.place, regex)?
            } else {
                self.rule_body(home, &definition, &key, rule)?
            };
            self.builder.define(rule, body);
        }
        Ok(())
    }

    fn rule_body(&mut self, home: usize, definition: &Rc<Definition>, key: &Key, rule: RuleId) -> Parsed<Expr> {
        let body = match definition.attributes.max_chars {
            Some(most) if definition.is_of_terminals() => self.short_body(home, definition, most)?,
            Some(most) => {
                self.short.push((rule, definition.place, most));
                self.whole_body(home, definition, key)?
            }
            None => self.whole_body(home, definition, key)?,
        };
        match definition.attributes.max_tokens {
            None => Ok(body),
            Some(_) if definition.takes_number => {
                Err(invalid(definition.place, "a rule with a number has no max_tokens"))
            }
            Some(most) => Ok(body.cut_at(most)),
        }
    }

    /// The texts of a rule of terminals, cut where so many characters have come.
    fn short_body(&mut self, home: usize, definition: &Definition, most: u32) -> Parsed<Expr> {
        let regex = self.terminals.lexical(&self.modules, home, &definition.attributes, &definition.body)?;
        let cut = regular::cut(regex, most).ok_or_else(|| uncuttable(definition.place))?;
        self.lexeme(home, definition.place, cut)
    }

    /// Cuts the rules that are of more than terminals.
    fn shorten(&mut self) -> Parsed<()> {
        if self.short.is_empty() {
            return Ok(());
        }
        let limits: FxHashMap<RuleId, u32> = self.short.iter().map(|(rule, _, most)| (*rule, *most)).collect();
        let rule = |(id, body)| {
            (id, regular::Rule { body, lazy: false, max_chars: limits.get(&id).copied(), counts_tokens: false })
        };
        let mut regular = Regular::new(self.builder.bodies().map(rule).collect());
        let mut cut = Vec::with_capacity(self.short.len());
        for (rule, place, _) in &self.short {
            cut.push((*rule, regular.texts(*rule).ok_or_else(|| uncuttable(*place))?));
        }
        for (rule, regex) in cut {
            self.builder.define(rule, Expr::Lexeme(regex));
        }
        Ok(())
    }

    /// The texts of a rule, however many tokens they have.
    fn whole_body(&mut self, home: usize, definition: &Rc<Definition>, key: &Key) -> Parsed<Expr> {
        if definition.attributes.is_lexical() {
            let regex = self.terminals.lexical(&self.modules, home, &definition.attributes, &definition.body)?;
            return self.lexeme(home, definition.place, regex);
        }
        if definition.takes_number && !needs_number(&definition.body) {
            let message = format!("the rule \"{}\" has a number and makes no use of it", definition.name);
            return Err(invalid(definition.place, message));
        }
        let around =
            Around { module: home, number: key.number, parameters: &definition.parameters, arguments: &key.arguments };
        self.choice(&around, &definition.body)
    }

    /// The rule that a call means.
    fn rule(&mut self, place: Place, key: Key) -> Parsed<RuleId> {
        if let Some(rule) = self.made.get(&key) {
            return Ok(*rule);
        }
        if key.number.is_some() || !key.arguments.is_empty() {
            self.instances += 1;
            let mut parts = 0;
            key.arguments.iter().for_each(|term| term.atoms(&mut |_| parts += 1));
            if self.instances > MAX_INSTANCES || parts > MAX_ARGUMENT {
                let message = format!("\"{}\" is called in more ways than {MAX_INSTANCES}, or with too much", key.name);
                return Err(too_large(place, message));
            }
        }
        let rule = self.builder.unnamed(&key.name);
        self.made.insert(key.clone(), rule);
        self.todo.push((key, rule));
        Ok(rule)
    }

    fn start(&mut self, module: usize, place: Place, name: &str) -> Parsed<RuleId> {
        let key = Key { module, name: name.into(), number: None, arguments: Rc::new([]) };
        let rule = self.rule(place, key)?;
        if !self.modules.0[module].initial_skip {
            return Ok(rule);
        }
        let Some(skip) = self.skip(module)? else { return Ok(rule) };
        let first = self.builder.unnamed(name);
        self.builder.define(first, Expr::Seq(vec![Expr::Rule(skip).repeat(0, Some(1)), Expr::Rule(rule)]));
        Ok(first)
    }

    /// The rule of what is ignored.
    fn skip(&mut self, module: usize) -> Parsed<Option<RuleId>> {
        if let Some(skip) = self.skips.get(&module) {
            return Ok(*skip);
        }
        let ignored = self.modules.0[module].ignored.clone();
        let mut ways = Vec::new();
        for (place, choice) in &ignored {
            ways.push(lexeme(*place, self.terminals.choice(&self.modules, module, choice)?)?);
        }
        let skip = if ways.is_empty() {
            None
        } else {
            let skip = self.builder.unnamed("%ignore");
            let once = Expr::alt(ways);
            let body = if self.modules.0[module].skips_once { once } else { once.repeat(1, None) };
            self.builder.define(skip, body);
            Some(skip)
        };
        self.skips.insert(module, skip);
        Ok(skip)
    }

    /// What is ignored, and then this.
    fn behind_skip(&mut self, module: usize, body: Expr) -> Parsed<Expr> {
        Ok(match self.skip(module)? {
            Some(skip) => Expr::Seq(vec![Expr::Ignore(skip), body]),
            None => body,
        })
    }

    /// A lexeme in a rule. An empty one has nothing ignored before it, or else that would stand at the end of answers.
    fn lexeme(&mut self, module: usize, place: Place, regex: Regex) -> Parsed<Expr> {
        if regex == Regex::Empty || self.skip(module)?.is_none() {
            return lexeme(place, regex);
        }
        if !regex.is_nullable() {
            let body = lexeme(place, regex)?;
            return self.behind_skip(module, body);
        }
        let some = if regex.has_look() {
            let any = Box::new(Regex::Class(CharSet::all()));
            Regex::Concat(vec![Regex::Look(Look::Ahead { body: any, negated: false }), regex])
        } else {
            Regex::And(vec![regex, Regex::Not(Box::new(Regex::Empty))])
        };
        let some = lexeme(place, some)?;
        Ok(Expr::Alt(vec![Expr::Empty, self.behind_skip(module, some)?]))
    }

    fn choice(&mut self, around: &Around, choice: &Choice) -> Parsed<Expr> {
        let mut ways = Vec::with_capacity(choice.ways.len());
        for way in &choice.ways {
            if let Some(condition) = &way.condition {
                let Some(number) = around.number else {
                    return Err(invalid(way.place, "%if asks for the rule's number, and the rule has none"));
                };
                if !condition.holds(number) {
                    continue;
                }
            }
            ways.push(self.way(around, way)?);
        }
        Ok(Expr::alt(ways))
    }

    fn way(&mut self, around: &Around, way: &Way) -> Parsed<Expr> {
        let [part] = &way.parts[..] else {
            let hint = "define a terminal, in large letters, and use it here";
            return Err(hinted(invalid(way.place, "\"&\" is for terminals, not for rules"), hint));
        };
        let terms = part.iter().map(|term| self.term(around, term)).collect::<Parsed<Vec<_>>>()?;
        Ok(Expr::seq(terms))
    }

    fn term(&mut self, around: &Around, term: &Term) -> Parsed<Expr> {
        let once = self.atom(around, term.place, &term.atom)?;
        Ok(match term.times {
            Some((min, max)) => once.repeat(min, max),
            None => once,
        })
    }

    fn atom(&mut self, around: &Around, place: Place, atom: &Atom) -> Parsed<Expr> {
        let module = around.module;
        match atom {
            Atom::Name { name, number: None } if around.argument(name).is_some() => {
                let Some(argument) = around.argument(name).cloned() else { return Ok(Expr::Empty) };
                // It means what it meant where the template was called.
                let outside = Around { module, number: around.number, parameters: &[], arguments: &[] };
                self.atom(&outside, argument.place, &argument.atom)
            }
            Atom::Name { name, number: None } if is_terminal(name) => {
                let regex = self.terminals.named(&self.modules, module, place, name)?;
                if regex.is_nullable() && self.skip(module)?.is_some() {
                    return self.lexeme(module, place, regex);
                }
                let key = Key { module, name: name.clone(), number: None, arguments: Rc::new([]) };
                let rule = self.rule(place, key)?;
                self.behind_skip(module, Expr::Rule(rule))
            }
            Atom::Name { name, number } => {
                let number = self.number_for(around, place, name, *number)?;
                let key = Key { module, name: name.clone(), number, arguments: Rc::new([]) };
                Ok(Expr::Rule(self.rule(place, key)?))
            }
            Atom::Call { name, arguments } => self.call(around, place, name, arguments),
            Atom::Token(class) => self.behind_skip(module, Expr::Token(class.clone())),
            Atom::Grammar(name) => self.listed(module, place, name),
            Atom::Json(schema) => self.behind_skip(module, Expr::Json(layout::json(place, schema)?)),
            Atom::Chunks(chunks) => self.chunks(module, chunks),
            Atom::Nested(document) => {
                let number = match self.nested.get(&Rc::as_ptr(document)) {
                    Some(number) => *number,
                    None => {
                        let number = self.modules.add(document)?;
                        self.nested.insert(Rc::as_ptr(document), number);
                        number
                    }
                };
                if self.modules.find(number, super::START).is_none() {
                    return Err(invalid(place, "a nested grammar has no rule \"start\""));
                }
                Ok(Expr::Rule(self.start(number, place, super::START)?))
            }
            Atom::Group(choice) => self.choice(around, choice),
            Atom::Optional(choice) => Ok(self.choice(around, choice)?.repeat(0, Some(1))),
            Atom::Not(_) => Err(invalid(place, "\"~\" is for terminals, not for rules")),
            Atom::Text { .. } | Atom::Range(..) | Atom::Regex { .. } => {
                let regex = self.terminals.atom(&self.modules, module, place, atom)?;
                self.lexeme(module, place, regex)
            }
        }
    }

    /// Another grammar: of the list, or one that comes with the engine.
    fn listed(&mut self, module: usize, place: Place, name: &str) -> Parsed<Expr> {
        let within = |refusal: super::Diagnostic| {
            let message = format!("in the grammar \"@{name}\": {}", refusal.message);
            super::Diagnostic { message, ..refusal }
        };
        let document = match self.listed.get(name) {
            None => {
                let Some(text) = builtin::find(name) else {
                    let built_in = builtin::unknown(name).hint.unwrap_or_default();
                    let hint =
                        format!("put it in its place with %lark {{ }} or %json {{ }}; of those built in, {built_in}");
                    return Err(hinted(invalid(place, format!("there is no grammar \"@{name}\" to refer to")), hint));
                };
                let document = Rc::new(super::parse::parse(text).map_err(within)?);
                self.listed.insert(name.into(), Listed::Lark(document.clone()));
                document
            }
            Some(Listed::Json(schema)) => {
                let json = layout::json(place, schema).map_err(within)?;
                return self.behind_skip(module, Expr::Json(json));
            }
            Some(Listed::Lark(document)) => document.clone(),
        };
        let number = match self.referred.get(name) {
            Some(number) => *number,
            None => {
                let number = self.modules.add(&document).map_err(within)?;
                self.referred.insert(name.into(), number);
                number
            }
        };
        if self.modules.find(number, super::START).is_none() {
            return Err(invalid(place, format!("the grammar \"@{name}\" has no rule \"start\"")));
        }
        Ok(Expr::Rule(self.start(number, place, super::START)?))
    }

    /// The number that a rule is called with.
    fn number_for(
        &self,
        around: &Around,
        place: Place,
        name: &str,
        number: Option<super::parametric::Number>,
    ) -> Parsed<Option<u64>> {
        let Some((_, definition)) = self.modules.find(around.module, name) else {
            let refusal = invalid(place, format!("there is no rule \"{name}\""));
            return Err(self.modules.suggested(refusal, around.module, name));
        };
        if !definition.parameters.is_empty() {
            let message = format!("\"{name}\" is a template: it needs {} arguments", definition.parameters.len());
            return Err(invalid(place, message));
        }
        match (definition.takes_number, number) {
            (false, None) => Ok(None),
            (true, None) => Err(invalid(place, format!("the rule \"{name}\" is called without its number"))),
            (false, Some(_)) => Err(invalid(place, format!("the rule \"{name}\" takes no number"))),
            (true, Some(number)) => match around.number {
                None if number.is_relative() => {
                    Err(invalid(place, format!("\"{name}\" is called with the rule's number, and the rule has none")))
                }
                own => Ok(Some(number.of(own.unwrap_or(0)))),
            },
        }
    }

    /// A template with its arguments.
    fn call(&mut self, around: &Around, place: Place, name: &str, arguments: &[Term]) -> Parsed<Expr> {
        let name = match around.argument(name).map(|term| &term.atom) {
            None => name,
            Some(Atom::Name { name, number: None }) => name,
            Some(_) => return Err(invalid(place, format!("\"{name}\" stands for no template here"))),
        };
        let Some((_, definition)) = self.modules.find(around.module, name) else {
            let refusal = invalid(place, format!("there is no template \"{name}\""));
            return Err(self.modules.suggested(refusal, around.module, name));
        };
        if definition.parameters.len() != arguments.len() {
            let (wanted, given) = (definition.parameters.len(), arguments.len());
            return Err(invalid(place, format!("\"{name}\" takes {wanted} arguments, not {given}")));
        }
        let arguments: Rc<[Term]> = arguments.iter().map(|term| replaced(around, term)).collect();
        let key = Key { module: around.module, name: name.into(), number: None, arguments };
        Ok(Expr::Rule(self.rule(place, key)?))
    }

    /// Neighbouring ones of these, or none: a rule for each that goes on with the next or ends.
    fn chunks(&mut self, module: usize, chunks: &[Box<str>]) -> Parsed<Expr> {
        let mut rest = None;
        let mut ways = Vec::new();
        for chunk in chunks.iter().rev().filter(|chunk| !chunk.is_empty()) {
            let rule = self.builder.unnamed("%regex");
            let behind = rest.map_or(Expr::Empty, |rest| Expr::Rule(rest).repeat(0, Some(1)));
            self.builder.define(rule, Expr::seq(vec![Expr::text(chunk), behind]));
            rest = Some(rule);
            ways.push(Expr::Rule(rule));
        }
        if ways.is_empty() {
            return Ok(Expr::Empty);
        }
        let some = self.behind_skip(module, Expr::Alt(ways))?;
        Ok(Expr::Alt(vec![Expr::Empty, some]))
    }
}

fn uncuttable(place: Place) -> super::Diagnostic {
    let refusal = unsupported(place, "max_chars cannot be held to: the rule is no regular expression that can be cut");
    hinted(refusal, "it is for rules of terminals, without \"&\", \"~\" and conditions on the text around")
}

/// An argument, with what its names stand for where the call is.
fn replaced(around: &Around, term: &Term) -> Term {
    let atom = match &term.atom {
        Atom::Name { name, number: None } => match around.argument(name) {
            Some(argument) => argument.atom.clone(),
            None => term.atom.clone(),
        },
        Atom::Call { name, arguments } => {
            let name = match around.argument(name).map(|argument| &argument.atom) {
                Some(Atom::Name { name, .. }) => name.clone(),
                _ => name.clone(),
            };
            Atom::Call { name, arguments: arguments.iter().map(|term| replaced(around, term)).collect() }
        }
        other => other.clone(),
    };
    Term { atom, ..term.clone() }
}

/// Whether anything in a body depends on the rule's number.
fn needs_number(choice: &Choice) -> bool {
    let relative = |term: &Term| match &term.atom {
        Atom::Name { number: Some(number), .. } => number.is_relative(),
        Atom::Group(choice) | Atom::Optional(choice) => needs_number(choice),
        _ => false,
    };
    choice.ways.iter().any(|way| way.condition.is_some() || way.parts.iter().flatten().any(relative))
}
