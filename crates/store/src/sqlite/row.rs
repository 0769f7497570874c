//! A row of the store, as this engine has it: what is read of tags and labels, and the rest as [`crate::row`] reads it.

use sqlx::sqlite::SqliteRow;

use crate::row::store_row;
pub(super) use crate::row::{
    BEHIND_SEALED, EXTRA, annotations, data_key, list, metadata, metadata_columns, name, parameter, sealed_columns,
    tag_list, value, version,
};

store_row!(SqliteRow);

/// The tags of parameter `p`: a JSON list of pairs.
macro_rules! tags_column {
    () => {
        "(SELECT json_group_array(json_array(key, value)) FROM tag WHERE parameter = p.id)"
    };
}
pub(crate) use tags_column;

/// The labels of all the versions of parameter `p`: a JSON list of pairs.
macro_rules! labels_column {
    () => {
        "(SELECT json_group_array(json_array(version, label)) FROM label WHERE parameter = p.id)"
    };
}
pub(crate) use labels_column;

/// The row id of the place that is `?1`, as `123456789012/eu-west-1`; null where nothing was ever put there.
macro_rules! place_id {
    () => {
        "(SELECT id FROM place WHERE place = ?1)"
    };
}
pub(crate) use place_id;
