//! From a constraint to its automaton: what can be refused is refused here, before any text is seen.

use std::sync::Arc;

use super::{
    Constraint, Diagnostic, DiagnosticKind, Formats, JsonSchema, KeyOrder, Policy, Whitespace, inside, json_schema,
    regex,
};
use crate::{
    automaton::{
        Automaton,
        chart::{Embedded, Laid, Part, Plan, Signs},
        json::{Machine, Style},
        lexical::{Expr, Known, StringAtom, StringCache, StringLanguage, unescape::Spelling},
        sql::{self, Sql},
    },
    budget::{Budget, Limits, Overrun},
    grammar::{CharSet, Grammar, Layout, Look, Regex, RuleId},
    schema::SchemaSet,
};

/// What automata of one constraint are made from. Cheap to clone.
#[derive(Clone)]
pub struct Blueprint {
    source: Source,
    limits: Limits,
    /// Special tokens that whoever wrote the constraint asks for by name.
    named: Arc<[Box<str>]>,
}

#[derive(Clone)]
enum Source {
    Json(JsonSource),
    Grammar(Planned),
    Sql(Arc<sql::Plan>),
}

/// A grammar, and what is embedded in it.
#[derive(Clone)]
pub(super) struct Planned {
    pub plan: Plan,
    pub sources: Arc<[PartSource]>,
}

#[derive(Clone)]
pub(super) enum PartSource {
    Json(JsonSource),
    Laid(JsonSource, Signs),
    Text(Arc<StringLanguage>),
}

#[derive(Clone)]
pub(super) struct JsonSource {
    set: Arc<SchemaSet>,
    /// The meaning of what is written in it.
    written: Arc<[StringAtom]>,
    strings: Arc<StringCache>,
    style: Style,
}

impl Blueprint {
    /// Reads a constraint and makes its first automaton. Cost: about that of parsing the constraint.
    ///
    /// # Errors
    /// Whatever cannot be enforced exactly, is unsatisfiable or malformed is refused, with its place.
    pub fn new(
        constraint: &Constraint,
        policy: Policy,
        limits: Limits,
        strings: &Arc<StringCache>,
    ) -> Result<(Self, Automaton), Diagnostic> {
        match constraint {
            Constraint::JsonObject => {
                Self::of_schema(&JsonSchema::from(r#"{"type":"object"}"#), policy, limits, strings)
            }
            Constraint::JsonSchema(schema) => Self::of_schema(schema, policy, limits, strings),
            Constraint::Written(written) => {
                let grammar = written.read()?;
                let (blueprint, automaton) = Self::of_grammar(&grammar, policy, limits, strings)?;
                let named = grammar.named_tokens().into_iter().map(Into::into).collect();
                Ok((Self { named, ..blueprint }, automaton))
            }
            Constraint::Built(grammar) => Self::of_grammar(grammar, policy, limits, strings),
            Constraint::Sql(demand) => {
                let plan = Arc::new(demand.read()?.narrowed(policy.plain));
                let machine = Sql::new(plan.clone(), Budget::new(limits));
                let blueprint = Self { source: Source::Sql(plan), limits, named: Arc::default() };
                Ok((blueprint, Automaton::Sql(Box::new(machine))))
            }
        }
    }

    fn of_schema(
        schema: &JsonSchema,
        policy: Policy,
        limits: Limits,
        strings: &Arc<StringCache>,
    ) -> Result<(Self, Automaton), Diagnostic> {
        let (source, machine) = JsonSource::new(schema, policy, limits, strings)?;
        Ok((Self { source: Source::Json(source), limits, named: Arc::default() }, Automaton::Json(Box::new(machine))))
    }

    fn of_grammar(
        grammar: &Grammar,
        policy: Policy,
        limits: Limits,
        strings: &Arc<StringCache>,
    ) -> Result<(Self, Automaton), Diagnostic> {
        let planned = Planned::new(grammar, policy, limits, strings)?;
        let chart = planned.plan.chart(parts_of(&planned.sources, limits), limits);
        let source = Source::Grammar(planned);
        Ok((Self { source, limits, named: Arc::default() }, Automaton::Chart(Box::new(chart))))
    }

    /// Special tokens that the constraint as it was written asks for by name.
    pub fn named_tokens(&self) -> &[Box<str>] {
        &self.named
    }

    /// An automaton that knows nothing yet.
    pub fn automaton(&self) -> Automaton {
        match &self.source {
            Source::Json(source) => Automaton::Json(Box::new(source.machine(self.limits))),
            Source::Sql(plan) => Automaton::Sql(Box::new(Sql::new(plan.clone(), Budget::new(self.limits)))),
            Source::Grammar(Planned { plan, sources }) => {
                Automaton::Chart(Box::new(plan.chart(parts_of(sources, self.limits), self.limits)))
            }
        }
    }

    /// A model's tokens are counted: a text alone does not tell whether it satisfies the constraint.
    pub fn counts_tokens(&self) -> bool {
        matches!(&self.source, Source::Grammar(planned) if planned.plan.counts_tokens())
    }

    /// Keywords that demand nothing and were read as annotations, by JSON pointer.
    pub fn annotations(&self) -> &[String] {
        match &self.source {
            Source::Json(source) => source.set.annotations(),
            Source::Grammar(_) | Source::Sql(_) => &[],
        }
    }
}

impl Planned {
    /// # Errors
    /// What cannot be enforced, has no text or takes too much.
    pub fn new(
        grammar: &Grammar,
        policy: Policy,
        limits: Limits,
        strings: &Arc<StringCache>,
    ) -> Result<Self, Diagnostic> {
        let plain =
            grammar.without_edges().map_err(|fault| Diagnostic::new(DiagnosticKind::Unsupported, fault.to_string()))?;
        let grammar = plain.as_ref().unwrap_or(grammar);
        let plan = Plan::new(grammar, limits).map_err(|overrun| grammar_too_large(&overrun))?;
        if plan.unproductive().contains(&grammar.start()) {
            return Err(without_text(grammar, plan.unproductive()));
        }
        if plan.counts_in_circles() {
            let message =
                "max_tokens cannot be held to in a rule that begins with itself: its tokens hang on the reading";
            let why = Diagnostic::new(DiagnosticKind::Unsupported, message);
            return Err(why.hinted("put max_tokens on a rule that calls this one"));
        }
        let sources = plan.embedded().iter().map(|embedded| PartSource::new(embedded, policy, limits, strings));
        let sources = sources.collect::<Result<_, _>>()?;
        Ok(Self { plan, sources })
    }
}

impl PartSource {
    fn new(
        embedded: &Embedded,
        policy: Policy,
        limits: Limits,
        strings: &Arc<StringCache>,
    ) -> Result<Self, Diagnostic> {
        match embedded {
            Embedded::Json(json) => {
                let schema = JsonSchema::from(&*json.schema);
                let compact = Policy { whitespace: Whitespace::Compact, ..policy };
                match &json.layout {
                    None => JsonSource::new(&schema, policy, limits, strings).map(|(source, _)| Self::Json(source)),
                    Some(layout) => {
                        let signs = signs(layout, policy, strings)?;
                        let (source, _) = JsonSource::new(&schema, compact, limits, strings)?;
                        Ok(Self::Laid(source, signs))
                    }
                }
            }
            Embedded::Pattern(pattern) => language(pattern, strings).map(Self::Text),
        }
    }

    fn part(&self, limits: Limits) -> Part {
        match self {
            Self::Json(source) => Part::Json(Box::new(source.machine(limits))),
            Self::Laid(source, signs) => Part::Laid(Box::new(Laid::new(source.machine(limits), signs.clone()))),
            Self::Text(language) => Part::Text(language.clone()),
        }
    }
}

/// Automata of what is embedded, which know nothing yet.
pub(super) fn parts_of(sources: &[PartSource], limits: Limits) -> Vec<Part> {
    sources.iter().map(|source| source.part(limits)).collect()
}

impl JsonSource {
    fn new(
        schema: &JsonSchema,
        policy: Policy,
        limits: Limits,
        strings: &Arc<StringCache>,
    ) -> Result<(Self, Machine), Diagnostic> {
        let mut set = schema.read()?;
        set.keep_formats(|name| policy.formats == Formats::Assert && strings.formats().get(name).is_some());
        let set = Arc::new(set);
        for (name, schema) in set.formats() {
            if let Some(Known::Refused(reason)) = strings.formats().get(name) {
                return Err(json_schema::format_refused(name, reason, set.pointer(schema)));
            }
        }
        for (pattern, schema) in set.patterns() {
            let refused = |error| json_schema::pattern_refused(&error, set.pointer(schema));
            strings.check_pattern(&pattern).map_err(refused)?;
        }
        let style = Style {
            ordered: policy.key_order == KeyOrder::Schema,
            spaced: policy.whitespace == Whitespace::Flexible,
            indented: policy.whitespace == Whitespace::Indented,
            plain: policy.plain,
            spelling: if policy.plain { Spelling::Shortest } else { Spelling::Any },
        };
        let written = set.written().iter().map(|inside| inside::atom(inside, policy, limits, strings));
        let written = written.collect::<Result<_, _>>()?;
        let source = Self { set, written, strings: strings.clone(), style };
        let mut machine = source.machine(limits);
        let satisfiable = machine.satisfiable();
        machine.settle();
        if let Some(overrun) = machine.fault() {
            let pointer = machine.blamed().map(|schema| source.set.pointer(schema));
            return Err(json_schema::too_large(overrun, pointer));
        }
        if !satisfiable {
            return Err(machine.conflict().into());
        }
        Ok((source, machine))
    }

    fn machine(&self, limits: Limits) -> Machine {
        Machine::new(self.set.clone(), self.written.clone(), self.strings.clone(), self.style, Budget::new(limits))
    }
}

/// The texts that a pattern matches, which begins with `^` and ends with `$`.
fn language(pattern: &str, strings: &StringCache) -> Result<Arc<StringLanguage>, Diagnostic> {
    let atom = StringAtom::Pattern(pattern.into());
    let language = strings.language(&Expr::Atom(atom), &[]).map_err(|error| {
        let message = format!("the regular expression cannot be enforced: {}", error.message);
        Diagnostic::new(DiagnosticKind::TooLarge, message)
    })?;
    if language.lock().start().is_none() {
        return Err(Diagnostic::new(DiagnosticKind::Unsatisfiable, "the regular expression matches no text"));
    }
    Ok(language)
}

/// What stands between the parts of a JSON text. Generation chooses whitespace as the policy says; signs are the layout's.
fn signs(layout: &Layout, policy: Policy, strings: &StringCache) -> Result<Signs, Diagnostic> {
    let blank = layout.blank.as_ref().filter(|_| policy.whitespace == Whitespace::Flexible);
    let maybe = || blank.map_or(Regex::Empty, |blank| blank.clone().repeat(0, Some(1)));
    let around = |sign: &Regex| language(&regex::print(&Regex::Concat(vec![maybe(), sign.clone(), maybe()]))?, strings);
    let blank = match blank {
        Some(blank) => {
            let some = Regex::Look(Look::Ahead { body: Box::new(Regex::Class(CharSet::all())), negated: false });
            Some(language(&regex::print(&Regex::Concat(vec![some, blank.clone()]))?, strings)?)
        }
        None => None,
    };
    Signs::new(around(&layout.item)?, around(&layout.key)?, blank).map_err(|why| {
        let message = format!("a separator of x-guidance cannot be enforced: {why}");
        Diagnostic::new(DiagnosticKind::Unsupported, message)
            .hinted("choose one that cannot be taken for a part of a value")
    })
}

fn grammar_too_large(overrun: &Overrun) -> Diagnostic {
    let message = format!("the grammar cannot be enforced within its limits: {overrun}");
    Diagnostic::new(DiagnosticKind::TooLarge, message)
}

/// Rules that a message names.
const NAMED: usize = 4;

/// The first rule has no text: it, and others that have none, by name.
fn without_text(grammar: &Grammar, unproductive: &[RuleId]) -> Diagnostic {
    let others = unproductive.iter().filter(|rule| **rule != grammar.start());
    let others: Vec<String> = others.take(NAMED).map(|rule| format!("\"{}\"", grammar.rule(*rule).name)).collect();
    let also = if others.is_empty() { String::new() } else { format!("; nor has {}", others.join(", ")) };
    let message = format!("no text matches the rule \"{}\"{also}", grammar.rule(grammar.start()).name);
    Diagnostic::new(DiagnosticKind::Unsatisfiable, message)
        .hinted("a rule that always calls itself never comes to an end: give it a way out")
}
