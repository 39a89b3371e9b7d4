//! The drafts of JSON Schema, and which keyword belongs to which.

/// A published draft, or none declared: then everything that any draft knows is read, 2020-12's reading first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Draft {
    V4,
    V6,
    V7,
    V2019,
    V2020,
    Undeclared,
}

impl Draft {
    /// By the value of `$schema`. None: a dialect of somebody's own.
    pub fn from_uri(uri: &str) -> Option<Self> {
        let name = uri.trim_end_matches('#').trim_start_matches("https://").trim_start_matches("http://");
        Some(match name.trim_start_matches("www.").trim_end_matches('/') {
            "json-schema.org/draft-03/schema" => return None,
            "json-schema.org/draft-04/schema" => Self::V4,
            "json-schema.org/draft-06/schema" => Self::V6,
            "json-schema.org/draft-07/schema" => Self::V7,
            "json-schema.org/draft/2019-09/schema" => Self::V2019,
            "json-schema.org/draft/2020-12/schema" => Self::V2020,
            // "The latest", in two spellings that people used.
            "json-schema.org/schema" | "json-schema.org/draft/schema" => Self::Undeclared,
            _ => return None,
        })
    }

    /// Whether this draft gives `keyword` a meaning. Later drafts keep the forms that they replaced (`dependencies`,
    /// `items` as a list), as validators do.
    pub fn knows(self, keyword: &str) -> bool {
        let since = match keyword {
            "const" | "contains" | "propertyNames" => Self::V6,
            "if" | "then" | "else" => Self::V7,
            "dependentRequired"
            | "dependentSchemas"
            | "unevaluatedProperties"
            | "unevaluatedItems"
            | "minContains"
            | "maxContains"
            | "$anchor" => Self::V2019,
            "$recursiveRef" | "$recursiveAnchor" => return matches!(self, Self::V2019 | Self::Undeclared),
            "prefixItems" | "$dynamicRef" | "$dynamicAnchor" => Self::V2020,
            _ => Self::V4,
        };
        self >= since
    }

    /// Up to draft 7, a `$ref` hides everything beside it.
    pub fn ref_hides_siblings(self) -> bool {
        self <= Self::V7
    }

    /// Draft 4 calls `1.0` a number that is no integer.
    pub fn integers_by_form(self) -> bool {
        self == Self::V4
    }
}
