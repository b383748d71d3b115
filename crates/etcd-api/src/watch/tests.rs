use super::fragment::split;

#[test]
fn parts_are_below_the_limit_unless_one_event_is_not() {
    for (sizes, ends) in [
        (&[5, 5, 5][..], &[3][..]),
        (&[40, 40, 40], &[2, 3]),
        (&[40, 49, 1], &[2, 3]),
        (&[500, 1, 500], &[1, 2, 3]),
        (&[500], &[1]),
        (&[], &[0]),
    ] {
        let parts = split(sizes, 10, 100);
        let starts = std::iter::once(&0).chain(ends);
        let expected: Vec<_> = starts.zip(ends).map(|(start, end)| *start..*end).collect();
        assert_eq!(parts, expected, "{sizes:?}");
    }
}
