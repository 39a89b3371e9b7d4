use std::{
    io::Write,
    process::{Command, Stdio},
};

use super::*;

fn parse(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// Numbers as text, from a fixed seed: short and long, plain and with exponents.
fn samples(count: usize) -> Vec<String> {
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let mut below = move |n: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) % n
    };
    (0..count)
        .map(|_| {
            let mut text = String::from(["", "-"][below(2) as usize]);
            let digits = |below: &mut dyn FnMut(u64) -> u64, count: u64| -> String {
                (0..count).map(|_| char::from(b'0' + [0, 0, 1, 2, 5, below(10) as u8][below(6) as usize])).collect()
            };
            let length = [1, 2, 3, 8, 40][below(5) as usize];
            let whole = digits(&mut below, length);
            let whole = whole.trim_start_matches('0');
            text += if whole.is_empty() { "0" } else { whole };
            if below(2) == 0 {
                let length = [1, 2, 5, 30][below(4) as usize];
                text += &format!(".{}", digits(&mut below, length));
            }
            if below(3) == 0 {
                text += ["e", "E", "e+", "e-", "E-"][below(5) as usize];
                let most = [3, 20, 400][below(3) as usize];
                text += &below(most).to_string();
            }
            text
        })
        .collect()
}

const JUDGE: &str = "
import sys
from fractions import Fraction
for line in sys.stdin:
    a, b = line.split()
    x, y = Fraction(a), Fraction(b)
    print((x > y) - (x < y), int(x.denominator == 1), int(x == 0 if y == 0 else (x / y).denominator == 1))
";

#[test]
fn agrees_with_python_fractions() {
    let mut texts = samples(6_000);
    for small in ["1", "2", "0.1", "0.5", "3", "0.01", "100", "7", "12", "0.25"] {
        texts.extend(samples(100).into_iter().flat_map(|text| [text, small.to_owned()]));
    }
    let pairs: Vec<(String, String)> = texts.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
    let child = Command::new("python3").args(["-c", JUDGE]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut child) = child else {
        eprintln!("SKIPPED: python3 is not there to compare with");
        return;
    };
    let mut input = child.stdin.take().unwrap();
    let lines: String = pairs.iter().map(|(a, b)| format!("{a} {b}\n")).collect();
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.lines().count(), pairs.len());
    let mut multiples = 0;
    for ((a, b), line) in pairs.iter().zip(output.lines()) {
        let (x, y) = (parse(a), parse(b));
        let divides = x.is_multiple_of(&y);
        multiples += usize::from(divides);
        let ours = format!("{} {} {}", x.cmp(&y) as i8, u8::from(x.is_integer()), u8::from(divides));
        assert_eq!(ours, line, "{a} {b}");
    }
    assert!(multiples > 200, "{multiples}");
}

#[test]
fn one_value_one_form() {
    for same in [
        &["1", "1.0", "10e-1", "0.1E+1", "1000e-3"][..],
        &["0", "-0", "0.00", "0e9999999999999999999999"],
        &["-2.50", "-25e-1"],
    ] {
        for text in same {
            assert_eq!(parse(text), parse(same[0]), "{text}");
        }
    }
    for text in samples(2_000) {
        let number = parse(&text);
        assert_eq!(parse(&number.to_string()), number, "{text}");
    }
}

#[test]
fn exponents_cost_nothing() {
    assert!(parse("1e400") < parse("1e401"));
    assert!(parse("1e-999999") > parse("0"));
    assert!(
        parse("1e999999999999").is_multiple_of(&parse("7e-999999999999")) == parse("1").is_multiple_of(&parse("7"))
    );
    assert!(parse("7e999999999999").is_multiple_of(&parse("1.4e-999999999999")));
    assert!(!parse("3e999999999999").is_multiple_of(&parse("123456789012345678901234567890e-30")));
    assert_eq!("1e99999999999999999999".parse::<Decimal>(), Err(DecimalError::Exponent));
    assert_eq!("1e-2000000000000000".parse::<Decimal>(), Err(DecimalError::Exponent));
}

#[test]
fn only_json_numbers() {
    for text in [
        "", "-", "+1", "01", "-01", "1.", ".5", "1e", "1e+", "0x1", " 1", "1 ", "1_0", "1.2.3", "NaN", "1e1.0", "--1",
        "１",
    ] {
        assert_eq!(text.parse::<Decimal>(), Err(DecimalError::Syntax), "{text:?}");
    }
}

#[test]
fn written_plainly_where_that_is_short() {
    for (text, shown) in [
        ("100", "100"),
        ("1e2", "100"),
        ("-0.0500", "-0.05"),
        ("1e30", "1e30"),
        ("12e30", "1.2e31"),
        ("1.5e-40", "1.5e-40"),
        ("123.456", "123.456"),
    ] {
        assert_eq!(parse(text).to_string(), shown);
    }
}
