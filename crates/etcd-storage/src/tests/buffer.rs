//! The write buffer against a map.

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;
use proptest::prelude::*;

use crate::Bucket;
use crate::batch::Op;
use crate::buffer::Buffer;

fn bound(kind: u8, key: &[u8]) -> Bound<&[u8]> {
    match kind % 3 {
        0 => Bound::Included(key),
        1 => Bound::Excluded(key),
        _ => Bound::Unbounded,
    }
}

proptest! {
    #[test]
    fn shows_the_last_change_of_each_key(
        ops in prop::collection::vec((0u8..20, prop::option::of(0u8..9)), 0..60),
        ascending in any::<bool>(),
        (low, high) in ((any::<u8>(), 0u8..20), (any::<u8>(), 0u8..20)),
    ) {
        let mut ops = ops;
        if ascending {
            ops.sort();
        }
        let mut buffer = Buffer::default();
        let mut model = BTreeMap::new();
        for (key, value) in ops {
            let (key, value) = (Bytes::from(vec![key]), value.map(|value| Bytes::from(vec![value])));
            model.insert(key.clone(), value.clone());
            buffer.apply(Op { bucket: Bucket::LEASE, key, value });
        }
        let overlay = buffer.overlay(Bucket::LEASE);
        for key in 0..20u8 {
            prop_assert_eq!(overlay.get(&[key]), model.get([key].as_slice()));
        }
        let (low_key, high_key) = ([low.1], [high.1]);
        let (start, end) = (bound(low.0, &low_key), bound(high.0, &high_key));
        let got: Vec<_> = overlay.range(start, end).collect();
        let inside = |key: &Bytes| std::ops::RangeBounds::<[u8]>::contains(&(start, end), key.as_ref());
        let want: Vec<_> = model.iter().filter(|(key, _)| inside(key)).collect();
        prop_assert_eq!(got, want);
        prop_assert!(buffer.overlay(Bucket::KEY).is_empty());
    }
}
