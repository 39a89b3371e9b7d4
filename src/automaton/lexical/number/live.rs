//! Is there a value in the set that begins with these digits? Exact, without ever expanding an exponent.
//!
//! The digits D so far (L of them) and a range of scales k stand for the blocks `[D, D + 1) * 10^k`. A block lies
//! outside an interval, inside it, or across one of its ends. Inside, a multiple is found by the residue of D alone;
//! across an end, the block is cut into its ten children until they lie inside or outside: that goes no deeper than
//! the digits of the constant, because a wide block inside always has a member.

use super::{
    lattice::{Lattice, shift},
    mantissa::{Mantissa, Side},
    table::Table,
    values::{Constant, Half, Interval, Line, Region},
};

/// Beyond every power of ten that can matter, and far from overflow.
pub const FAR: i64 = 1 << 61;

#[derive(Clone, Copy)]
pub struct Query<'a> {
    pub line: &'a Line,
    pub regions: &'a [Region],
    /// Constants with digits finer than 10^finest do not count.
    pub finest: i64,
}

impl Query<'_> {
    /// Whether some k in `from..=to` and some number in `[D, D + 1) * 10^k` other than 0 is in the half; D without
    /// digits stands for all of 1 to 9.
    pub fn block(self, half: &Half, m: Mantissa, from: i64, to: i64) -> bool {
        if to == FAR && half.is_unbounded() {
            // Some scale makes the block wide and puts it beyond all constants.
            return true;
        }
        if m.length == 0 {
            return (1..=9).any(|digit| self.block(half, self.line.digits.push(m, digit), from, to));
        }
        let more = i64::from(m.length) - 1;
        let (first, last) = (from + more, to + more);
        if m.low < m.high && !half.points.is_empty() {
            let at = half.points.partition_point(|p| p.digits < m.low);
            let mut within = half.points[at..].iter().take_while(|p| p.digits < m.high);
            if within.any(|p| (first..=last).contains(&p.lead) && self.is_coarse(*p)) {
                return true;
            }
        }
        // The last interval is usually the widest.
        half.intervals.iter().rev().any(|interval| self.block_in(interval, m, first, last))
    }

    fn is_coarse(self, point: Constant) -> bool {
        point.lead - self.line.digits.length(point.digits) + 1 >= self.finest
    }

    fn block_in(self, interval: &Interval, m: Mantissa, first: i64, last: i64) -> bool {
        let digits = &self.line.digits;
        // Powers of the first digit for which a part of the block is in the interval, and for which all of it is.
        let (mut part, mut whole) = ((first, last), (first, last));
        if let Some(c) = interval.lower {
            let (some, all) = match digits.side(m, c.digits) {
                Side::Below => (c.lead + 1, c.lead + 1),
                Side::Around | Side::StartsAt => (c.lead, c.lead + 1),
                Side::Above => (c.lead, c.lead),
            };
            (part.0, whole.0) = (first.max(some), first.max(all));
        }
        if let Some(c) = interval.upper {
            let (some, all) = match digits.side(m, c.digits) {
                Side::Below => (c.lead, c.lead),
                Side::Around => (c.lead, c.lead - 1),
                Side::StartsAt | Side::Above => (c.lead - 1, c.lead - 1),
            };
            (part.1, whole.1) = (last.min(some), last.min(all));
        }
        if part.0 > part.1 {
            return false;
        }
        let region = &self.regions[interval.region as usize];
        let more = i64::from(m.length) - 1;
        let cut = |lead: i64| !(whole.0..=whole.1).contains(&lead) && self.across(interval, region, m, lead - more);
        region.dense
            || whole.0 <= whole.1 && self.inside(region, m, whole.0 - more, whole.1 - more)
            || cut(part.0)
            || part.1 != part.0 && cut(part.1)
    }

    /// Whether a block at one of these scales has a member of the region; the blocks lie inside the interval.
    fn inside(self, region: &Region, m: Mantissa, from: i64, to: i64) -> bool {
        let zeros = i64::from(m.zeros);
        region.dense
            || self.multiple(&region.table, m, from + zeros, to + zeros)
            || region.searches.iter().any(|search| self.search(&region.table, *search, m, from, to))
    }

    /// Whether D, without its zeros, times 10^s has multiples that the table admits, for some s in `from..=to`.
    fn multiple(self, table: &Table, m: Mantissa, from: i64, to: i64) -> bool {
        let count = self.line.lattices.len();
        let (mut few, mut many) = ([FAR * 2 - 1; 6], Vec::new());
        let thresholds = match few.get_mut(..count) {
            Some(few) => few,
            None => {
                many.resize(count, FAR * 2 - 1);
                &mut many[..]
            }
        };
        for (threshold, lattice) in thresholds.iter_mut().zip(&self.line.lattices) {
            *threshold = lattice.threshold(m.residue).unwrap_or(FAR * 2 - 1);
        }
        let admits = |scale: i64| {
            let bits = (0..count).fold(0, |bits, i| bits | u64::from(thresholds[i] <= scale) << i);
            table.has(self.line.combinations.place(bits))
        };
        // Multiples only become more with the scale: these are all scales where something changes.
        admits(from) || thresholds.iter().any(|&scale| from < scale && scale <= to && admits(scale))
    }

    /// Whether a multiple in a block wider than the lattice's fineness is admitted.
    fn search(self, table: &Table, lattice: Lattice, m: Mantissa, from: i64, to: i64) -> bool {
        // Wider than 1,000 steps: see `Region::searches`.
        let sure = i64::from(lattice.step.ilog10()) + 4;
        let widest = to - lattice.exponent;
        if widest >= sure {
            return true;
        }
        let narrowest = (from - lattice.exponent).max(1);
        (narrowest..=widest).rev().any(|width| {
            let width = width as u32;
            let past = shift(m.residue, m.zeros + width, lattice.step);
            let mut offset = if past == 0 { 0 } else { lattice.step - past };
            while offset < 10u128.pow(width) {
                let (residue, zeros) = self.line.digits.extended(m, offset, width);
                let multiples = self.line.multiples(residue, lattice.exponent + i64::from(zeros));
                if table.has(self.line.combinations.place(multiples)) {
                    return true;
                }
                offset += lattice.step;
            }
            false
        })
    }

    /// Whether a block that an end of the interval cuts has a member of the region.
    fn across(self, interval: &Interval, region: &Region, m: Mantissa, scale: i64) -> bool {
        let lead = scale + i64::from(m.length) - 1;
        let finest = region.searches.iter().map(|l| l.exponent).min().unwrap_or(FAR);
        let mut open = vec![(m, scale)];
        while let Some((m, scale)) = open.pop() {
            let above = interval.lower.map_or(Side::Above, |c| self.line.side(m, lead, c));
            let below = interval.upper.map_or(Side::Below, |c| self.line.side(m, lead, c));
            if above == Side::Below || matches!(below, Side::StartsAt | Side::Above) {
                continue;
            }
            if above == Side::Above && below == Side::Below {
                if self.inside(region, m, scale, scale) {
                    return true;
                }
                continue;
            }
            let number = scale + i64::from(m.zeros);
            if above == Side::Above && self.multiple(&region.table, m, number, number) {
                return true;
            }
            if scale > finest {
                open.extend((0..=9).map(|digit| (self.line.digits.push(m, digit), scale - 1)));
            }
        }
        false
    }

    /// Whether D * 10^k is in the half for some k in `from..=to`. D is not 0.
    pub fn scaled(self, half: &Half, m: Mantissa, from: i64, to: i64) -> bool {
        let digits = &self.line.digits;
        let more = i64::from(m.length) - 1;
        if m.low < m.high && digits.side(m, m.low) == Side::StartsAt {
            let at = half.points.partition_point(|p| p.digits < m.low);
            let mut same = half.points[at..].iter().take_while(|p| p.digits == m.low);
            if same.any(|p| (from + more..=to + more).contains(&p.lead)) {
                return true;
            }
        }
        half.intervals.iter().rev().any(|interval| {
            let (mut first, mut last) = (from + more, to + more);
            if let Some(c) = interval.lower {
                let above = digits.side(m, c.digits) == Side::Above;
                first = first.max(c.lead + i64::from(!above));
            }
            if let Some(c) = interval.upper {
                let below = matches!(digits.side(m, c.digits), Side::Below | Side::Around);
                last = last.min(c.lead - i64::from(!below));
            }
            let shift = i64::from(m.zeros) - more;
            let region = &self.regions[interval.region as usize];
            first <= last && self.multiple(&region.table, m, first + shift, last + shift)
        })
    }
}
