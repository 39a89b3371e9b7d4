//! Schemas that are made to explode.

use serde_json::{Value, json};

type Case = (&'static str, String);

const PRIMES: [u32; 12] = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37];

pub fn all() -> Vec<Case> {
    let mut all = combinators();
    all.extend(references());
    all.extend(objects());
    all.extend(arrays());
    all.extend(strings());
    all.extend(numbers());
    all
}

fn each(count: usize, make: impl Fn(usize) -> Value) -> Value {
    Value::Array((0..count).map(make).collect())
}

fn members(count: usize, make: impl Fn(usize) -> (String, Value)) -> Value {
    Value::Object((0..count).map(make).collect())
}

/// `make` around itself.
fn nested(depth: usize, innermost: Value, make: impl Fn(usize, Value) -> Value) -> Value {
    (0..depth).fold(innermost, |inner, level| make(level, inner))
}

fn combinators() -> Vec<Case> {
    let tag = |i: usize| json!({"type":"object","properties":{"t":{"const":format!("tag {i}")},"v":{"type":"integer"}},"required":["t"]});
    let keyed = |i: usize| json!({"properties":{format!("k{i}"):{"type":"integer"}},"required":[format!("k{i}")]});
    vec![
        ("oneOf of 10,000 strings", json!({"oneOf": each(10_000, |i| json!({"const": format!("value {i}")}))}).to_string()),
        ("oneOf of 10,000 numbers", json!({"oneOf": each(10_000, |i| json!({"const": i}))}).to_string()),
        ("anyOf of 3,000 numbers", json!({"anyOf": each(3_000, |i| json!({"const": i}))}).to_string()),
        ("oneOf of 10,000 objects with a tag", json!({"oneOf": each(10_000, tag)}).to_string()),
        ("anyOf of 10,000 objects with a tag", json!({"anyOf": each(10_000, tag)}).to_string()),
        ("oneOf of 10,000 objects with a key", json!({"oneOf": each(10_000, keyed)}).to_string()),
        ("oneOf of 200 numeric tags", json!({"oneOf": each(200, |i| json!({"properties":{"t":{"const":i}},"required":["t"]}))}).to_string()),
        (
            "allOf of 60 anyOf of 3 objects",
            json!({"allOf": each(60, |i| json!({"anyOf": each(3, |j| keyed(3 * i + j))}))}).to_string(),
        ),
        (
            "allOf of anyOf, 6 levels",
            nested(6, json!({"type":"object"}), |level, inner| {
                json!({"allOf": each(3, |i| json!({"anyOf":[keyed(level * 10 + i), inner]}))})
            })
            .to_string(),
        ),
        (
            "oneOf within oneOf, 200 levels",
            nested(200, json!({"type":"object"}), |level, inner| json!({"oneOf":[keyed(level), inner, {"maxProperties":level}]})).to_string(),
        ),
        (
            "not within not, 150 levels",
            nested(150, json!({"required":["x"]}), |level, inner| json!({"not": {"allOf":[inner, keyed(level)]}})).to_string(),
        ),
        (
            "if within if, 120 levels",
            nested(120, keyed(0), |level, inner| json!({"if": inner, "then": keyed(level), "else": keyed(level + 1)})).to_string(),
        ),
        (
            "if within else, 240 levels",
            nested(240, keyed(0), |level, inner| json!({"if": keyed(level), "then": keyed(level + 1), "else": inner})).to_string(),
        ),
        (
            "if within if on strings, 60 levels",
            nested(60, json!({"minLength":1}), |level, inner| {
                json!({"if": inner, "then": {"pattern": format!("a{level}")}, "else": {"maxLength": level}})
            })
            .to_string(),
        ),
        (
            "500 pairs of which one is required",
            json!({"allOf": each(500, |i| json!({"anyOf":[{"required":[format!("a{i}")]},{"required":[format!("b{i}")]}]}))}).to_string(),
        ),
        (
            "40 exactly-one of 30",
            json!({"allOf": each(40, |i| json!({"oneOf": each(30, |j| json!({"required":[format!("k{}", (i * 7 + j * 3) % 97)]}))}))}).to_string(),
        ),
        ("nesting of 100,000", "{\"not\":".repeat(100_000)),
        ("nesting of 500", "{\"items\":".repeat(500) + "{}" + &"}".repeat(500)),
    ]
}

fn references() -> Vec<Case> {
    let defs = |count: usize, first: &str, make: &dyn Fn(usize) -> Value| {
        json!({"$ref": first, "$defs": members(count, |i| (format!("d{i}"), make(i)))}).to_string()
    };
    let to = |i: usize, count: usize| json!({"$ref": format!("#/$defs/d{}", (i + 1).min(count - 1))});
    let first = "#/$defs/d0";
    let resource = |i: usize| {
        json!({"$id": format!("https://a.test/{i}"), "$dynamicAnchor": "x", "properties": members(20, |j| {
            (format!("p{j}"), json!({"$ref": format!("https://a.test/{j}")}))
        }), "items": {"$dynamicRef": "#x"}})
    };
    vec![
        ("a reference to itself", r##"{"$ref":"#"}"##.into()),
        (
            "a cycle of references",
            r##"{"$ref":"#/$defs/a","$defs":{"a":{"allOf":[{"$ref":"#/$defs/b"}]},"b":{"not":{"$ref":"#/$defs/a"}}}}"##
                .into(),
        ),
        ("a cycle that needs itself", r##"{"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]}"##.into()),
        (
            "40,000 references in a row",
            defs(40_000, first, &|i| if i == 39_999 { json!({"type":"null"}) } else { to(i, 40_000) }),
        ),
        (
            "20,000 required children in a row",
            defs(20_000, first, &|i| {
                if i == 19_999 {
                    json!({"type":"null"})
                } else {
                    json!({"type":"object","properties":{"a":to(i, 20_000)},"required":["a"]})
                }
            }),
        ),
        (
            "20,000 items in a row",
            defs(20_000, first, &|i| {
                if i == 19_999 {
                    json!({"type":"null"})
                } else {
                    json!({"type":"array","items":to(i, 20_000),"minItems":1})
                }
            }),
        ),
        (
            "800 combinators in a row",
            defs(800, first, &|i| {
                if i == 799 {
                    json!({"type":"object"})
                } else {
                    json!({"anyOf":[to(i, 800), {"required":[format!("k{i}")]}]})
                }
            }),
        ),
        (
            "references doubled 60 times by anyOf",
            defs(60, first, &|i| {
                if i == 59 { json!({"type":"object"}) } else { json!({"anyOf":[to(i, 60), to(i, 60)]}) }
            }),
        ),
        (
            "references doubled 60 times by oneOf",
            defs(60, first, &|i| match i {
                59 => json!({"type":"object"}),
                _ => {
                    json!({"oneOf":[{"allOf":[to(i, 60),{"required":[format!("x{i}")]}]},{"allOf":[to(i, 60),{"required":[format!("y{i}")]}]}]})
                }
            }),
        ),
        (
            "references doubled 60 times by anyOf with keys",
            defs(60, first, &|i| match i {
                59 => json!({"type":"object"}),
                _ => {
                    json!({"anyOf":[{"allOf":[to(i, 60),{"required":[format!("x{i}")]}]},{"allOf":[to(i, 60),{"required":[format!("y{i}")]}]}]})
                }
            }),
        ),
        (
            "references doubled 60 times by children",
            defs(60, first, &|i| match i {
                59 => json!({"type":"integer"}),
                _ => json!({"type":"object","properties":{"a":to(i, 60),"b":to(i, 60)},"required":["a","b"]}),
            }),
        ),
        (
            "references doubled 60 times on strings",
            defs(60, first, &|i| match i {
                59 => json!({"pattern":"z"}),
                _ => {
                    json!({"oneOf":[{"allOf":[to(i, 60),{"pattern":format!("x{i}")}]},{"allOf":[to(i, 60),{"pattern":format!("y{i}")}]}]})
                }
            }),
        ),
        (
            "dynamic references through 20 resources",
            json!({"$ref":"https://a.test/0","$defs": members(20, |i| (format!("d{i}"), resource(i)))}).to_string(),
        ),
        (
            "dynamic references with 14 names",
            json!({"$ref":"https://a.test/0","$defs": members(14, |i| (format!("d{i}"), json!({
                "$id": format!("https://a.test/{i}"), "$dynamicAnchor": format!("x{i}"),
                "properties": members(14, |j| (format!("p{j}"), json!({"$ref": format!("https://a.test/{j}")}))),
                "items": {"$dynamicRef": format!("#x{i}")}})))})
            .to_string(),
        ),
    ]
}

fn objects() -> Vec<Case> {
    let names = |count: usize| -> Vec<String> { (0..count).map(|i| format!("k{i}")).collect() };
    let typed = |count: usize| members(count, |i| (format!("k{i}"), json!({"type":"integer"})));
    vec![
        ("10,000 required properties", json!({"type":"object","properties":typed(10_000),"required":names(10_000)}).to_string()),
        ("20,000 optional properties, closed", json!({"type":"object","properties":typed(20_000),"additionalProperties":false}).to_string()),
        ("1,000 required, 1,000 alternatives", json!({"properties":typed(1_000),"required":names(1_000),"anyOf":each(1_000, |i| json!({"properties":{format!("k{i}"):{"minimum":i}}}))}).to_string()),
        ("500 patterns for keys", json!({"type":"object","patternProperties":members(500, |i| (format!("^[a-z]{{{},{}}}x", i % 40, i % 40 + 3), json!({"minimum":i})))}).to_string()),
        ("30 patterns for keys, closed", json!({"type":"object","patternProperties":members(30, |i| (format!("[a-z].{{{i}}}x"), json!({"minimum":i}))),"additionalProperties":false}).to_string()),
        ("12 patterns, each unsatisfiable with another", json!({"type":"object","minProperties":3,"patternProperties":members(12, |i| (format!("a{i}|b{}", i % 5), json!({"type": if i % 2 == 0 {"string"} else {"integer"}})))}).to_string()),
        ("names with lookaheads", json!({"type":"object","propertyNames":{"pattern":"^(?=.*a)(?=.*b.{5})(?!.*cc)(?!.*d.{9}e)(?=.{3,})(?!x).*$"},"minProperties":2}).to_string()),
        ("names in many patterns", json!({"type":"object","propertyNames":{"allOf":each(20, |i| json!({"pattern":format!("[a-f].{{{i}}}[0-9]")}))},"minProperties":1}).to_string()),
        ("2,000 dependent schemas", json!({"type":"object","dependentSchemas":members(2_000, |i| (format!("k{i}"), json!({"required":[format!("k{}", i + 1)],"properties":{format!("k{i}"):{"minimum":i}}})))}).to_string()),
        ("3,000 dependent keys in a ring", json!({"type":"object","minProperties":1,"dependentRequired":members(3_000, |i| (format!("k{i}"), json!([format!("k{}", (i + 1) % 3_000)])))}).to_string()),
        ("10^9 properties", json!({"type":"object","minProperties":1_000_000_000u64}).to_string()),
        ("10^9 properties of 2 names", json!({"type":"object","minProperties":1_000_000_000u64,"propertyNames":{"enum":["a","b"]}}).to_string()),
        ("a key of 1 MB", json!({"required":["k".repeat(1_000_000)]}).to_string()),
        ("100,000 unknown words", members(100_000, |i| (format!("x{i}"), json!(i))).to_string()),
        ("300 closed objects at once", json!({"allOf":each(300, |i| json!({"properties":{"k0":{},format!("k{i}"):{}},"additionalProperties":{"maximum":i}}))}).to_string()),
    ]
}

fn arrays() -> Vec<Case> {
    vec![
        ("10^9 items", json!({"type":"array","minItems":1_000_000_000u64}).to_string()),
        ("10^9 items that must not repeat", json!({"type":"array","minItems":1_000_000_000u64,"uniqueItems":true,"items":{"enum":[1,2,3]}}).to_string()),
        ("10^400 items at most", r#"{"type":"array","maxItems":1e400,"minItems":1e2}"#.into()),
        ("10^9 items in alternatives", json!({"oneOf":[{"minItems":1_000_000_000u64},{"maxItems":999_999_999u64,"contains":{"const":1}}]}).to_string()),
        ("20,000 first items", json!({"type":"array","prefixItems":each(20_000, |i| json!({"const":i})),"minItems":20_000}).to_string()),
        ("2,000 first items in alternatives", json!({"anyOf":[{"type":"array","prefixItems":each(2_000, |i| json!({"const":i})),"minItems":2_000},{"type":"array","prefixItems":each(2_000, |i| json!({"const":2 * i}))}]}).to_string()),
        ("30 contains", json!({"type":"array","allOf":each(30, |i| json!({"contains":{"multipleOf":i + 1},"minContains":3,"maxContains":1_000_000}))}).to_string()),
        ("contains 10^9", json!({"type":"array","contains":{"type":"integer"},"minContains":1_000_000_000u64}).to_string()),
        ("no repeats among 1,000 values, 1,000 of them", json!({"type":"array","uniqueItems":true,"minItems":1_000,"items":{"enum":each(1_000, |i| json!(i))}}).to_string()),
        ("not unique, in alternatives", json!({"not":{"uniqueItems":true},"items":{"oneOf":each(100, |i| json!({"const":i}))},"minItems":20}).to_string()),
    ]
}

fn strings() -> Vec<Case> {
    let pattern = |pattern: &str| json!({"type":"string","pattern":pattern}).to_string();
    let words = |count: usize, len: usize| each(count, |i| json!(format!("{i:0len$}")));
    vec![
        ("(a|aa)*b", pattern("^(a|aa)*b$")),
        ("(a*)*b", pattern("^((a*)*)*b$")),
        ("mail-like", pattern("^(([a-z])+.)+[A-Z]([a-z])+$")),
        ("(.*a){30}", pattern("(.*a){30}")),
        (".*a.{2000}$", pattern(".*a.{2000}$")),
        ("(a|b|ab)*c with its complement", json!({"type":"string","not":{"pattern":"^(a|b|ab)*c"},"pattern":"^(a|b)*"}).to_string()),
        ("30 patterns at once", json!({"type":"string","allOf":each(30, |i| json!({"pattern":format!("a.{{{i}}}b")}))}).to_string()),
        ("12 patterns that exclude each other", json!({"type":"string","allOf":each(12, |i| json!({"pattern":format!("^(.{{{}}})*$", PRIMES[i])})),"minLength":1}).to_string()),
        ("oneOf of 500 patterns", json!({"type":"string","oneOf":each(500, |i| json!({"pattern":format!("x{i}.*y")}))}).to_string()),
        ("((a{1,100}){1,100}){1,100}", pattern("^((a{1,100}){1,100}){1,100}$")),
        ("((a{1,40}){1,40}){1,40}", pattern("^((a{1,40}){1,40}){1,40}$")),
        ("a{1000000000}", pattern("^a{1000000000}$")),
        ("(ab){0,60000}", pattern("^(ab){0,60000}$")),
        ("(a?){5000}a{5000}", pattern("^(a?){5000}a{5000}$")),
        ("60 lookaheads", pattern(&("^".to_owned() + &(0..60).map(|i| format!("(?=.*{}.{{{i}}})", char::from(b'a' + i % 26))).collect::<String>()))),
        ("lookaheads within lookaheads", pattern("^(?=(?=(?=.*a).*b)(?!.*c.{10}d).*e)(?!(?!.*f).*g).*$")),
        ("a pattern of 1 MB of {", pattern(&"{".repeat(1_000_000))),
        ("a pattern of 100,000 classes", pattern(&"\\p{L}".repeat(100_000))),
        ("a pattern of 30,000 words", pattern(&(0..30_000).map(|i| format!("word{i}")).collect::<Vec<_>>().join("|"))),
        ("a pattern of 100,000 groups", pattern(&("(".repeat(100_000) + &")".repeat(100_000)))),
        ("10^9 characters at most", json!({"type":"string","maxLength":1_000_000_000u64}).to_string()),
        ("10^9 characters at least, and a pattern", json!({"type":"string","minLength":1_000_000_000u64,"pattern":"^(a|bc)*$"}).to_string()),
        ("1,000 lengths", json!({"type":"string","anyOf":each(1_000, |i| json!({"minLength":3 * i,"maxLength":3 * i + 1}))}).to_string()),
        ("5,000 lengths with patterns", json!({"type":"string","oneOf":each(5_000, |i| json!({"minLength":3 * i,"maxLength":3 * i + 1,"pattern":"a"}))}).to_string()),
        ("1 MB of enum", json!({"enum":words(50_000, 18)}).to_string()),
        ("1 MB of enum, excluded", json!({"type":"string","not":{"enum":words(50_000, 18)}}).to_string()),
        ("1 MB of enum and a pattern", json!({"enum":words(50_000, 18),"pattern":"(0|00|1)*7.{0,40}$"}).to_string()),
        ("1 MB of enum and 40,000 states", json!({"enum":["a".repeat(1_000_000)],"pattern":"^((a{1,200}){1,200})*$"}).to_string()),
        ("1 MB of enum, in 1,000 alternatives", json!({"anyOf":each(1_000, |i| json!({"enum":each(50, |j| json!(format!("{i} {j} ..........")))}))}).to_string()),
        ("1 MB of composites", json!({"enum":each(20_000, |i| json!({"a":[i],"b":{"c":i}}))}).to_string()),
    ]
}

fn numbers() -> Vec<Case> {
    vec![
        ("1 MB of numbers", json!({"enum":each(120_000, |i| json!(i * 7))}).to_string()),
        ("1 MB of numbers, excluded", json!({"type":"integer","not":{"enum":each(120_000, |i| json!(i * 2))}}).to_string()),
        ("8 divisors at once", json!({"type":"number","allOf":each(8, |i| json!({"multipleOf":PRIMES[i]}))}).to_string()),
        ("8 divisors in alternatives", json!({"type":"number","oneOf":each(8, |i| json!({"multipleOf":PRIMES[i]}))}).to_string()),
        ("5 divisors, none of 3", r#"{"type":"number","anyOf":[{"multipleOf":0.007},{"multipleOf":1.1}],"not":{"anyOf":[{"multipleOf":3},{"multipleOf":13},{"multipleOf":0.5}]},"minimum":0.001,"maximum":0.5}"#.into()),
        ("bounds of 1e400", r#"{"type":"number","minimum":1e400,"maximum":1e401,"multipleOf":1e399}"#.into()),
        ("bounds of 1e-400", r#"{"type":"number","exclusiveMinimum":0,"maximum":1e-400}"#.into()),
        ("bounds beyond all bounds", r#"{"maximum":1e99999999999999999999}"#.into()),
        ("a divisor of 1e-400", r#"{"type":"number","multipleOf":1e-400,"minimum":1,"maximum":2}"#.into()),
        ("a bound of 500,000 digits", format!(r#"{{"type":"number","minimum":{}}}"#, "7".repeat(500_000))),
        ("an integer between neighbours", r#"{"type":"integer","exclusiveMinimum":99999999999999999999999999,"exclusiveMaximum":100000000000000000000000001}"#.into()),
        ("2,000 intervals", json!({"type":"number","oneOf":each(2_000, |i| json!({"minimum":10 * i,"exclusiveMaximum":10 * i + 7}))}).to_string()),
        ("200 watched intervals", json!({"oneOf":each(200, |i| json!({"properties":{"a":{"minimum":i,"maximum":i + 2},"b":{"maximum":i}},"required":["a","b"]}))}).to_string()),
    ]
}
