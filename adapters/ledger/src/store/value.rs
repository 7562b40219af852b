//! Values on their way into a store and out of it.

use pglink::Column;

use super::StoreError;

/// Parameters by name.
macro_rules! named_params {
    ($($name:literal: $value:expr),* $(,)?) => {
        &[$(($name, &$value as &dyn $crate::store::AsValue)),*]
    };
}
pub(crate) use named_params;

/// One row of an answer.
#[derive(Debug)]
pub(crate) enum Row<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    Postgres(&'a pglink::Row),
}

impl Row<'_> {
    /// The value in a column, counted from 0.
    pub(crate) fn get<T: Column>(&self, place: usize) -> Result<T, StoreError> {
        let value = match self {
            Self::Sqlite(row) => super::sqlite::value(row.get_ref(place)?),
            Self::Postgres(row) => pglink::value(row, place),
        };
        value.and_then(T::read).ok_or(StoreError::Column { place, wanted: T::WANTED })
    }
}
