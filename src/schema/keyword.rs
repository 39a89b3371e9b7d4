//! Subschemas in normal form.

use std::sync::Arc;

use super::{Decimal, Document, Inside, ValueId, resource};

/// Index of a subschema in its [`SchemaSet`].
pub type SchemaId = u32;

/// A value in one of the documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    pub document: u32,
    pub value: ValueId,
}

/// A set of JSON types; `integer` is one of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TypeSet(u8);

impl TypeSet {
    pub const NULL: Self = Self(1);
    pub const BOOLEAN: Self = Self(2);
    pub const INTEGER: Self = Self(4);
    pub const NUMBER: Self = Self(8);
    pub const STRING: Self = Self(16);
    pub const ARRAY: Self = Self(32);
    pub const OBJECT: Self = Self(64);
    /// Draft 4's integer: written without fraction and exponent.
    pub const INTEGER_AS_WRITTEN: Self = Self(128);

    /// By the name that schemas use.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "null" => Self::NULL,
            "boolean" => Self::BOOLEAN,
            "integer" => Self::INTEGER,
            "number" => Self::NUMBER,
            "string" => Self::STRING,
            "array" => Self::ARRAY,
            "object" => Self::OBJECT,
            _ => return None,
        })
    }

    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// The values of `enum` or `const`, by type.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Literals {
    pub null: bool,
    pub bools: [bool; 2],
    pub numbers: Arc<[Decimal]>,
    pub strings: Arc<[Box<str>]>,
    /// Arrays and objects, each as a schema that admits it alone.
    pub composites: Vec<SchemaId>,
}

/// A set of keys.
#[derive(Clone, Debug, PartialEq)]
pub struct KeySet {
    /// A key must be one of `names`, or must not.
    pub named: bool,
    pub names: Vec<Box<str>>,
    /// One pattern of each group matches.
    pub matching: Vec<Vec<Arc<str>>>,
    /// None of these matches.
    pub unmatched: Vec<Arc<str>>,
}

impl KeySet {
    /// All patterns that matter.
    pub fn patterns(&self) -> impl Iterator<Item = &Arc<str>> {
        self.matching.iter().flatten().chain(&self.unmatched)
    }

    /// Whether a key that matches these patterns is in the set. None: a key that nobody names.
    pub fn contains(&self, key: Option<&[u8]>, matches: impl Fn(&Arc<str>) -> bool) -> bool {
        let named = key.is_some_and(|key| self.names.iter().any(|name| name.as_bytes() == key));
        named == self.named
            && self.matching.iter().all(|group| group.iter().any(&matches))
            && !self.unmatched.iter().any(&matches)
    }
}

/// One demand on a value. Each speaks about values of its own type and lets all others pass.
#[derive(Clone, Debug, PartialEq)]
pub enum Keyword {
    Type(TypeSet),
    Literals(Literals),
    Minimum {
        value: Decimal,
        exclusive: bool,
    },
    Maximum {
        value: Decimal,
        exclusive: bool,
    },
    MultipleOf(Decimal),
    /// In code points.
    Length {
        min: u32,
        max: Option<u32>,
    },
    Pattern(Arc<str>),
    /// A format by its name, known or not: see [`SchemaSet::keep_formats`].
    Format(Arc<str>),
    /// The string is a text of what [`SchemaSet::written`] has under this number.
    Written(u32),
    /// `properties`, `patternProperties` and, for keys that neither names, `additionalProperties`.
    Properties {
        named: Vec<(Box<str>, SchemaId)>,
        patterns: Vec<(Arc<str>, SchemaId)>,
        rest: Option<SchemaId>,
    },
    /// The values of all keys in a set satisfy a schema.
    PropertyClass {
        keys: Arc<KeySet>,
        schema: SchemaId,
    },
    Required(Vec<Box<str>>),
    PropertyCount {
        min: u32,
        max: Option<u32>,
    },
    PropertyNames(SchemaId),
    DependentRequired(Vec<(Box<str>, Vec<Box<str>>)>),
    DependentSchemas(Vec<(Box<str>, SchemaId)>),
    /// `prefixItems` and, for what comes after them, `items`.
    Items {
        prefix: Vec<SchemaId>,
        rest: Option<SchemaId>,
    },
    ItemCount {
        min: u32,
        max: Option<u32>,
    },
    Contains {
        schema: SchemaId,
        min: u32,
        max: Option<u32>,
    },
    UniqueItems,
    AllOf(Vec<SchemaId>),
    AnyOf(Vec<SchemaId>),
    OneOf(Vec<SchemaId>),
    Not(SchemaId),
    If {
        condition: SchemaId,
        then: Option<SchemaId>,
        otherwise: Option<SchemaId>,
    },
    Ref(SchemaId),
}

/// A subschema: all of its keywords hold.
#[derive(Clone, Debug, PartialEq)]
pub enum Schema {
    /// `true`
    Any,
    /// `false`
    Never,
    All(Box<[Keyword]>),
}

/// Every subschema that the root can reach.
#[derive(Debug)]
pub struct SchemaSet {
    /// Each with its URI; that of the first is empty.
    pub(super) documents: Vec<(Arc<str>, Arc<Document>)>,
    pub(super) schemas: Vec<Schema>,
    /// Where each subschema stands; composite constants stand where the constant does.
    pub(super) places: Vec<Place>,
    pub(super) root: SchemaId,
    pub(super) annotations: Vec<String>,
    /// What texts of strings must be of, in notations of their own.
    pub(super) written: Arc<[Inside]>,
}

impl SchemaSet {
    pub fn root(&self) -> SchemaId {
        self.root
    }

    pub fn schema(&self, id: SchemaId) -> &Schema {
        &self.schemas[id as usize]
    }

    /// The keywords of a subschema: none for `true`; `false` has a type set that is empty.
    pub fn keywords(&self, id: SchemaId) -> &[Keyword] {
        const NEVER: &[Keyword] = &[Keyword::Type(TypeSet(0))];
        match self.schema(id) {
            Schema::Any => &[],
            Schema::Never => NEVER,
            Schema::All(keywords) => keywords,
        }
    }

    pub fn len(&self) -> usize {
        self.schemas.len()
    }

    pub fn is_empty(&self) -> bool {
        self.schemas.is_empty()
    }

    /// The JSON pointer of a subschema, behind the document's URI where it is not the first.
    pub fn pointer(&self, id: SchemaId) -> String {
        let place = self.places[id as usize];
        let (uri, document) = &self.documents[place.document as usize];
        resource::pointer_in(uri, document, place.value)
    }

    /// The same subschemas with another root, which stands where this one does and has these keywords alone.
    pub fn rooted(&self, keywords: Vec<Keyword>) -> Self {
        let Self { documents, schemas, places, root, annotations: _, written } = self;
        let (mut schemas, mut places) = (schemas.clone(), places.clone());
        schemas.push(Schema::All(keywords.into()));
        places.push(places[*root as usize]);
        let root = schemas.len() as SchemaId - 1;
        let (documents, written) = (documents.clone(), written.clone());
        Self { documents, schemas, places, root, annotations: Vec::new(), written }
    }

    /// What texts of strings must be of, in notations that are read elsewhere.
    pub fn written(&self) -> &[Inside] {
        &self.written
    }

    /// The document has this word in a subschema.
    pub fn has(&self, id: SchemaId, word: &str) -> bool {
        let place = self.places[id as usize];
        let (_, document) = &self.documents[place.document as usize];
        document.get(place.value, word).is_some()
    }

    /// All patterns, each with the JSON pointer of its schema.
    pub fn patterns(&self) -> Vec<(Arc<str>, SchemaId)> {
        let mut all = Vec::new();
        for (id, schema) in self.schemas.iter().enumerate() {
            let Schema::All(keywords) = schema else { continue };
            for keyword in keywords {
                match keyword {
                    Keyword::Pattern(pattern) => all.push((pattern.clone(), id as SchemaId)),
                    Keyword::Properties { patterns, .. } => {
                        all.extend(patterns.iter().map(|(pattern, _)| (pattern.clone(), id as SchemaId)));
                    }
                    _ => {}
                }
            }
        }
        all
    }

    /// All formats, each with its schema.
    pub fn formats(&self) -> impl Iterator<Item = (&Arc<str>, SchemaId)> {
        (0..self.schemas.len() as SchemaId).flat_map(|id| {
            self.keywords(id).iter().filter_map(move |keyword| match keyword {
                Keyword::Format(name) => Some((name, id)),
                _ => None,
            })
        })
    }

    /// Turns the formats for which `keep` is false into annotations.
    pub fn keep_formats(&mut self, keep: impl Fn(&str) -> bool) {
        for (schema, place) in self.schemas.iter_mut().zip(&self.places) {
            let Schema::All(keywords) = schema else { continue };
            let dropped = |keyword: &Keyword| matches!(keyword, Keyword::Format(name) if !keep(name));
            if keywords.iter().any(dropped) {
                *keywords = keywords.iter().filter(|keyword| !dropped(keyword)).cloned().collect();
                let (uri, document) = &self.documents[place.document as usize];
                self.annotations.push(resource::pointer_in(uri, document, place.value) + "/format");
            }
        }
    }

    /// Keywords that demand nothing, by JSON pointer: unknown words, and formats once they have been sorted out.
    pub fn annotations(&self) -> &[String] {
        &self.annotations
    }
}
