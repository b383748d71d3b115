//! Reading: the active buffer over the frozen one over the last commit.

use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use bytes::Bytes;

use crate::buffer::{self, Merge};
use crate::view::View;
use crate::{Bucket, ReadError, Storage};

impl Storage {
    /// The value of `key`. Never waits for a commit.
    ///
    /// # Errors
    /// The database could not be read.
    pub fn get(&self, bucket: Bucket, key: &[u8]) -> Result<Option<Bytes>, ReadError> {
        let view = {
            let state = self.shared().state.read();
            if let Some(value) = state.active.overlay(bucket).get(key) {
                return Ok(value.clone());
            }
            if let Some(value) = state.frozen.as_ref().and_then(|frozen| frozen.overlay(bucket).get(key)) {
                return Ok(value.clone());
            }
            state.view.clone().ok_or(ReadError::Closed)?
        };
        view.get(bucket, key)
    }

    /// The values of many keys, in their order, as of one moment.
    ///
    /// # Errors
    /// The database could not be read.
    pub fn get_many(
        &self,
        bucket: Bucket,
        keys: &[impl AsRef<[u8]>],
    ) -> Result<Vec<Option<Bytes>>, ReadError> {
        let (buffered, view) = self.look_up(bucket, keys)?;
        buffered
            .into_iter()
            .zip(keys)
            .map(|(found, key)| found.map_or_else(|| view.get(bucket, key.as_ref()), Ok))
            .collect()
    }

    /// Shows `visit` the values of many keys, in their order and as of one moment, until it breaks. Copies nothing.
    ///
    /// # Errors
    /// The database could not be read.
    pub fn visit_many(
        &self,
        bucket: Bucket,
        keys: &[impl AsRef<[u8]>],
        mut visit: impl FnMut(Option<&[u8]>) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        let (buffered, view) = self.look_up(bucket, keys)?;
        for (found, key) in buffered.into_iter().zip(keys) {
            let flow = match found {
                Some(value) => visit(value.as_deref()),
                None => view.visit(bucket, key.as_ref(), &mut visit)?,
            };
            if flow.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// What the buffers say about each key, and the view below them.
    #[expect(
        clippy::type_complexity,
        reason = "one value for each key, if the buffers know it, which may be none"
    )]
    fn look_up(
        &self,
        bucket: Bucket,
        keys: &[impl AsRef<[u8]>],
    ) -> Result<(Vec<Option<Option<Bytes>>>, Arc<View>), ReadError> {
        let state = self.shared().state.read();
        let active = state.active.overlay(bucket);
        let frozen = state.frozen.as_ref().map(|frozen| frozen.overlay(bucket));
        let find = |key: &[u8]| active.get(key).or_else(|| frozen.and_then(|frozen| frozen.get(key)));
        let buffered = keys.iter().map(|key| find(key.as_ref()).cloned()).collect();
        Ok((buffered, state.view.clone().ok_or(ReadError::Closed)?))
    }

    /// Shows `visit` the rows in a range of keys, ascending, as of one moment, until it breaks.
    ///
    /// No lock is held while `visit` runs.
    ///
    /// # Errors
    /// The database could not be read.
    pub fn range(
        &self,
        bucket: Bucket,
        start: Bound<&[u8]>,
        end: Bound<&[u8]>,
        visit: impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        if !buffer::is_valid(start, end) {
            return Ok(());
        }
        let (changes, view) = {
            let state = self.shared().state.read();
            let active = state.active.overlay(bucket).range(start, end);
            let frozen = state.frozen.as_ref().map(|frozen| frozen.overlay(bucket).range(start, end));
            let changes: Vec<_> = Merge::new(active, frozen.into_iter().flatten())
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            (changes, state.view.clone().ok_or(ReadError::Closed)?)
        };
        visit_merged(&view, bucket, (start, end), changes, visit)
    }
}

/// Visits the rows of `view` with `changes` over them.
fn visit_merged(
    view: &View,
    bucket: Bucket,
    (start, end): (Bound<&[u8]>, Bound<&[u8]>),
    changes: Vec<(Bytes, Option<Bytes>)>,
    mut visit: impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
) -> Result<(), ReadError> {
    let mut changes = changes.into_iter().peekable();
    for row in view.range(bucket, start, end)? {
        let (key, value) = row.map_err(|source| ReadError::database(bucket, source))?;
        let key = key.value();
        let mut replaced = false;
        while let Some((changed, new)) = changes.next_if(|(changed, _)| changed.as_ref() <= key) {
            replaced |= changed.as_ref() == key;
            if let Some(new) = new
                && visit(&changed, &new).is_break()
            {
                return Ok(());
            }
        }
        if !replaced && visit(key, value.value()).is_break() {
            return Ok(());
        }
    }
    for (key, value) in changes {
        if let Some(value) = value
            && visit(&key, &value).is_break()
        {
            return Ok(());
        }
    }
    Ok(())
}
