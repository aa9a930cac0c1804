//! A table of things with an id: looked up by id from outside, by slot from inside.
//!
//! A slot is what one table keeps about an entry of another; whoever removes an entry also removes every slot number
//! that names it. Lookups by slot return `Option`, so a mistake there loses a packet and not the process.

use std::hash::Hash;

use crate::hash::{KeyedMap, KeyedState};

#[derive(Debug)]
pub(crate) struct Table<K, T> {
    slots: Vec<Option<T>>,
    free: Vec<usize>,
    by_id: KeyedMap<K, usize>,
}

impl<K: Hash + Eq + Copy, T> Table<K, T> {
    pub(crate) fn new(keys: KeyedState) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            by_id: KeyedMap::with_hasher(keys),
        }
    }

    /// Add an entry; `None` if the id is taken.
    pub(crate) fn insert(&mut self, id: K, value: T) -> Option<usize> {
        if self.by_id.contains_key(&id) {
            return None;
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        *self.slots.get_mut(slot)? = Some(value);
        self.by_id.insert(id, slot);
        Some(slot)
    }

    pub(crate) fn slot(&self, id: K) -> Option<usize> {
        self.by_id.get(&id).copied()
    }

    #[inline]
    pub(crate) fn get(&self, slot: usize) -> Option<&T> {
        self.slots.get(slot)?.as_ref()
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, slot: usize) -> Option<&mut T> {
        self.slots.get_mut(slot)?.as_mut()
    }

    pub(crate) fn remove(&mut self, id: K) -> Option<(usize, T)> {
        let slot = self.by_id.remove(&id)?;
        let value = self.slots.get_mut(slot)?.take()?;
        self.free.push(slot);
        Some((slot, value))
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_reused_and_ids_are_not_confused() {
        let mut table = Table::new(KeyedState::new(1, 2));
        let a = table.insert(10, "a").expect("free");
        assert_eq!(table.insert(10, "again"), None);
        assert_eq!(table.remove(10), Some((a, "a")));
        assert_eq!(table.get(a), None);
        assert_eq!(table.insert(11, "b"), Some(a));
        assert_eq!((table.slot(10), table.slot(11), table.len()), (None, Some(a), 1));
    }
}
