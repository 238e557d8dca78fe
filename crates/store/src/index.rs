//! The order in which records are listed, for back ends that hold some of them in memory.

use crate::ActivationQuery;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use types::ActivationId;

/// The place of a record in a list: newest start first, then by id (LIST-04, ATV-26).
pub type Place = (Reverse<u64>, ActivationId);

/// A map that answers faster than one with the standard library's hashes. These are seeded anew in each map too, and nothing
/// shows them, so that nobody can make keys that collide.
pub(crate) type HashMap<K, V> = std::collections::HashMap<K, V, foldhash::fast::RandomState>;

/// Which records there are in each namespace, and of each action in it.
#[derive(Debug, Default)]
pub struct RecordIndex {
    by_namespace: HashMap<String, Lists>,
}

/// The lists of one namespace.
#[derive(Debug, Default)]
struct Lists {
    all: BTreeSet<Place>,
    by_path: HashMap<String, BTreeSet<Place>>,
}

impl RecordIndex {
    /// Adds a record; `path` is `action` or `pkg/action` (ATV-03).
    pub fn insert(&mut self, namespace: &str, path: &str, start: u64, id: ActivationId) {
        let place = (Reverse(start), id);
        let lists = match self.by_namespace.get_mut(namespace) {
            Some(lists) => lists,
            None => self.by_namespace.entry(namespace.to_owned()).or_default(),
        };
        lists.all.insert(place);
        match lists.by_path.get_mut(path) {
            Some(places) => places.insert(place),
            None => lists.by_path.entry(path.to_owned()).or_default().insert(place),
        };
    }

    /// Takes a record out.
    pub fn remove(&mut self, namespace: &str, path: &str, start: u64, id: ActivationId) {
        let place = (Reverse(start), id);
        let Some(lists) = self.by_namespace.get_mut(namespace) else { return };
        lists.all.remove(&place);
        if let Some(places) = lists.by_path.get_mut(path) {
            places.remove(&place);
            if places.is_empty() {
                lists.by_path.remove(path);
            }
        }
        if lists.all.is_empty() {
            self.by_namespace.remove(namespace);
        }
    }

    /// The places of the records that fit, in the order of lists; `skip` and `limit` are not looked at.
    pub fn places(&self, query: &ActivationQuery) -> impl Iterator<Item = Place> {
        let (since, upto) = (query.since.unwrap_or(0), query.upto.unwrap_or(u64::MAX));
        let first = (Reverse(upto), ActivationId::from_bits(0));
        let last = (Reverse(since), ActivationId::from_bits(u128::MAX));
        // A range that ends before it begins is a fault to BTreeSet, and to clients just empty.
        let places = self.list(query).filter(|_| since <= upto);
        places.map(|places| places.range(first..=last)).into_iter().flatten().copied()
    }

    /// How many records fit; `skip` and `limit` are not looked at.
    #[must_use]
    pub fn count(&self, query: &ActivationQuery) -> u64 {
        match (query.since, query.upto) {
            (None, None) => self.list(query).map_or(0, |places| places.len() as u64),
            _ => self.places(query).count() as u64,
        }
    }

    /// The list of each namespace, in the order of their names.
    #[must_use]
    pub fn by_namespace(&self) -> Vec<(&str, &BTreeSet<Place>)> {
        let mut lists: Vec<_> =
            self.by_namespace.iter().map(|(namespace, lists)| (&**namespace, &lists.all)).collect();
        lists.sort_unstable_by_key(|(namespace, _)| *namespace);
        lists
    }

    /// The list of each action: namespace, path and places, in the order of their names.
    #[must_use]
    pub fn by_path(&self) -> Vec<(&str, &str, &BTreeSet<Place>)> {
        let mut all = Vec::new();
        for (namespace, lists) in &self.by_namespace {
            all.extend(lists.by_path.iter().map(|(path, places)| (&**namespace, &**path, places)));
        }
        all.sort_unstable_by_key(|(namespace, path, _)| (*namespace, *path));
        all
    }

    /// The list that the query is about, before its bounds of time.
    fn list(&self, query: &ActivationQuery) -> Option<&BTreeSet<Place>> {
        let lists = self.by_namespace.get(&query.namespace)?;
        match &query.name {
            None => Some(&lists.all),
            Some(path) => lists.by_path.get(path),
        }
    }
}
