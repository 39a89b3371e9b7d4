//! From keywords to formulas over what is left to be seen of a value whose kind is known.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::{
    formula::{Formula, Formulas, Node},
    intern::Texts,
};
use crate::{
    automaton::lexical::{Expr, LengthBounds, NumberAtom, StringAtom},
    budget::Budget,
    schema::{Keyword, Literals, SchemaId, SchemaSet, TypeSet},
};

/// What the first byte of a value tells about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Null,
    False,
    True,
    Number,
    String,
    Array,
    Object,
}

impl Kind {
    pub const ALL: [Self; 7] =
        [Self::Null, Self::False, Self::True, Self::Number, Self::String, Self::Array, Self::Object];

    /// The text of `null`, `false` or `true`.
    pub fn word(self) -> &'static [u8] {
        match self {
            Self::Null => b"null",
            Self::False => b"false",
            Self::True => b"true",
            Self::Number | Self::String | Self::Array | Self::Object => b"",
        }
    }
}

/// A condition on one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Atom {
    /// The value satisfies a schema; its kind is not known yet.
    Schema(SchemaId),
    /// The keyword at this index of a schema holds: a bound, a pattern, a length, literals; of an object, all children
    /// that a `Properties` keyword speaks of are valid, or all names; of an array, all children of an `Items` keyword.
    Keyword(SchemaId, u32),
    /// The number is an integer.
    Integer,
    /// The number is an integer and written as one.
    IntegerAsWritten,
    /// So many properties or items, at least.
    MinCount(u32),
    /// So many properties or items, at most.
    MaxCount(u32),
    /// The object has this key (a text's number).
    Required(u32),
    /// So many more items satisfy a schema.
    Contains { schema: SchemaId, min: u32, max: Option<u32> },
    /// No two items are equal.
    Unique,
    /// The value is one of a list of scalars, by its index.
    Among(u32),
}

/// Formulas of one schema, made when they are first asked for.
pub struct Lowering {
    pub set: Arc<SchemaSet>,
    /// What is written in the set, read.
    written: Arc<[StringAtom]>,
    pub formulas: Formulas<Atom>,
    pub texts: Texts,
    lowered: FxHashMap<(SchemaId, Kind), Formula>,
    among: Vec<Literals>,
    /// Where the work was when the budget ran out, as far as that is known.
    pub blamed: Option<SchemaId>,
}

impl Lowering {
    pub fn new(set: Arc<SchemaSet>, written: Arc<[StringAtom]>, budget: Budget) -> Self {
        Self {
            set,
            written,
            formulas: Formulas::new(budget),
            texts: Texts::default(),
            lowered: FxHashMap::default(),
            among: Vec::new(),
            blamed: None,
        }
    }

    /// What a schema demands of a value of this kind. Ends because in-place references have no cycles.
    pub fn lower(&mut self, schema: SchemaId, kind: Kind) -> Formula {
        if let Some(formula) = self.lowered.get(&(schema, kind)) {
            return *formula;
        }
        let set = self.set.clone();
        if !self.formulas.budget.spend(1 + set.keywords(schema).len()) {
            return Formula::FALSE;
        }
        let parts = set.keywords(schema).iter().enumerate();
        let parts: Vec<Formula> =
            parts.map(|(index, keyword)| self.keyword(keyword, (schema, index as u32), kind)).collect();
        let formula = self.formulas.and(parts);
        if self.formulas.budget.is_spent() {
            self.blamed.get_or_insert(schema);
            return Formula::FALSE;
        }
        self.lowered.insert((schema, kind), formula);
        formula
    }

    /// The formula over schemas, for a value of this kind.
    pub fn typed(&mut self, formula: Formula, kind: Kind) -> Formula {
        let mut schemas = Vec::new();
        self.formulas.atoms(formula, &mut |atom| {
            if let Atom::Schema(schema) = atom {
                schemas.push(*schema);
            }
        });
        let lowered: FxHashMap<SchemaId, Formula> =
            schemas.into_iter().map(|schema| (schema, self.lower(schema, kind))).collect();
        let Self { formulas, among, .. } = self;
        formulas.substitute(formula, &mut |atom, _| match atom {
            Atom::Schema(schema) => Some(lowered[schema]),
            Atom::Among(index) => {
                let literals = &among[*index as usize];
                match kind {
                    Kind::Null => Some(Formula::constant(literals.null)),
                    Kind::False | Kind::True => {
                        Some(Formula::constant(literals.bools[usize::from(kind == Kind::True)]))
                    }
                    Kind::Number if !literals.numbers.is_empty() => None,
                    Kind::String if !literals.strings.is_empty() => None,
                    _ => Some(Formula::FALSE),
                }
            }
            _ => None,
        })
    }

    /// The value is one of these scalars.
    pub fn among(&mut self, literals: Literals) -> Formula {
        self.among.push(literals);
        self.formulas.atom(Atom::Among(self.among.len() as u32 - 1))
    }

    fn keyword(&mut self, keyword: &Keyword, at: (SchemaId, u32), kind: Kind) -> Formula {
        match keyword {
            Keyword::Type(types) => self.of_type(*types, kind),
            Keyword::Literals(literals) => match kind {
                Kind::Null => Formula::constant(literals.null),
                Kind::False | Kind::True => Formula::constant(literals.bools[usize::from(kind == Kind::True)]),
                Kind::Number if literals.numbers.is_empty() => Formula::FALSE,
                Kind::String if literals.strings.is_empty() => Formula::FALSE,
                Kind::Number | Kind::String => self.formulas.atom(Atom::Keyword(at.0, at.1)),
                Kind::Array | Kind::Object => self.any_of(&literals.composites, kind),
            },
            Keyword::AllOf(schemas) => {
                let parts: Vec<Formula> = schemas.iter().map(|schema| self.lower(*schema, kind)).collect();
                self.formulas.and(parts)
            }
            Keyword::AnyOf(schemas) => self.any_of(schemas, kind),
            Keyword::OneOf(schemas) => {
                let parts: Vec<Formula> = schemas.iter().map(|schema| self.lower(*schema, kind)).collect();
                self.formulas.one(parts)
            }
            Keyword::Not(schema) => {
                let inner = self.lower(*schema, kind);
                self.formulas.not(inner)
            }
            Keyword::If { condition, then, otherwise } => self.conditional(*condition, *then, *otherwise, kind),
            Keyword::Ref(target) => self.lower(*target, kind),
            _ => match kind {
                Kind::Number => self.of_number(keyword, at),
                Kind::String => self.of_string(keyword, at),
                Kind::Array => self.of_array(keyword, at),
                Kind::Object => self.of_object(keyword, at),
                Kind::Null | Kind::False | Kind::True => Formula::TRUE,
            },
        }
    }

    fn of_type(&mut self, types: TypeSet, kind: Kind) -> Formula {
        let wanted = match kind {
            Kind::Null => TypeSet::NULL,
            Kind::False | Kind::True => TypeSet::BOOLEAN,
            Kind::Number if types.contains(TypeSet::INTEGER) && !types.contains(TypeSet::NUMBER) => {
                return self.formulas.atom(Atom::Integer);
            }
            Kind::Number if types.contains(TypeSet::INTEGER_AS_WRITTEN) && !types.contains(TypeSet::NUMBER) => {
                return self.formulas.atom(Atom::IntegerAsWritten);
            }
            Kind::Number => TypeSet::NUMBER,
            Kind::String => TypeSet::STRING,
            Kind::Array => TypeSet::ARRAY,
            Kind::Object => TypeSet::OBJECT,
        };
        Formula::constant(types.contains(wanted))
    }

    fn any_of(&mut self, schemas: &[SchemaId], kind: Kind) -> Formula {
        let parts: Vec<Formula> = schemas.iter().map(|schema| self.lower(*schema, kind)).collect();
        self.formulas.or(parts)
    }

    fn conditional(
        &mut self,
        condition: SchemaId,
        then: Option<SchemaId>,
        otherwise: Option<SchemaId>,
        kind: Kind,
    ) -> Formula {
        let condition = self.lower(condition, kind);
        let negated = self.formulas.not(condition);
        let then = then.map_or(Formula::TRUE, |schema| self.lower(schema, kind));
        let otherwise = otherwise.map_or(Formula::TRUE, |schema| self.lower(schema, kind));
        let then = self.formulas.or([negated, then]);
        let otherwise = self.formulas.or([condition, otherwise]);
        self.formulas.and([then, otherwise])
    }

    fn of_number(&mut self, keyword: &Keyword, at: (SchemaId, u32)) -> Formula {
        match keyword {
            Keyword::Minimum { .. } | Keyword::Maximum { .. } | Keyword::MultipleOf(_) => {
                self.formulas.atom(Atom::Keyword(at.0, at.1))
            }
            _ => Formula::TRUE,
        }
    }

    fn of_string(&mut self, keyword: &Keyword, at: (SchemaId, u32)) -> Formula {
        match keyword {
            Keyword::Length { min: 0, max: None } => Formula::TRUE,
            Keyword::Length { .. } | Keyword::Pattern(_) | Keyword::Format(_) | Keyword::Written(_) => {
                self.formulas.atom(Atom::Keyword(at.0, at.1))
            }
            _ => Formula::TRUE,
        }
    }

    fn counts(&mut self, min: u32, max: Option<u32>) -> Formula {
        let at_least = if min == 0 { Formula::TRUE } else { self.formulas.atom(Atom::MinCount(min)) };
        let at_most = max.map_or(Formula::TRUE, |max| self.formulas.atom(Atom::MaxCount(max)));
        self.formulas.and([at_least, at_most])
    }

    fn of_array(&mut self, keyword: &Keyword, at: (SchemaId, u32)) -> Formula {
        match keyword {
            Keyword::Items { .. } => self.formulas.atom(Atom::Keyword(at.0, at.1)),
            Keyword::ItemCount { min, max } => self.counts(*min, *max),
            Keyword::Contains { min: 0, max: None, .. } => Formula::TRUE,
            Keyword::Contains { min, max: Some(max), .. } if min > max => Formula::FALSE,
            Keyword::Contains { schema, min, max } => {
                self.formulas.atom(Atom::Contains { schema: *schema, min: *min, max: *max })
            }
            Keyword::UniqueItems => self.formulas.atom(Atom::Unique),
            _ => Formula::TRUE,
        }
    }

    fn required(&mut self, key: &str) -> Formula {
        let text = self.texts.intern(key.as_bytes());
        self.formulas.atom(Atom::Required(text))
    }

    fn of_object(&mut self, keyword: &Keyword, at: (SchemaId, u32)) -> Formula {
        match keyword {
            Keyword::Properties { .. } | Keyword::PropertyClass { .. } | Keyword::PropertyNames(_) => {
                self.formulas.atom(Atom::Keyword(at.0, at.1))
            }
            Keyword::Required(keys) => {
                let parts: Vec<Formula> = keys.iter().map(|key| self.required(key)).collect();
                self.formulas.and(parts)
            }
            Keyword::PropertyCount { min, max } => self.counts(*min, *max),
            Keyword::DependentRequired(rules) => {
                let mut parts = Vec::new();
                for (key, needed) in rules {
                    let needed: Vec<Formula> = needed.iter().map(|key| self.required(key)).collect();
                    let needed = self.formulas.and(needed);
                    parts.push(self.implied_by(key, needed));
                }
                self.formulas.and(parts)
            }
            Keyword::DependentSchemas(rules) => {
                let mut parts = Vec::new();
                for (key, schema) in rules {
                    let needed = self.lower(*schema, Kind::Object);
                    parts.push(self.implied_by(key, needed));
                }
                self.formulas.and(parts)
            }
            _ => Formula::TRUE,
        }
    }

    fn implied_by(&mut self, key: &str, needed: Formula) -> Formula {
        let present = self.required(key);
        let absent = self.formulas.not(present);
        self.formulas.or([absent, needed])
    }

    /// A formula over strings as the lexical layer takes it.
    pub fn string_expr(&self, formula: Formula) -> Expr<StringAtom> {
        self.expr(formula, &|atom| match *atom {
            Atom::Among(index) => StringAtom::Literals(self.among[index as usize].strings.clone()),
            Atom::Keyword(schema, index) => match &self.set.keywords(schema)[index as usize] {
                Keyword::Length { min, max } => StringAtom::Length(LengthBounds { min: *min, max: *max }),
                Keyword::Pattern(pattern) => StringAtom::Pattern(pattern.clone()),
                Keyword::Format(name) => StringAtom::Format(name.clone()),
                Keyword::Written(number) => self.written[*number as usize].clone(),
                Keyword::Literals(literals) => StringAtom::Literals(literals.strings.clone()),
                other => unreachable!("{other:?} says nothing about strings"),
            },
            other => unreachable!("{other:?} says nothing about strings"),
        })
    }

    /// A formula over numbers as the lexical layer takes it.
    pub fn number_expr(&self, formula: Formula) -> Expr<NumberAtom> {
        self.expr(formula, &|atom| match *atom {
            Atom::Among(index) => NumberAtom::OneOf(self.among[index as usize].numbers.clone()),
            Atom::Integer => NumberAtom::Integer,
            Atom::IntegerAsWritten => NumberAtom::IntegerText,
            Atom::Keyword(schema, index) => match &self.set.keywords(schema)[index as usize] {
                Keyword::Minimum { value, exclusive } => {
                    NumberAtom::Min { value: value.clone(), exclusive: *exclusive }
                }
                Keyword::Maximum { value, exclusive } => {
                    NumberAtom::Max { value: value.clone(), exclusive: *exclusive }
                }
                Keyword::MultipleOf(divisor) => NumberAtom::MultipleOf(divisor.clone()),
                Keyword::Literals(literals) => NumberAtom::OneOf(literals.numbers.clone()),
                other => unreachable!("{other:?} says nothing about numbers"),
            },
            other => unreachable!("{other:?} says nothing about numbers"),
        })
    }

    fn expr<A>(&self, formula: Formula, atom: &impl Fn(&Atom) -> A) -> Expr<A> {
        let all = |parts: &[Formula]| parts.iter().map(|part| self.expr(*part, atom)).collect();
        // Written out, shared parts come as often as they are used.
        if !self.formulas.budget.spend(EXPR_STEPS) {
            return Expr::False;
        }
        match self.formulas.node(formula) {
            Node::Constant(true) => Expr::True,
            Node::Constant(false) => Expr::False,
            Node::Atom(a) => Expr::Atom(atom(a)),
            Node::Not(inner) => Expr::Not(Box::new(self.expr(*inner, atom))),
            Node::And(parts) => Expr::And(all(parts)),
            Node::Or(parts) => Expr::Or(all(parts)),
            Node::One(parts) => Expr::One(all(parts)),
        }
    }
}

/// A node of an expression is copied and hashed several times until it is a language.
const EXPR_STEPS: usize = 32;
