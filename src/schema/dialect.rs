//! A draft with the vocabularies that a metaschema turns on.

use super::Draft;

/// How the schemas of one resource are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Dialect {
    pub draft: Draft,
    vocabularies: u8,
}

const APPLICATOR: u8 = 1;
const UNEVALUATED: u8 = 2;
const VALIDATION: u8 = 4;
const FORMAT: u8 = 8;
/// Core, meta-data and content: nothing that is demanded depends on them.
const INERT: u8 = 0;

impl From<Draft> for Dialect {
    /// All that the draft has.
    fn from(draft: Draft) -> Self {
        Self { draft, vocabularies: APPLICATOR | UNEVALUATED | VALIDATION | FORMAT }
    }
}

impl Dialect {
    /// A draft with no vocabulary but the core.
    pub(super) fn bare(draft: Draft) -> Self {
        Self { draft, vocabularies: INERT }
    }

    /// The same with a vocabulary by its URI. None: nobody here knows it.
    pub(super) fn with(self, vocabulary: &str) -> Option<Self> {
        let (year, name) = vocabulary.strip_prefix("https://json-schema.org/draft/")?.split_once("/vocab/")?;
        let added = match (year, name) {
            ("2019-09" | "2020-12", "core" | "meta-data" | "content") => INERT,
            ("2019-09" | "2020-12", "validation") => VALIDATION,
            ("2019-09", "applicator") => APPLICATOR | UNEVALUATED,
            ("2020-12", "applicator") => APPLICATOR,
            ("2020-12", "unevaluated") => UNEVALUATED,
            ("2019-09", "format") | ("2020-12", "format-annotation" | "format-assertion") => FORMAT,
            _ => return None,
        };
        Some(Self { vocabularies: self.vocabularies | added, ..self })
    }

    /// Whether `keyword` has a meaning here.
    pub fn knows(self, keyword: &str) -> bool {
        let needed = match keyword {
            "format" => FORMAT,
            "unevaluatedProperties" | "unevaluatedItems" => UNEVALUATED,
            "type" | "enum" | "const" | "multipleOf" | "maximum" | "exclusiveMaximum" | "minimum"
            | "exclusiveMinimum" | "maxLength" | "minLength" | "pattern" | "maxItems" | "minItems" | "uniqueItems"
            | "maxContains" | "minContains" | "maxProperties" | "minProperties" | "required" | "dependentRequired" => {
                VALIDATION
            }
            "prefixItems"
            | "items"
            | "additionalItems"
            | "contains"
            | "additionalProperties"
            | "properties"
            | "patternProperties"
            | "dependentSchemas"
            | "dependencies"
            | "propertyNames"
            | "if"
            | "then"
            | "else"
            | "allOf"
            | "anyOf"
            | "oneOf"
            | "not" => APPLICATOR,
            _ => INERT,
        };
        self.vocabularies & needed == needed && self.draft.knows(keyword)
    }
}
