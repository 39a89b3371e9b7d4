//! Instances that are made to explode: a name, a schema, the text, whether it is valid.

type Case = (&'static str, &'static str, Vec<u8>, bool);

pub fn all() -> Vec<Case> {
    let list =
        |count: usize, item: &dyn Fn(usize) -> String| -> String { (0..count).map(item).collect::<Vec<_>>().join(",") };
    let deep = |count: usize| "[".repeat(count) + &"]".repeat(count);
    let deep_objects = |count: usize| "{\"a\":".repeat(count) + "1" + &"}".repeat(count);
    let string = |letter: &str, count: usize| format!("\"{}\"", letter.repeat(count));
    let texts: Vec<(&'static str, &'static str, String, bool)> = vec![
        ("arrays 100,000 deep", "{}", deep(100_000), true),
        (
            "arrays 100,000 deep, by a recursive schema",
            r##"{"type":"array","items":{"$ref":"#"}}"##,
            deep(100_000),
            true,
        ),
        ("objects 100,000 deep", "{}", deep_objects(100_000), true),
        (
            "objects 100,000 deep, in alternatives",
            r##"{"anyOf":[{"type":"integer"},{"properties":{"a":{"$ref":"#"}},"required":["a"]}]}"##,
            deep_objects(100_000),
            true,
        ),
        ("arrays 20,000 deep without repeats", r#"{"uniqueItems":true}"#, deep(20_000), true),
        ("a string of 10 MB", "{}", string("x", 10_000_000), true),
        ("a string of 10 MB, all escapes", "{}", string("\\u0041", 1_666_666), true),
        ("a string of 10 MB and a pattern", r#"{"pattern":"^(a|aa)*$"}"#, string("a", 10_000_000), true),
        ("a string of 10 MB and a length", r#"{"maxLength":1000000000}"#, string("\u{e9}", 5_000_000), true),
        ("a string of 10 MB, too long", r#"{"maxLength":9999999}"#, string("x", 10_000_000), false),
        (
            "a string of 10 MB that must not repeat",
            r#"{"uniqueItems":true}"#,
            format!("[{}]", string("x", 10_000_000)),
            true,
        ),
        ("a key of 1 MB", "{}", format!("{{{}:1}}", string("k", 1_000_000)), true),
        ("10,000 keys", "{}", format!("{{{}}}", list(10_000, &|i| format!("\"k{i}\":{i}"))), true),
        (
            "20,000 keys, the last one twice",
            "{}",
            format!("{{{},\"k7\":1}}", list(20_000, &|i| format!("\"k{i}\":{i}"))),
            false,
        ),
        (
            "10,000 items that must not repeat",
            r#"{"uniqueItems":true}"#,
            format!("[{}]", list(10_000, &|i| i.to_string())),
            true,
        ),
        (
            "20,000 items, the last one twice",
            r#"{"uniqueItems":true}"#,
            format!("[{},777.0]", list(20_000, &|i| i.to_string())),
            false,
        ),
        (
            "10,000 objects that must not repeat",
            r#"{"uniqueItems":true}"#,
            format!("[{}]", list(10_000, &|i| format!("{{\"a\":{i},\"b\":\"x\"}}"))),
            true,
        ),
        ("200,000 items", r#"{"items":{"type":"integer"}}"#, format!("[{}]", list(200_000, &|i| i.to_string())), true),
        (
            "200,000 items, counted",
            r#"{"maxItems":1000000000,"minItems":3}"#,
            format!("[{}]", list(200_000, &|_| "1".into())),
            true,
        ),
        (
            "50,000 items, counted in alternatives",
            r#"{"oneOf":[{"contains":{"const":1},"minContains":40000},{"maxItems":10}]}"#,
            format!("[{}]", list(50_000, &|_| "1".into())),
            true,
        ),
        ("a number of 1,000,000 digits", "{}", "1".repeat(1_000_000), true),
        ("a number of 1,000,000 digits and bounds", r#"{"minimum":0,"multipleOf":3}"#, "3".repeat(1_000_000), true),
        ("a fraction of 1,000,000 digits", r#"{"maximum":1}"#, format!("0.{}1", "0".repeat(1_000_000)), true),
        ("an exponent of 100,000 digits", r#"{"exclusiveMinimum":0}"#, format!("1e-{}", "9".repeat(100_000)), true),
        ("5 MB of whitespace", "{}", format!("[{}1]", " ".repeat(5_000_000)), true),
    ];
    texts.into_iter().map(|(name, schema, text, valid)| (name, schema, text.into_bytes(), valid)).collect()
}
