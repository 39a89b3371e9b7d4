//! References that lead back to themselves without a step into the value mean nothing; they are refused.

use super::{Keyword, SchemaError, SchemaErrorKind, SchemaId, SchemaSet};

/// The subschemas that a keyword applies to the same value.
pub(super) fn in_place(keyword: &Keyword, visit: &mut impl FnMut(SchemaId)) {
    match keyword {
        Keyword::AllOf(all) | Keyword::AnyOf(all) | Keyword::OneOf(all) => all.iter().copied().for_each(visit),
        Keyword::Not(schema) | Keyword::Ref(schema) => visit(*schema),
        Keyword::If { condition, then, otherwise } => {
            [Some(*condition), *then, *otherwise].into_iter().flatten().for_each(visit);
        }
        Keyword::DependentSchemas(all) => all.iter().for_each(|(_, schema)| visit(*schema)),
        _ => {}
    }
}

/// Most in-place steps in a row; deeper chains are a stack's worth of recursion for nobody's good.
const MAX_CHAIN: usize = 1_000;

/// Depth-first search over in-place edges, without recursion.
pub(super) fn refuse_cycles(set: &SchemaSet) -> Result<(), SchemaError> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }
    let mut marks = vec![Mark::New; set.len()];
    for start in 0..set.len() as SchemaId {
        let mut stack = vec![(start, false)];
        let mut open = 0;
        while let Some((id, leave)) = stack.pop() {
            if leave {
                marks[id as usize] = Mark::Done;
                open -= 1;
                continue;
            }
            match marks[id as usize] {
                Mark::Done => continue,
                Mark::Open => {
                    let message = "the reference leads back to itself without a step into the value";
                    return Err(SchemaError::new(SchemaErrorKind::Invalid, message).at(set.pointer(id)));
                }
                Mark::New => {}
            }
            open += 1;
            if open > MAX_CHAIN {
                let message = format!("more than {MAX_CHAIN} references or combinators in a row");
                return Err(SchemaError::new(SchemaErrorKind::TooLarge, message).at(set.pointer(id)));
            }
            marks[id as usize] = Mark::Open;
            stack.push((id, true));
            for keyword in set.keywords(id) {
                in_place(keyword, &mut |next| stack.push((next, false)));
            }
        }
    }
    Ok(())
}
