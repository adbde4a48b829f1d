//! A schema of its own in somebody's database, for checks that leave nothing behind.

use sqlx::{AssertSqlSafe, Connection as _};

use super::postgres::{DatabaseUrl, open};
use super::{Place, StoreError};
use crate::random::{self, Random};

/// An empty schema: drop it with [`Schema::drop`].
pub(crate) struct Schema {
    url: DatabaseUrl,
    name: String,
}

impl Schema {
    /// Makes a schema with a name that nobody has.
    pub(crate) async fn make(url: &DatabaseUrl, random: &dyn Random) -> Result<Schema, StoreError> {
        let number = u64::from_be_bytes(random::bytes(random)?);
        let schema = Schema {
            url: url.clone(),
            name: format!("velum_check_{number:016x}"),
        };
        schema.execute("CREATE SCHEMA", "").await?;
        Ok(schema)
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The store that is in it.
    pub(crate) fn place(&self) -> Place {
        Place::Database(self.url.with_setting("search_path", &self.name))
    }

    /// Removes it with all that is in it.
    pub(crate) async fn drop(self) -> Result<(), StoreError> {
        self.execute("DROP SCHEMA", "CASCADE").await
    }

    async fn execute(&self, verb: &str, further: &str) -> Result<(), StoreError> {
        let mut connection = open::connect(&self.url).await?;
        // A name takes no parameter; this one is made of letters and digits.
        let statement = format!("{verb} {} {further}", self.name);
        sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&mut connection)
            .await?;
        let _ = connection.close().await;
        Ok(())
    }
}
