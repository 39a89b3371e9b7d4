//! From a constraint to its automaton: what can be refused is refused here, before any text is seen.

use std::sync::Arc;

use super::{Constraint, Diagnostic, Formats, JsonSchema, KeyOrder, Policy, Whitespace, json_schema};
use crate::{
    automaton::{
        json::{Machine, Style},
        lexical::{Known, StringCache, unescape::Spelling},
    },
    budget::{Budget, Limits},
    schema::SchemaSet,
};

/// What automata of one constraint are made from. Cheap to clone.
#[derive(Clone)]
pub struct Blueprint {
    set: Arc<SchemaSet>,
    strings: Arc<StringCache>,
    style: Style,
    limits: Limits,
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
    ) -> Result<(Self, Machine), Diagnostic> {
        let mut set = match constraint {
            Constraint::JsonObject => JsonSchema::from(r#"{"type":"object"}"#).read()?,
            Constraint::JsonSchema(schema) => schema.read()?,
        };
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
        let blueprint = Self { set, strings: strings.clone(), style, limits };
        let mut machine = blueprint.machine();
        let satisfiable = machine.satisfiable();
        machine.settle();
        if let Some(overrun) = machine.fault() {
            let pointer = machine.blamed().map(|schema| blueprint.set.pointer(schema));
            return Err(json_schema::too_large(overrun, pointer));
        }
        if !satisfiable {
            return Err(machine.conflict().into());
        }
        Ok((blueprint, machine))
    }

    /// An automaton that knows nothing yet.
    pub fn machine(&self) -> Machine {
        Machine::new(self.set.clone(), self.strings.clone(), self.style, Budget::new(self.limits))
    }

    /// Keywords that demand nothing and were read as annotations, by JSON pointer.
    pub fn annotations(&self) -> &[String] {
        self.set.annotations()
    }
}
