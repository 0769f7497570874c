//! The settings of the service, for each account and Region.

use jiff::Timestamp;
use parados_parameter::AccountRegion;
use sqlx::Row as _;

use super::ServiceTables;
use crate::state::{StateError, on_pool};

/// A setting that Parameter Store has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SettingKind {
    /// Its id: `/ssm/parameter-store/…`.
    pub(crate) id: &'static str,
    /// What it can be; the first is the default.
    pub(crate) values: &'static [&'static str],
}

const SETTINGS: [SettingKind; 2] = [
    SettingKind {
        id: "/ssm/parameter-store/default-parameter-tier",
        values: &["Standard", "Advanced", "Intelligent-Tiering"],
    },
    SettingKind { id: "/ssm/parameter-store/high-throughput-enabled", values: &["false", "true"] },
];

impl SettingKind {
    /// The tier of a put that names none.
    pub(crate) const DEFAULT_TIER: Self = SETTINGS[0];

    /// The setting of this id, which may be an ARN.
    pub(crate) fn find(id: &str) -> Option<Self> {
        let id = match id.strip_prefix("arn:") {
            Some(arn) => arn.split_once(":servicesetting").map_or(id, |(_, id)| id),
            None => id,
        };
        SETTINGS.into_iter().find(|setting| setting.id == id)
    }
}

/// What a setting was set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) value: String,
    pub(crate) changed_at: Timestamp,
    pub(crate) changed_by: String,
}

impl ServiceTables {
    /// What a setting was set to; none where it is the default.
    pub(crate) async fn setting(
        &self,
        place: &AccountRegion,
        kind: SettingKind,
    ) -> Result<Option<Setting>, StateError> {
        const SQL: &str =
            "SELECT value, changed_at, changed_by FROM server_service_setting WHERE place = $1 AND id = $2";
        let failed = StateError::database("read a setting of the service");
        let place = place.to_string();
        on_pool!(&self.state, pool => {
            let row = sqlx::query(SQL).bind(&place).bind(kind.id).fetch_optional(pool).await.map_err(&failed)?;
            row.map(|row| {
                Ok(Setting {
                    value: row.try_get(0)?,
                    changed_at: Timestamp::from_millisecond(row.try_get(1)?).unwrap_or(Timestamp::UNIX_EPOCH),
                    changed_by: row.try_get(2)?,
                })
            })
            .transpose()
            .map_err(&failed)
        })
    }

    /// Sets a setting.
    pub(crate) async fn set(
        &self,
        place: &AccountRegion,
        kind: SettingKind,
        setting: &Setting,
    ) -> Result<(), StateError> {
        const SQL: &str = "INSERT INTO server_service_setting (place, id, value, changed_at, changed_by) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (place, id) DO UPDATE SET value = excluded.value, \
             changed_at = excluded.changed_at, changed_by = excluded.changed_by";
        let failed = StateError::database("set a setting of the service");
        let place = place.to_string();
        on_pool!(&self.state, pool => {
            let set = sqlx::query(SQL).bind(&place).bind(kind.id).bind(&setting.value);
            let set = set.bind(setting.changed_at.as_millisecond()).bind(&setting.changed_by);
            set.execute(pool).await.map(drop).map_err(&failed)
        })
    }

    /// Makes a setting the default again.
    pub(crate) async fn reset(&self, place: &AccountRegion, kind: SettingKind) -> Result<(), StateError> {
        const SQL: &str = "DELETE FROM server_service_setting WHERE place = $1 AND id = $2";
        let failed = StateError::database("reset a setting of the service");
        let place = place.to_string();
        on_pool!(&self.state, pool => {
            sqlx::query(SQL).bind(&place).bind(kind.id).execute(pool).await.map(drop).map_err(&failed)
        })
    }
}
