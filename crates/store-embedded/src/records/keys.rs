//! The keys of a segment's lists. Their order is that of lists.
//!
//! ```text
//! list of a namespace   0, namespace, 0, place
//! list of an action     1, namespace, 0, path, 0, place
//! a shape               2, its number
//! place                 start (inverted), 128 + milliseconds from it to the id, ten bytes of the id; or 0 or 255, id
//! ```
//!
//! An id begins with the millisecond in which it was made, which is close to the record's start, so a key holds the
//! difference in one byte where that is enough, and ten bytes of the id. Keys of the same start keep the order of ids.

use super::marks::Fault;
use crate::codec::Fields;
use std::cmp::Reverse;
use store::ActivationQuery;
use store::index::Place;
use types::ActivationId;

/// The bits of an id below its milliseconds.
const SPREAD_BITS: u32 = 80;
/// The same in bytes.
const SPREAD_BYTES: usize = 10;
/// The longest place in a key.
const PLACE_ROOM: usize = 25;
/// The first byte of a key.
const OF_NAMESPACE: u8 = 0;
const OF_ACTION: u8 = 1;
const OF_SHAPE: u8 = 2;
/// The key of nothing.
pub(super) const NO_LIST: [u8; 1] = [u8::MAX];
/// The byte that says that id and start are of the same millisecond.
const SAME_MILLISECOND: i128 = 128;
/// The bytes that say that they are too far apart, and the id stands there whole.
const FAR_BEFORE: u8 = 0;
const FAR_AFTER: u8 = u8::MAX;

/// The key of a record in the order of lists. Names have no zero byte, so one ends each.
pub(super) fn key(namespace: &str, path: Option<&str>, (Reverse(start), id): Place) -> Vec<u8> {
    let mut key = prefix(namespace, path);
    key.extend_from_slice(&(!start).to_be_bytes());
    let bytes = id.bits().to_be_bytes();
    let apart = (id.bits() >> SPREAD_BITS).cast_signed() - i128::from(start) + SAME_MILLISECOND;
    let code = u8::try_from(apart.clamp(0, 255)).unwrap_or(FAR_AFTER);
    key.push(code);
    let whole = code == FAR_BEFORE || code == FAR_AFTER;
    key.extend_from_slice(if whole { &bytes } else { &bytes[16 - SPREAD_BYTES..] });
    key
}

/// The key of a shape.
pub(super) fn shape_key(number: u64) -> [u8; 9] {
    let mut key = [OF_SHAPE; 9];
    key[1..].copy_from_slice(&number.to_be_bytes());
    key
}

/// The number in a key of a shape.
pub(super) fn shape_number(key: &[u8]) -> Option<u64> {
    Fields::new(key.get(1..)?).u64()
}

/// The place in a key of that query's list.
pub(super) fn place_of(key: &[u8], query: &ActivationQuery) -> Result<Place, Fault> {
    let path = query.name.as_deref().map_or(0, |path| path.len() + 1);
    let place = key.get(query.namespace.len() + 2 + path..).and_then(read_place);
    place.ok_or_else(|| "a key is not of its list".into())
}

fn read_place(bytes: &[u8]) -> Option<Place> {
    let mut fields = Fields::new(bytes);
    let (start, code) = (!fields.u64()?, fields.u8()?);
    let bits = if code == FAR_BEFORE || code == FAR_AFTER {
        fields.u128()?
    } else {
        let mut spread = [0; 16];
        spread[16 - SPREAD_BYTES..].copy_from_slice(fields.bytes(SPREAD_BYTES)?);
        let millis = i128::from(start) + i128::from(code) - SAME_MILLISECOND;
        millis.cast_unsigned() << SPREAD_BITS | u128::from_be_bytes(spread)
    };
    fields.rest().is_empty().then_some((Reverse(start), ActivationId::from_bits(bits)))
}

/// The keys between which a query's records are; `None` when its bounds of time cross.
pub(super) fn bounds(query: &ActivationQuery) -> Option<std::ops::RangeInclusive<Vec<u8>>> {
    let (since, upto) = (query.since.unwrap_or(0), query.upto.unwrap_or(u64::MAX));
    let path = query.name.as_deref();
    let first = key(&query.namespace, path, (Reverse(upto), ActivationId::from_bits(0)));
    let last = key(&query.namespace, path, (Reverse(since), ActivationId::from_bits(u128::MAX)));
    (since <= upto).then_some(first..=last)
}

fn prefix(namespace: &str, path: Option<&str>) -> Vec<u8> {
    let mut key = Vec::with_capacity(namespace.len() + path.map_or(0, str::len) + 3 + PLACE_ROOM);
    key.push(if path.is_some() { OF_ACTION } else { OF_NAMESPACE });
    key.extend_from_slice(namespace.as_bytes());
    key.push(0);
    if let Some(path) = path {
        key.extend_from_slice(path.as_bytes());
        key.push(0);
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::conformance::activation::{BEGIN, all};

    #[test]
    fn keys_keep_the_order_of_places_and_read_as_they_were_written() {
        let starts = [0, 1, BEGIN - 1, BEGIN, BEGIN + 127, u64::MAX >> 16, u64::MAX];
        let millis =
            [0, 1, BEGIN - 129, BEGIN - 128, BEGIN - 127, BEGIN, BEGIN + 126, BEGIN + 127, (1 << 48) - 1];
        let mut places: Vec<Place> = Vec::new();
        for start in starts {
            for millis in millis {
                for spread in [0, 1, (1 << 80) - 1] {
                    places.push((Reverse(start), ActivationId::from_bits(u128::from(millis) << 80 | spread)));
                }
            }
        }
        places.sort_unstable();
        let query = ActivationQuery { name: Some("pkg/a".to_owned()), ..all("ns") };
        let keys: Vec<_> = places.iter().map(|place| key("ns", Some("pkg/a"), *place)).collect();
        assert!(keys.is_sorted_by(|a, b| a < b));
        let bounds = bounds(&query).unwrap();
        for (key, place) in keys.iter().zip(&places) {
            assert_eq!(place_of(key, &query).unwrap(), *place);
            assert!(bounds.contains(key), "{place:?}");
        }
        assert_eq!(
            key("ns", None, (Reverse(BEGIN), ActivationId::from_bits(u128::from(BEGIN) << 80))).len(),
            23
        );
    }
}
