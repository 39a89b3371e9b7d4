//! The published metaschemas, by URI: `schemas/metaschema/`.

macro_rules! metaschemas {
    ($($uri:literal $file:literal)*) => {
        &[$(($uri, include_str!(concat!("../../schemas/metaschema/", $file)))),*]
    };
}

/// URI without `http://` and without fragment, text.
const METASCHEMAS: &[(&str, &str)] = metaschemas! {
    "json-schema.org/draft-04/schema" "draft-04.json"
    "json-schema.org/draft-06/schema" "draft-06.json"
    "json-schema.org/draft-07/schema" "draft-07.json"
    "json-schema.org/draft/2019-09/schema" "draft2019-09/schema.json"
    "json-schema.org/draft/2019-09/meta/core" "draft2019-09/meta/core.json"
    "json-schema.org/draft/2019-09/meta/applicator" "draft2019-09/meta/applicator.json"
    "json-schema.org/draft/2019-09/meta/validation" "draft2019-09/meta/validation.json"
    "json-schema.org/draft/2019-09/meta/meta-data" "draft2019-09/meta/meta-data.json"
    "json-schema.org/draft/2019-09/meta/format" "draft2019-09/meta/format.json"
    "json-schema.org/draft/2019-09/meta/content" "draft2019-09/meta/content.json"
    "json-schema.org/draft/2020-12/schema" "draft2020-12/schema.json"
    "json-schema.org/draft/2020-12/meta/core" "draft2020-12/meta/core.json"
    "json-schema.org/draft/2020-12/meta/applicator" "draft2020-12/meta/applicator.json"
    "json-schema.org/draft/2020-12/meta/unevaluated" "draft2020-12/meta/unevaluated.json"
    "json-schema.org/draft/2020-12/meta/validation" "draft2020-12/meta/validation.json"
    "json-schema.org/draft/2020-12/meta/meta-data" "draft2020-12/meta/meta-data.json"
    "json-schema.org/draft/2020-12/meta/format-annotation" "draft2020-12/meta/format-annotation.json"
    "json-schema.org/draft/2020-12/meta/format-assertion" "draft2020-12/meta/format-assertion.json"
    "json-schema.org/draft/2020-12/meta/content" "draft2020-12/meta/content.json"
};

/// The text of a published metaschema.
pub(super) fn text(uri: &str) -> Option<&'static str> {
    let name = uri.strip_prefix("http://").or_else(|| uri.strip_prefix("https://"))?;
    METASCHEMAS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}
