//! Medians and ranges of a few rounds.

/// The middle and the ends of what several rounds gave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// `None` when there are no values.
    pub(crate) fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let upper = *values.get(middle)?;
        let median = if values.len() % 2 == 1 { upper } else { f64::midpoint(values[middle - 1], upper) };
        Some(Self { median, least: *values.first()?, most: *values.last()? })
    }

    /// `median (least – most)`; the median alone when there is nothing around it.
    pub(crate) fn show(&self, digits: usize) -> String {
        if self.least == self.most {
            return format!("{:.digits$}", self.median);
        }
        format!("{:.digits$} ({:.digits$} – {:.digits$})", self.median, self.least, self.most)
    }
}

/// How many times `theirs` ours is, by the medians; `None` when that says nothing.
pub(crate) fn ratio(ours: Option<Spread>, theirs: Option<Spread>) -> Option<f64> {
    let (ours, theirs) = (ours?.median, theirs?.median);
    (theirs > 0.0).then(|| ours / theirs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_of_odd_even_and_no_values() {
        let median = |values: &[f64]| Spread::of(values.to_vec()).map(|spread| spread.median);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn shown_with_and_without_a_range() {
        assert_eq!(Spread::of(vec![1.0, 2.0, 4.0]).unwrap().show(1), "2.0 (1.0 – 4.0)");
        assert_eq!(Spread::of(vec![2.0]).unwrap().show(0), "2");
    }

    #[test]
    fn ratios_need_something_to_divide_by() {
        let spread = |value| Spread::of(vec![value]);
        assert_eq!(ratio(spread(1.0), spread(2.0)), Some(0.5));
        assert_eq!(ratio(spread(1.0), spread(0.0)), None);
        assert_eq!(ratio(None, spread(1.0)), None);
    }
}
