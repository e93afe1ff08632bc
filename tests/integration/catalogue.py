"""What PostgreSQL says of a database: all that decides what it accepts, how it answers, or what it costs."""

from __future__ import annotations

from shared.adapters import migrate

QUESTIONS = {
    "tables": """
        SELECT relname, reloptions FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'""",
    "columns": """
        SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
               (SELECT collname FROM pg_collation WHERE oid = a.attcollation), pg_get_expr(d.adbin, d.adrelid)
        FROM pg_class AS c
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'""",
    "constraints": """
        SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace""",
    "indexes": """
        SELECT c.relname, pg_get_indexdef(c.oid) FROM pg_class AS c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'i'""",
    "others": """
        SELECT relname, relkind FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind NOT IN ('r', 'i', 't')""",
}
NOTHING = {name: [] for name in QUESTIONS}


def catalogue(connection):
    """The answers, sorted, without Alembic's own table."""
    answers = {name: connection.exec_driver_sql(question).all() for name, question in QUESTIONS.items()}
    return {
        name: sorted((tuple(row) for row in rows if not row[0].startswith("alembic_version")), key=repr)
        for name, rows in answers.items()
    }


def catalogue_of(url):
    """The same, of a database nobody is connected to."""
    with migrate.connect(url) as connection:
        return catalogue(connection)
