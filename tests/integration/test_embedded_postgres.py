"""The embedded server, with real processes."""

import psycopg


def test_database_is_fresh_and_has_vectors(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url) as connection:
        connection.execute("CREATE EXTENSION vector")
        distance = connection.execute("SELECT '[0,0]'::vector <-> '[3,4]'").fetchone()
    assert distance == (5.0,)
