//! What a database consists of, as PostgreSQL's catalogue tells: the application's tables in an order in which their rows
//! can be loaded, and its sequences.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;

use super::BackupFault;

/// Everything in schema `public` but the list of migrations, which is the schema's, not the data's.
const TABLES: &str = "
    SELECT c.relname::text, array_agg(a.attname::text ORDER BY a.attnum)
      FROM pg_class c
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
       AND c.relname <> '_sqlx_migrations'
     GROUP BY c.relname
     ORDER BY c.relname";

const PARTITIONS: &str = "
    SELECT p.relname::text, c.relname::text, pg_get_expr(c.relpartbound, c.oid)
      FROM pg_inherits i
      JOIN pg_class c ON c.oid = i.inhrelid AND c.relispartition AND c.relkind IN ('r', 'p')
      JOIN pg_class p ON p.oid = i.inhparent
     WHERE p.relnamespace = 'public'::regnamespace
     ORDER BY c.relname";

const REFERENCES: &str = "
    SELECT f.relname::text, t.relname::text
      FROM pg_constraint k
      JOIN pg_class f ON f.oid = k.conrelid
      JOIN pg_class t ON t.oid = k.confrelid
     WHERE k.contype = 'f' AND k.conparentid = 0 AND f.relnamespace = 'public'::regnamespace";

const SEQUENCES: &str = "
    SELECT c.relname::text FROM pg_class c
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'S'
     ORDER BY c.relname";

pub struct Catalog {
    /// Referenced tables before those that refer to them.
    pub tables: Vec<Table>,
    pub sequences: Vec<Sequence>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Table {
    name: String,
    /// Without generated ones, which cannot be written.
    columns: Vec<String>,
    pub partitions: Vec<Partition>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Partition {
    name: String,
    bound: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sequence {
    name: String,
    last_value: i64,
    is_called: bool,
}

impl Catalog {
    pub async fn read(connection: &mut PgConnection) -> Result<Self, BackupFault> {
        let tables: Vec<(String, Vec<String>)> = sqlx::query_as(TABLES).fetch_all(&mut *connection).await?;
        let mut partitions: BTreeMap<String, Vec<Partition>> = BTreeMap::new();
        for (parent, name, bound) in
            sqlx::query_as::<_, (String, String, String)>(PARTITIONS).fetch_all(&mut *connection).await?
        {
            partitions.entry(parent).or_default().push(Partition { name, bound });
        }
        let references: Vec<(String, String)> = sqlx::query_as(REFERENCES).fetch_all(&mut *connection).await?;
        let tables = tables
            .into_iter()
            .map(|(name, columns)| {
                let partitions = partitions.remove(&name).unwrap_or_default();
                Table { name, columns, partitions }
            })
            .collect();
        let mut sequences = Vec::new();
        for name in sqlx::query_scalar::<_, String>(SEQUENCES).fetch_all(&mut *connection).await? {
            sequences.push(Sequence::read(connection, name).await?);
        }
        Ok(Self { tables: load_order(tables, &references), sequences })
    }
}

impl Table {
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(String::as_str)
    }

    pub fn qualified(&self) -> String {
        format!("{}.{}", quoted("public"), quoted(&self.name))
    }

    pub fn column_list(&self) -> String {
        self.columns().map(quoted).collect::<Vec<_>>().join(", ")
    }
}

impl Partition {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The bound if it looks like one. It comes from the file and goes into a statement, so beyond quoted literals only
    /// what a range or list of constants is made of may be in it.
    pub fn checked_bound(&self) -> Result<&str, BackupFault> {
        let shaped = self.bound == "DEFAULT" || self.bound.starts_with("FOR VALUES ");
        let plain = self.bound.split('\'').step_by(2).all(|outside| {
            outside.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | ',' | '(' | ')' | '-' | '.' | '_'))
        });
        let closed = self.bound.matches('\'').count().is_multiple_of(2) && !self.bound.contains('\\');
        if shaped && plain && closed {
            Ok(&self.bound)
        } else {
            Err(BackupFault::Disagree { what: format!("the range of partition {}", self.name) })
        }
    }
}

impl Sequence {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sequences stand outside the snapshot, but run ahead of every value the snapshot holds.
    async fn read(connection: &mut PgConnection, name: String) -> Result<Self, BackupFault> {
        let look = format!("SELECT last_value, is_called FROM {}.{}", quoted("public"), quoted(&name));
        let (last_value, is_called) = sqlx::query_as(AssertSqlSafe(look)).fetch_one(connection).await?;
        Ok(Self { name, last_value, is_called })
    }

    pub async fn set(&self, connection: &mut PgConnection) -> Result<(), BackupFault> {
        let name = format!("{}.{}", quoted("public"), quoted(&self.name));
        let set = sqlx::query("SELECT setval($1::text::regclass, $2, $3)").bind(name);
        set.bind(self.last_value).bind(self.is_called).execute(connection).await?;
        Ok(())
    }
}

/// An identifier that stands for itself in SQL.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Referenced before referring. Tables that refer to each other in a circle come in the order of their names; their
/// constraints must be deferrable.
fn load_order(tables: Vec<Table>, references: &[(String, String)]) -> Vec<Table> {
    let mut waiting: BTreeMap<String, Table> = tables.into_iter().map(|table| (table.name.clone(), table)).collect();
    let mut ordered = Vec::new();
    while !waiting.is_empty() {
        let blocked: BTreeSet<&String> = references
            .iter()
            .filter(|(from, to)| from != to && waiting.contains_key(to))
            .map(|(from, _)| from)
            .collect();
        let next = waiting.keys().find(|name| !blocked.contains(name)).or(waiting.keys().next()).cloned();
        ordered.extend(next.and_then(|name| waiting.remove(&name)));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(names: &[&str], references: &[(&str, &str)]) -> Vec<String> {
        let table = |name: &&str| Table { name: (*name).to_owned(), columns: Vec::new(), partitions: Vec::new() };
        let references: Vec<_> = references.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
        load_order(names.iter().map(table).collect(), &references).into_iter().map(|table| table.name).collect()
    }

    #[test]
    fn a_table_comes_after_those_it_refers_to() {
        assert_eq!(order(&["a", "b", "c"], &[("a", "b"), ("b", "c")]), ["c", "b", "a"]);
        assert_eq!(order(&["tree", "leaf"], &[("tree", "tree"), ("leaf", "tree")]), ["tree", "leaf"]);
        assert_eq!(order(&["x", "y", "z"], &[("x", "y"), ("y", "x"), ("z", "x")]), ["x", "y", "z"]);
    }

    #[test]
    fn a_quoted_name_stands_for_itself() {
        assert_eq!(quoted(r#"odd "name"; --"#), r#""odd ""name""; --""#);
    }

    #[test]
    fn only_what_looks_like_a_bound_becomes_sql() {
        let bound = |text: &str| Partition { name: "p".into(), bound: text.into() };
        for good in [
            "DEFAULT",
            "FOR VALUES FROM ('2026-01-01 00:00:00+00') TO ('2026-02-01 00:00:00+00')",
            "FOR VALUES FROM (MINVALUE) TO (-5)",
            "FOR VALUES IN ('it''s', NULL)",
            "FOR VALUES WITH (modulus 4, remainder 0)",
        ] {
            assert!(bound(good).checked_bound().is_ok(), "{good}");
        }
        for bad in [
            "",
            "DEFAULT; DROP TABLE users",
            "FOR VALUES IN (1); DROP TABLE users",
            "FOR VALUES IN ('open)",
            r"FOR VALUES IN (E'\'', 1)",
            "FOR VALUES IN (1) WITH (x = \"y\")",
            "FOR VALUES IN (1) -- \n",
        ] {
            assert!(bound(bad).checked_bound().is_err(), "{bad}");
        }
    }
}
