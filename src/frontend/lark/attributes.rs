//! What stands in brackets behind a rule's name, and what is said of a rule's number.

use super::{
    Parsed, Place, hinted, invalid,
    parametric::{Bits, Condition, Number, Order},
    parse::Parser,
    scan::Kind,
    syntax::{Atom, Attributes, is_terminal},
    unsupported,
};

/// `[name, name=value, ..]`
pub fn read(parser: &mut Parser) -> Parsed<Attributes> {
    let mut attributes = Attributes::default();
    let (mut seen, mut stop_capture): (Vec<Box<str>>, Option<Place>) = (Vec::new(), None);
    parser.next();
    while !parser.is("]") {
        let place = parser.place();
        let name = parser.name("an attribute")?;
        if seen.contains(&name) {
            return Err(invalid(place, format!("the attribute \"{name}\" is given twice")));
        }
        match &*name {
            "lazy" => attributes.lazy = true,
            "stop" => attributes.stop = Some(marker(parser)?),
            "suffix" => attributes.suffix = Some(marker(parser)?),
            // Which part of the answer is shown by what name, and how it is sampled: nothing about its texts.
            "capture" => {
                if parser.eat("=") {
                    text(parser)?;
                }
            }
            "stop_capture" => {
                parser.expect("=")?;
                text(parser)?;
                stop_capture = Some(place);
            }
            "temperature" => {
                parser.expect("=")?;
                number_token(parser)?;
            }
            "max_tokens" => {
                parser.expect("=")?;
                attributes.max_tokens = Some(integer(parser, u64::from(u32::MAX))? as u32);
            }
            "max_chars" => {
                parser.expect("=")?;
                attributes.max_chars = Some(integer(parser, i32::MAX as u64)? as u32);
            }
            other => {
                let hint =
                    "attributes are lazy, stop, suffix, max_tokens, max_chars, capture, stop_capture and temperature";
                return Err(hinted(invalid(place, format!("there is no attribute \"{other}\"")), hint));
            }
        }
        seen.push(name);
        if !parser.eat(",") {
            break;
        }
    }
    parser.expect("]")?;
    let place = parser.place();
    if attributes.stop.is_some() && attributes.suffix.is_some() {
        return Err(invalid(place, "a rule has a stop or a suffix, not both"));
    }
    if let Some(place) = stop_capture.filter(|_| attributes.stop.is_none() && attributes.suffix.is_none()) {
        return Err(invalid(place, "stop_capture needs a stop or a suffix"));
    }
    Ok(attributes)
}

/// A text, a regular expression or a terminal.
fn marker(parser: &mut Parser) -> Parsed<(Place, Atom)> {
    parser.expect("=")?;
    let place = parser.place();
    let atom = parser.atom()?;
    match &atom {
        Atom::Text { .. } | Atom::Regex { .. } | Atom::Range(..) | Atom::Chunks(_) => Ok((place, atom)),
        Atom::Name { name, number: None } if is_terminal(name) => Ok((place, atom)),
        Atom::Token(_) => Err(unsupported(place, "a special token cannot be a stop or suffix")),
        _ => Err(invalid(place, "a stop or suffix is a text, a regular expression or a terminal")),
    }
}

fn text(parser: &mut Parser) -> Parsed<()> {
    match parser.peek() {
        Kind::Text { ignore_case: false, .. } => {
            parser.next();
            Ok(())
        }
        _ => Err(parser.unexpected("a name in quotes")),
    }
}

fn number_token(parser: &mut Parser) -> Parsed<()> {
    match parser.peek() {
        Kind::Number(_) => {
            parser.next();
            Ok(())
        }
        _ => Err(parser.unexpected("a number")),
    }
}

/// A whole number, also as `0x..`.
fn integer(parser: &mut Parser, max: u64) -> Parsed<u64> {
    let place = parser.place();
    let Kind::Number(number) = parser.peek().clone() else { return Err(parser.unexpected("a whole number")) };
    parser.next();
    let value = match number.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => number.parse(),
    };
    value
        .ok()
        .filter(|value| *value <= max)
        .ok_or_else(|| invalid(place, format!("a whole number up to {max} is wanted")))
}

/// `_` for all, or `[from:to]`.
fn bits(parser: &mut Parser) -> Parsed<Bits> {
    let place = parser.place();
    if matches!(parser.peek(), Kind::Name(name) if &**name == "_") {
        parser.next();
        return Ok(Bits::ALL);
    }
    if !parser.eat("[") {
        return Err(parser.unexpected("\"_\" or \"[from:to]\""));
    }
    let from = integer(parser, 63)?;
    parser.expect(":")?;
    let to = integer(parser, 64)?;
    parser.expect("]")?;
    if to <= from {
        return Err(invalid(place, "the end of the bits must be greater than their start"));
    }
    Ok(Bits { from: from as u32, to: to as u32 })
}

fn bit(parser: &mut Parser) -> Parsed<Bits> {
    let from = integer(parser, 63)? as u32;
    Ok(Bits { from, to: from + 1 })
}

/// The number behind `::` where a rule is called.
pub fn number(parser: &mut Parser) -> Parsed<Number> {
    if matches!(parser.peek(), Kind::Number(_)) {
        return Ok(Number::Is(integer(parser, u64::MAX)?));
    }
    let place = parser.place();
    let Kind::Name(name) = parser.peek().clone() else { return Err(parser.unexpected("a number or a function")) };
    parser.next();
    if &*name == "_" {
        return Ok(Number::Same);
    }
    parser.expect("(")?;
    let number = match &*name {
        "set_bit" => Number::Or(1 << bit(parser)?.from),
        "clear_bit" => Number::And(!(1 << bit(parser)?.from)),
        "bit_and" => Number::And(integer(parser, u64::MAX)?),
        "bit_or" => Number::Or(integer(parser, u64::MAX)?),
        "incr" => Number::Increase(bits(parser)?),
        "decr" => Number::Decrease(bits(parser)?),
        other => {
            let hint = "functions are set_bit, clear_bit, bit_and, bit_or, incr and decr";
            return Err(hinted(invalid(place, format!("there is no function \"{other}\" of a rule's number")), hint));
        }
    };
    parser.expect(")")?;
    Ok(number)
}

/// What stands behind `%if`.
pub fn condition(parser: &mut Parser) -> Parsed<Condition> {
    parser.deeper()?;
    let place = parser.place();
    let Kind::Name(name) = parser.peek().clone() else { return Err(parser.unexpected("a condition")) };
    parser.next();
    if &*name == "true" {
        if parser.eat("(") {
            parser.expect(")")?;
        }
        parser.up();
        return Ok(Condition::True);
    }
    let (kind, order) = match name.strip_prefix("bit_count_") {
        Some(order) => ("bit_count", order),
        None => (&*name, &*name),
    };
    let order = match order {
        "eq" => Some(Order::Equal),
        "ne" => Some(Order::Unequal),
        "lt" => Some(Order::Less),
        "le" => Some(Order::AtMost),
        "gt" => Some(Order::More),
        "ge" => Some(Order::AtLeast),
        _ => None,
    };
    parser.expect("(")?;
    let condition = match (kind, order) {
        ("bit_count", Some(order)) => {
            let bits = bits(parser)?;
            parser.expect(",")?;
            Condition::Count(bits, order, integer(parser, 64)?)
        }
        (_, Some(order)) => {
            let bits = bits(parser)?;
            parser.expect(",")?;
            Condition::Value(bits, order, integer(parser, u64::MAX)?)
        }
        ("bit_clear", _) => Condition::Value(bit(parser)?, Order::Equal, 0),
        ("bit_set", _) => Condition::Value(bit(parser)?, Order::Equal, 1),
        ("is_ones", _) => {
            let bits = bits(parser)?;
            Condition::Value(bits, Order::Equal, bits.ones())
        }
        ("is_zeros", _) => Condition::Value(bits(parser)?, Order::Equal, 0),
        ("not", _) => Condition::Not(Box::new(self::condition(parser)?)),
        ("and" | "or", _) => {
            let left = Box::new(self::condition(parser)?);
            parser.expect(",")?;
            let right = Box::new(self::condition(parser)?);
            if kind == "and" { Condition::And(left, right) } else { Condition::Or(left, right) }
        }
        _ => return Err(invalid(place, format!("there is no condition \"{name}\""))),
    };
    parser.expect(")")?;
    parser.up();
    Ok(condition)
}
