//! A row of the store, as this engine has it: what is read of tags and labels, and the rest as [`crate::row`] reads it.

use sqlx::postgres::PgRow;

use crate::row::store_row;
pub(super) use crate::row::{
    BEHIND_SEALED, EXTRA, annotations, data_key, list, metadata, metadata_columns, name, parameter, sealed_columns,
    tag_list, value, version,
};

store_row!(PgRow);

/// The tags of parameter `p`: a JSON list of pairs, null where there are none.
macro_rules! tags_column {
    () => {
        "(SELECT json_agg(json_build_array(key, value))::text FROM tag WHERE parameter = p.id)"
    };
}
pub(super) use tags_column;

/// The labels of all the versions of parameter `p`: a JSON list of pairs, null where there are none.
macro_rules! labels_column {
    () => {
        "(SELECT json_agg(json_build_array(version, label))::text FROM label WHERE parameter = p.id)"
    };
}
pub(super) use labels_column;
