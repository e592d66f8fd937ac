"""The fixtures themselves."""

import psycopg


def test_postgres_is_private_and_answers(postgres):
    with psycopg.connect(postgres) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("127.0.0.1",)
