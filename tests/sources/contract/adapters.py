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

Where a source is not like an SQL database, an adapter says so:

    named(table)        what the source calls the table
    select              the four columns of insert() by SQL over a dataset, before FROM
    cursor              what the table is collected by; None: such a table is not, whatever else the source can
    key                 the columns that tell its rows apart
    sent                what a row that is sent there has beside the four columns, as SQL
    updates             False: a change makes another row of it, which a collection by the cursor cannot know
"""

import csv
import ctypes
import datetime
import decimal
import io
import json
import os
import struct

import bson
import mongo_proxy


class Mysql:
    kind = "mysql"
    fixture = "mariadb"
    database = "contract"

    def __init__(self, server):
        self.server = server
        server.run(f"CREATE DATABASE IF NOT EXISTS {self.database}",
                   "CREATE USER IF NOT EXISTS contract@'127.0.0.1' IDENTIFIED BY 'p'",
                   "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, CREATE TEMPORARY TABLES "
                   f"ON {self.database}.* TO contract@'127.0.0.1'",
                   "GRANT REPLICATION SLAVE ON *.* TO contract@'127.0.0.1'")

    def settings(self) -> dict:
        return {"host": "127.0.0.1", "port": self.server.port, "user": "contract", "password": "p",
                "database": self.database, "writable": True}

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


class Postgres:
    kind = "postgres"
    fixture = "logged_postgres"
    database = "contract"

    def __init__(self, server):
        self.server = server
        server.run("CREATE ROLE contract LOGIN")
        server.run(f"CREATE DATABASE {self.database} OWNER postgres")
        server.run("GRANT USAGE, CREATE ON SCHEMA public TO contract", self.database)
        server.run("ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO contract",
                   self.database)

    def settings(self) -> dict:
        return {"host": "127.0.0.1", "port": self.server.port, "user": "contract", "password": "p",
                "database": self.database, "writable": True}

    def query(self, table: str) -> str | None:
        return f"SELECT * FROM {table}"

    def create(self, table: str) -> None:
        self._run(f"CREATE TABLE {table} (id BIGINT PRIMARY KEY, name VARCHAR(100), amount NUMERIC(12,2), "
                  "updated_at TIMESTAMP)")

    def insert(self, table: str, rows: list[tuple]) -> None:
        values = ", ".join(f"({key}, '{name}', {amount}, '{moment}')" for key, name, amount, moment in rows)
        self._run(f"INSERT INTO {table} VALUES {values}")

    def update(self, table: str, row: tuple) -> None:
        key, name, amount, moment = row
        self._run(f"UPDATE {table} SET name = '{name}', amount = {amount}, updated_at = '{moment}' WHERE id = {key}")

    def delete(self, table: str, key: int) -> None:
        self._run(f"DELETE FROM {table} WHERE id = {key}")

    def rows(self, table: str) -> list[tuple]:
        lines = [line.split("|") for line in self._run(f"SELECT * FROM {table} ORDER BY id").splitlines()]
        return [(int(key), name, decimal.Decimal(amount), moment) for key, name, amount, moment in lines]

    def log(self) -> int:
        return len(self.server.log())

    def pushed_down(self, log: int, table: str) -> bool:
        reads = [line for line in self.server.log()[log:].splitlines() if "COPY (SELECT" in line and table in line]
        return any('WHERE "updated_at" >=' in line for line in reads) and all(
            'WHERE "updated_at"' in line or "LIMIT 1" in line for line in reads)

    def totals(self, log: int, table: str) -> tuple[bool, bool]:
        asked = [line for line in self.server.log()[log:].splitlines()
                 if "SELECT pg_catalog.count(*)" in line and table in line]
        return bool(asked), any('pg_catalog.sum("amount")' in line for line in asked)

    def _run(self, sql: str) -> str:
        return self.server.run(sql, self.database)


class Redis:
    """A key with a hash per row."""

    kind = "redis"
    fixture = "redis"
    select = "SELECT CAST(id AS BIGINT), name, CAST(amount AS DECIMAL(12,2)), updated_at"
    cursor = None

    def __init__(self, server):
        self.server = server
        server.run("ACL", "SETUSER", "contract", "on", ">p", "~*", "resetchannels", "&__redis__:invalidate", "+@read",
                   "+client|id", "+client|tracking", "+subscribe")
        server.run("CONFIG", "SET", "slowlog-max-len", 100000)  # the server's log of every command
        server.run("CONFIG", "SET", "slowlog-log-slower-than", 0)

    def settings(self) -> dict:
        return {"host": "127.0.0.1", "port": self.server.port, "user": "contract", "password": "p"}

    def named(self, table: str) -> str:
        return f"hash {table}:*"

    def query(self, table: str) -> str | None:
        return None

    def create(self, table: str) -> None:
        self.server.run("SET", "contract", "has a key")  # tables are there once they have rows

    def insert(self, table: str, rows: list[tuple]) -> None:
        self.server.run_all(["HSET", f"{table}:{row[0]}", *self._fields(row)] for row in rows)

    def update(self, table: str, row: tuple) -> None:
        self.insert(table, [row])

    def delete(self, table: str, key: int) -> None:
        self.server.run("DEL", f"{table}:{key}")

    def rows(self, table: str) -> list[tuple]:
        keys = self.server.run("KEYS", f"{table}:*")
        return sorted(self._row(fields) for fields in self.server.run_all(["HGETALL", key] for key in keys))

    def log(self) -> int:
        return self.server.run("SLOWLOG", "GET", 1)[0][0]

    def pushed_down(self, log: int, table: str) -> bool:
        raise NotImplementedError

    def totals(self, log: int, table: str) -> tuple[bool, bool]:
        words = [command[0] for command in self._commands(log)
                 if (command[0] == "SCAN" and self.named(table).endswith(f" {command[3]}")) or
                 (command[0] == "HSCAN" and command[1].startswith(f"{table}:"))]
        return words[-1] == "SCAN", False  # its keys were looked for without a look at what they hold

    def _commands(self, log: int) -> list[list[str]]:
        entries = [entry for entry in self.server.run("SLOWLOG", "GET", -1) if entry[0] > log]
        return [[word.decode() for word in entry[3]] for entry in reversed(entries)]

    @staticmethod
    def _fields(row: tuple) -> list:
        return ["id", row[0], "name", row[1], "amount", row[2], "updated_at", row[3]]

    @staticmethod
    def _row(fields: list) -> tuple:
        texts = {name.decode(): value.decode() for name, value in zip(fields[::2], fields[1::2])}
        return int(texts["id"]), texts["name"], decimal.Decimal(texts["amount"]), texts["updated_at"]


class RedisStream(Redis):
    """A stream with an entry per row. What changes in a row is another entry."""

    select = "SELECT CAST(id_2 AS BIGINT), name, CAST(amount AS DECIMAL(12,2)), updated_at"
    cursor = "position"
    key = ["position"]
    updates = False

    def named(self, table: str) -> str:
        return f"stream {table}"

    def insert(self, table: str, rows: list[tuple]) -> None:
        self.server.run_all(["XADD", table, f"{self._ms(row[3])}-*", *self._fields(row)] for row in rows)

    def update(self, table: str, row: tuple) -> None:
        self.delete(table, row[0])
        self.insert(table, [row])

    def delete(self, table: str, key: int) -> None:
        for entry, fields in self.server.run("XRANGE", table, "-", "+"):
            if self._row(fields)[0] == key:
                self.server.run("XDEL", table, entry)

    def rows(self, table: str) -> list[tuple]:
        return sorted(self._row(fields) for _, fields in self.server.run("XRANGE", table, "-", "+"))

    def pushed_down(self, log: int, table: str) -> bool:
        reads = [command for command in self._commands(log) if command[:2] == ["XRANGE", table]]
        starts = {command[2] for command in reads if command[-1] != "1" and command[2] != "-"}  # -: a look at its fields
        return bool(starts) and "0-0" not in starts

    def totals(self, log: int, table: str) -> tuple[bool, bool]:
        return ["XINFO", "STREAM", table] in self._commands(log), False

    @staticmethod
    def _ms(moment: str) -> int:
        return int(datetime.datetime.fromisoformat(moment + "+00:00").timestamp() * 1000)


class Mongodb:
    """A document per row, whose _id is the row's id; the log is what a proxy before the server was asked."""

    kind = "mongodb"
    fixture = "mongo"
    select = "SELECT _id, name, CAST(amount AS DECIMAL(12,2)), strftime(make_timestamp(epoch_us(updated_at)), '%Y-%m-%d %H:%M:%S')"
    key = ["_id"]

    def __init__(self, server):
        self.database = server.client["contract"]
        self.proxy = mongo_proxy.Proxy(server.port)

    def settings(self) -> dict:
        return {"host": "127.0.0.1", "port": self.proxy.port, "database": "contract"}

    def query(self, table: str) -> str | None:
        return json.dumps({"aggregate": table, "pipeline": [{"$match": {"_id": {"$gte": 0}}}]})

    def create(self, table: str) -> None:
        self.database.create_collection(table)

    def insert(self, table: str, rows: list[tuple]) -> None:
        self.database[table].insert_many([self._document(row) for row in rows])

    def update(self, table: str, row: tuple) -> None:
        self.database[table].replace_one({"_id": row[0]}, self._document(row))

    def delete(self, table: str, key: int) -> None:
        self.database[table].delete_one({"_id": key})

    def rows(self, table: str) -> list[tuple]:
        return sorted((row["_id"], row["name"], row["amount"].to_decimal(), str(row["updated_at"]))
                      for row in self.database[table].find())

    def log(self) -> int:
        return len(self.proxy.commands)

    def pushed_down(self, log: int, table: str) -> bool:
        reads = [command for command in self.proxy.commands[log:] if command.get("find") == table and "sort" not in command]
        return any("$gte" in (command["filter"].get("updated_at") or ()) for command in reads) and all(
            "updated_at" in command["filter"] or command.get("limit") == 1 for command in reads)

    def totals(self, log: int, table: str) -> tuple[bool, bool]:
        groups = [stage["$group"] for command in self.proxy.commands[log:] if command.get("aggregate") == table
                  for stage in command["pipeline"] if "$group" in stage]
        return any(group.get("rows") == {"$sum": 1} for group in groups), any("$amount" in str(group) for group in groups)

    @staticmethod
    def _document(row: tuple) -> dict:
        key, name, amount, moment = row
        return {"_id": key, "name": name, "amount": bson.Decimal128(amount),
                "updated_at": datetime.datetime.fromisoformat(moment)}


class Files:
    """A folder of CSV files, some rows in each; the log is what the kernel tells of files that are opened."""

    kind = "files"
    fixture = "folder"
    ROWS_IN_A_FILE = 200
    IN_OPEN = 0x20

    def __init__(self, folder):
        self.root = folder
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.watch = self.libc.inotify_init1(os.O_NONBLOCK)
        self.folders: dict[int, str] = {}
        self.opened: list[str] = []

    def settings(self) -> dict:
        return {"folder": str(self.root)}

    def query(self, table: str) -> str | None:
        return None

    def named(self, table: str) -> str:
        return f"{table}/*.csv"

    def create(self, table: str) -> None:
        (self.root / table).mkdir()
        number = self.libc.inotify_add_watch(self.watch, str(self.root / table).encode(), self.IN_OPEN)
        assert number > 0, os.strerror(ctypes.get_errno())
        self.folders[number] = table
        self._write(self.root / table / "0.csv", [])

    def insert(self, table: str, rows: list[tuple]) -> None:
        held = len(list((self.root / table).iterdir()))
        for first in range(0, len(rows), self.ROWS_IN_A_FILE):
            self._write(self.root / table / f"{held + first}.csv", rows[first:first + self.ROWS_IN_A_FILE])

    def update(self, table: str, row: tuple) -> None:
        path, rows = self._file_of(table, row[0])
        self._write(path, [row if old[0] == row[0] else old for old in rows])

    def delete(self, table: str, key: int) -> None:
        path, rows = self._file_of(table, key)
        self._write(path, [row for row in rows if row[0] != key])

    def rows(self, table: str) -> list[tuple]:
        return sorted(row for path in (self.root / table).iterdir() for row in self._read(path))

    def log(self) -> int:
        try:
            while data := os.read(self.watch, 1 << 16):
                while data:
                    number, _, _, length = struct.unpack_from("iIII", data)
                    self.opened.append(f"{self.folders[number]}/{data[16:16 + length].rstrip(bytes(1)).decode()}")
                    data = data[16 + length:]
        except BlockingIOError:
            return len(self.opened)

    def pushed_down(self, log: int, table: str) -> bool:
        """Only files that are new or changed were opened: not those of which nothing was said since."""
        opened = {name for name in self.opened[log:self.log()] if name.startswith(f"{table}/") and name.endswith(".csv")}
        return 0 < len(opened) < len(list((self.root / table).iterdir()))

    def totals(self, log: int, table: str) -> tuple[bool, bool]:
        return False, False  # files count nothing

    def _file_of(self, table: str, key: int):
        for path in (self.root / table).iterdir():
            rows = self._read(path)
            if any(row[0] == key for row in rows):
                return path, rows

    def _read(self, path) -> list[tuple]:
        with path.open(newline="") as file:
            return self._parse(file)

    @staticmethod
    def _parse(file) -> list[tuple]:
        return [(int(key), name, decimal.Decimal(amount), moment) for key, name, amount, moment in
                list(csv.reader(file))[1:]]

    def _write(self, path, rows: list[tuple]) -> None:
        with path.with_suffix(".tmp").open("w", newline="") as file:
            csv.writer(file).writerows([("id", "name", "amount", "updated_at"), *rows])
        path.with_suffix(".tmp").rename(path)


class S3(Files):
    """A bucket of CSV objects, some rows in each, read by a user who may do that and nothing else."""

    kind = "s3"
    fixture = "s3"
    bucket = "contract"

    def __init__(self, server):
        self.server = server
        server.make_bucket(self.bucket)
        server.add_user("contract", "p/w+1=")
        server.allow(self.bucket, "contract", "s3:ListBucket", "s3:GetObject")

    def settings(self) -> dict:
        return self.server.settings(self.bucket, "contract", "p/w+1=") | {"prefix": "表"}

    def create(self, table: str) -> None:
        self._put(f"表/{table}/0.csv", [])

    def insert(self, table: str, rows: list[tuple]) -> None:
        held = len(self._keys(table))
        for first in range(0, len(rows), self.ROWS_IN_A_FILE):
            self._put(f"表/{table}/{held + first}.csv", rows[first:first + self.ROWS_IN_A_FILE])

    def rows(self, table: str) -> list[tuple]:
        return sorted(row for key in self._keys(table) for row in self._rows_of(key))

    def log(self) -> int:
        return len(self.server.log())

    def pushed_down(self, log: int, table: str) -> bool:
        """Only objects that are new or changed were got."""
        got = {key for operation, bucket, key in self.server.log()[log:]
               if (operation, bucket) == ("GetObject", self.bucket) and key.startswith(f"表/{table}/")}
        return 0 < len(got) < len(self._keys(table))

    def _keys(self, table: str) -> list[str]:
        return [key for key in self.server.keys(self.bucket) if key.startswith(f"表/{table}/")]

    def _file_of(self, table: str, key: int):
        for name in self._keys(table):
            rows = self._rows_of(name)
            if any(row[0] == key for row in rows):
                return name, rows

    def _rows_of(self, name: str) -> list[tuple]:
        return self._parse(io.StringIO(self.server.read(self.bucket, name).decode(), newline=""))

    def _write(self, name: str, rows: list[tuple]) -> None:
        self._put(name, rows)

    def _put(self, name: str, rows: list[tuple]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text).writerows([("id", "name", "amount", "updated_at"), *rows])
        self.server.client.put_object(Bucket=self.bucket, Key=name, Body=text.getvalue().encode())


class Elasticsearch:
    """A document per row, whose _id is the row's id."""

    kind = "elasticsearch"
    fixture = "elasticsearch"
    select = ("SELECT id, name, CAST(amount AS DECIMAL(12,2)), "
              "strftime(make_timestamp(epoch_us(updated_at)), '%Y-%m-%d %H:%M:%S')")
    key = ["_id"]
    sent = "CAST(id AS VARCHAR) AS _id, "
    SAMPLED = 500  # documents that may be looked at from either end to learn where lists are

    def __init__(self, server):
        self.server = server

    def settings(self) -> dict:
        return {"address": self.server.address, "user": "writer", "password": self.server.READER[1],
                "writable": True}

    def query(self, table: str) -> str | None:
        return json.dumps({"index": table, "query": {"match_all": {}}})

    def create(self, table: str) -> None:
        self.server.create(table, {"id": {"type": "long"}, "name": {"type": "keyword"},
                                   "amount": {"type": "double"}, "updated_at": {"type": "date"}})

    def insert(self, table: str, rows: list[tuple]) -> None:
        self.server.put(table, ((key, {"id": key, "name": name, "amount": float(amount),
                                       "updated_at": moment.replace(" ", "T") + "Z"}) for key, name, amount, moment in rows))

    def update(self, table: str, row: tuple) -> None:
        self.insert(table, [row])

    def delete(self, table: str, key: int) -> None:
        self.server.remove_documents(table, key)

    def rows(self, table: str) -> list[tuple]:
        return sorted((row["id"], row["name"], decimal.Decimal(str(row["amount"])).quantize(decimal.Decimal("0.01")),
                       row["updated_at"].rstrip("Z").replace("T", " ")) for row in self.server.documents(table).values())

    def log(self) -> int:
        return len(self.server.searches())

    def pushed_down(self, log: int, table: str) -> bool:
        """Besides the sample, and one document for the columns, they were asked for by their range only."""
        reads = [body for index, body in self.server.searches()[log:] if index == table and body["size"] > 0]
        whole = [body["size"] for body in reads if "updated_at" not in json.dumps(body["query"])]
        return any("gte" in json.dumps(body["query"]) for body in reads) and sum(whole) <= 2 * self.SAMPLED + 1

    def totals(self, log: int, table: str) -> tuple[bool, bool]:
        asked = [body for index, body in self.server.searches()[log:] if index == table and body["size"] == 0]
        return bool(asked), any('{"field": "id"}' in json.dumps(body.get("aggregations")) for body in asked)


ADAPTERS = [Mysql, Postgres, Redis, RedisStream, Mongodb, Elasticsearch, Files, S3]
