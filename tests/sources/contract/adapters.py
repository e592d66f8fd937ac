"""One class per connector: how a test makes, fills and changes a table there, without AI Mass.

An adapter knows its server (from a fixture of tests/conftest.py), and nothing of what the connector can do: that is what
GET /api/v1/connectors declares, and what the tests in this folder hold it to. A new connector adds a class here and its
name to ADAPTERS.

    kind                what POST /api/v1/sources calls it
    fixture             the fixture that gives the server
    settings()          of a source that may read all tables of the adapter
    query(table)        every row of the table, in the language of the server; None where it has none
    create(table)       a table (id, name, amount, updated_at) whose key is id; amount has two decimals
    insert(table, rows) rows: (id, name, amount, moment as "2026-01-02 03:04:05" in UTC)
    update(table, row)  the row with that id becomes so
    delete(table, id)
    rows(table)         all rows as insert() took them, by id
    pushed_down(log, table) whether, by the server's own log since `log` was taken, rows were looked for by the cursor
    totals(log, table)  whether, by that log, the server counted the rows, and added up columns
    log()               a mark in the server's log
"""

import decimal


class Mysql:
    kind = "mysql"
    fixture = "mariadb"
    database = "contract"

    def __init__(self, server):
        self.server = server
        server.run(f"CREATE DATABASE IF NOT EXISTS {self.database}",
                   "CREATE USER IF NOT EXISTS contract@'127.0.0.1' IDENTIFIED BY 'p'",
                   f"GRANT SELECT ON {self.database}.* TO contract@'127.0.0.1'")

    def settings(self) -> dict:
        return {"host": "127.0.0.1", "port": self.server.port, "user": "contract", "password": "p",
                "database": self.database}

    def query(self, table: str) -> str | None:
        return f"SELECT * FROM {table}"

    def create(self, table: str) -> None:
        self.server.run(f"CREATE TABLE {table} (id BIGINT PRIMARY KEY, name VARCHAR(100), amount DECIMAL(12,2), "
                        "updated_at DATETIME, INDEX (updated_at))", database=self.database)

    def insert(self, table: str, rows: list[tuple]) -> None:
        with self.server.connect(self.database) as connection, connection.cursor() as cursor:
            cursor.executemany(f"INSERT INTO {table} VALUES (%s, %s, %s, %s)", rows)

    def update(self, table: str, row: tuple) -> None:
        with self.server.connect(self.database) as connection, connection.cursor() as cursor:
            cursor.execute(f"UPDATE {table} SET name = %s, amount = %s, updated_at = %s WHERE id = %s", [*row[1:], row[0]])

    def delete(self, table: str, key: int) -> None:
        self.server.run(f"DELETE FROM {self.database}.{table} WHERE id = {key}")

    def rows(self, table: str) -> list[tuple]:
        return [(key, name, decimal.Decimal(amount), str(moment)) for key, name, amount, moment in
                self.server.run(f"SELECT * FROM {self.database}.{table} ORDER BY id")]

    def log(self) -> int:
        return len(self.server.queries())

    def pushed_down(self, log: int, table: str) -> bool:
        reads = [line for line in self.server.queries()[log:].splitlines()
                 if "\tSELECT `id`" in line and f"FROM `{table}`" in line]
        return any("WHERE `updated_at` >=" in line for line in reads) and all(
            "WHERE `updated_at`" in line or "LIMIT 1" in line for line in reads)

    def totals(self, log: int, table: str) -> tuple[bool, bool]:
        asked = [line for line in self.server.queries()[log:].splitlines()
                 if "SELECT COUNT(*)" in line and f"FROM `{table}`" in line]
        return bool(asked), any("SUM(`amount`)" in line for line in asked)


ADAPTERS = [Mysql]
