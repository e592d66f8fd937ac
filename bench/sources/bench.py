"""Collection of 1 million rows × 12 columns from PostgreSQL and MariaDB beside pandas and ConnectorX; of 1 million hashes
from Redis beside redis-py and pyarrow; of 200,000 documents from MongoDB (an emulator of it) beside pymongo and pyarrow,
and from Elasticsearch beside elasticsearch-py and pyarrow.

Ours is `aimass datasets add` from a stopped server to the committed Delta version, and it reads the table **twice** by
design: once to write it, and once more on a second connection at the same moment to compare every row, the count and
the sums with what was written (docs/decisions/0007). Types are exact (decimals), files are fsynced, one job process. The
others read once, compare nothing, make doubles of decimals, and write one Parquet file without fsync. Databases are
private servers on loopback, their work is not in the CPU seconds. Peak memory is that of a contender's largest process.
"""

import datetime
import pathlib
import sys
import tempfile

from bench import BINARY, median, run, scratch
from elasticsearch_server import Elasticsearch
from harness import MariaDb, Mongo, Postgres, Redis

ROWS = 1_000_000
DOCUMENTS = 200_000
PASSWORD = "bench"
TABLE = """CREATE TABLE orders (id BIGINT PRIMARY KEY, customer_id INT NOT NULL, sku VARCHAR(20) NOT NULL,
  quantity SMALLINT NOT NULL, price_cny DECIMAL(12,2) NOT NULL, discount DOUBLE PRECISION, paid BOOLEAN NOT NULL,
  channel VARCHAR(10) NOT NULL, city VARCHAR(20) NOT NULL, ordered_at TIMESTAMP NOT NULL, shipped DATE, note VARCHAR(200))"""
# The same numbers in both dialects: {i} is the number of the row, {at} and {day} make a time of seconds and days.
VALUES = """{i}, {i} * 7919 % 200000, concat('SKU-', {i} * 31 % 90000 + 10000), {i} % 19 + 1, ({i} * 37 % 99991) / 100.0,
  CASE WHEN {i} % 10 = 0 THEN NULL ELSE {i} % 100 / 256.0 END, {i} % 14 <> 0,
  CASE {i} % 4 WHEN 0 THEN 'web' WHEN 1 THEN 'app' WHEN 2 THEN 'store' ELSE 'phone' END,
  CASE {i} % 3 WHEN 0 THEN '上海' WHEN 1 THEN '北京' ELSE 'Singapore' END, {at}, {day},
  CASE WHEN {i} % 5 = 0 THEN NULL ELSE concat('order ', {i}, ' 请尽快发货') END"""

PEERS = {
    "pandas": "import pandas, sqlalchemy\n"
              "pandas.read_sql('SELECT * FROM orders', sqlalchemy.create_engine(alchemy)).to_parquet(out)",
    "ConnectorX": "import connectorx, pyarrow.parquet\n"
                  "pyarrow.parquet.write_table(connectorx.read_sql(url, 'SELECT * FROM orders', return_type='arrow'), out)",
    "ConnectorX, 2 partitions": "import connectorx, pyarrow.parquet\n"
                                "pyarrow.parquet.write_table(connectorx.read_sql(url, 'SELECT * FROM orders', "
                                "return_type='arrow', partition_on='id', partition_num=2), out)",
}


class PostgresTable:
    kind, driver = "postgres", "postgresql+psycopg2"

    def __init__(self, home: pathlib.Path):
        self.server = Postgres(home)
        self.server.start()
        values = VALUES.format(i="i", at="'2024-01-01'::timestamp + i * interval '61 seconds'",
                               day="'2024-01-02'::date + (i % 700)::int")
        for sql in (f"CREATE ROLE reader LOGIN SUPERUSER PASSWORD '{PASSWORD}'", TABLE,
                    f"INSERT INTO orders SELECT {values} FROM generate_series(1::bigint, {ROWS}) i", "ANALYZE orders"):
            self.server.run(sql)
        self.database = "postgres"


class MariaDbTable:
    kind, driver = "mysql", "mysql+pymysql"

    def __init__(self, home: pathlib.Path):
        self.server = MariaDb(home)
        self.server.start()
        values = VALUES.format(i="seq", at="'2024-01-01' + INTERVAL seq * 61 SECOND",
                               day="DATE('2024-01-02') + INTERVAL seq % 700 DAY")
        self.server.run("CREATE DATABASE shop", "USE shop", "SET time_zone = '+00:00'", TABLE,
                        f"INSERT INTO orders SELECT {values} FROM seq_1_to_{ROWS}", "ANALYZE TABLE orders",
                        f"CREATE USER reader@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'",
                        "GRANT SELECT ON shop.* TO reader@'127.0.0.1'", "SET GLOBAL general_log = 0")
        self.database = "shop"

# HGETALL of a thousand keys at a time in one pipeline, all columns as text, as ours.
REDIS_PEER = """import redis, pyarrow, pyarrow.parquet
r = redis.Redis(port=port, password=password)
def rows():
    keys = []
    for key in r.scan_iter('user:*', count=1000):
        keys.append(key)
        if len(keys) == 1000:
            yield from hashes(keys)
            keys = []
    yield from hashes(keys)
def hashes(keys):
    pipe = r.pipeline(transaction=False)
    for key in keys: pipe.hgetall(key)
    for key, fields in zip(keys, pipe.execute()):
        yield {'key': key.decode()} | {name.decode(): value.decode() for name, value in fields.items()}
pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows())), out)
"""


class RedisHashes:
    kind = "redis"

    def __init__(self, home: pathlib.Path):
        self.server = Redis(home)
        self.server.start()
        for first in range(0, ROWS, 100_000):
            self.server.run_all(["HSET", f"user:{i}", "name", f"客户 {i}", "city", ("上海", "北京", "Singapore")[i % 3],
                                 "points", i * 37 % 99991, "level", i % 7, "seen", 1_764_318_600 + i] for i in
                                range(first, first + 100_000))
        self.server.run("ACL", "SETUSER", "reader", "on", f">{PASSWORD}", "allkeys", "allchannels", "+@all")


# All documents, as whoever uses both would write it.
MONGO_PEER = """import pymongo, pyarrow, pyarrow.parquet
documents = pymongo.MongoClient('127.0.0.1', port, directConnection=True)['shop']['orders'].find()
pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(documents)), out)
"""


class MongoDocuments:
    kind = "mongodb"
    database = "shop"

    def __init__(self, home: pathlib.Path):
        self.server = Mongo(home, changes=False)
        self.server.start()
        self.settings = ["host=127.0.0.1", f"port={self.server.port}"]
        orders = self.server.client[self.database]["orders"]
        day = datetime.datetime(2026, 1, 1)
        for first in range(0, DOCUMENTS, 10_000):
            orders.insert_many([{"_id": i, "customer": i * 7919 % 200_000, "sku": f"SKU-{i * 31 % 90_000 + 10_000}",
                                 "quantity": i % 19 + 1, "price": (i * 37 % 99_991) / 100.0, "paid": i % 14 != 0,
                                 "city": ("上海", "北京", "Singapore")[i % 3], "at": day + datetime.timedelta(seconds=i * 61),
                                 "note": f"order {i} 请尽快发货"} for i in range(first, first + 10_000)])


# helpers.scan scrolls a thousand documents at a time, as it does unless told.
ELASTICSEARCH_PEER = """import elasticsearch, elasticsearch.helpers, pyarrow, pyarrow.parquet
client = elasticsearch.Elasticsearch(f'http://127.0.0.1:{port}', request_timeout=60, basic_auth=('tests', password))
rows = [{'_id': hit['_id']} | hit['_source'] for hit in elasticsearch.helpers.scan(client, index='orders')]
pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), out)
"""


class ElasticsearchIndex:
    kind = "elasticsearch"
    password = Elasticsearch.ADMIN[1]

    def __init__(self, home: pathlib.Path):
        self.server = Elasticsearch(home, heap_mb=1024)
        self.server.start()
        self.settings = [f"address={self.server.address}", "user=tests"]
        self.server.create("orders", {
            "id": {"type": "long"}, "customer": {"type": "keyword"}, "city": {"type": "keyword"}, "price": {"type": "double"},
            "quantity": {"type": "short"}, "paid": {"type": "boolean"}, "at": {"type": "date"}, "note": {"type": "text"}})
        self.server.ask("PUT", "/orders/_settings", {"index.search.slowlog.threshold.query.warn": "-1"})
        self.server.put("orders", ((i, {
            "id": i, "customer": f"客户 {i * 7919 % 20000}", "city": ("上海", "北京", "Singapore")[i % 3],
            "price": i * 37 % 99991 / 100, "quantity": i % 19 + 1, "paid": i % 14 != 0,
            "at": f"2026-{i % 12 + 1:02d}-{i % 28 + 1:02d}T08:{i % 60:02d}:00Z", "note": f"order {i} 请尽快发货"})
            for i in range(DOCUMENTS)))
        self.server.ask("POST", "/orders/_forcemerge?max_num_segments=1")


def peer_of(script: str):
    def run_peer(table):
        out = scratch("sources") / "out.parquet"
        names = f"port, password, out = {table.server.port}, {getattr(table, 'password', None)!r}, {str(out)!r}"
        return run([sys.executable, "-c", f"{names}\n{script}"])

    return run_peer


def measure_store(bench, label: str, what: str, make, name: str, peer_name: str, script: str) -> None:
    """Ours beside the usual Python client: `name` is what the table is called."""
    table = make(pathlib.Path(tempfile.mkdtemp(prefix="aimass-bench-")))
    contenders = {"aimass (reads twice, compares)": lambda table: collect(table, name), peer_name: peer_of(script)}
    seen = {contender: [] for contender in contenders}
    try:
        for _ in range(bench.runs):
            for contender, call in contenders.items():
                seen[contender].append(call(table))
    finally:
        table.server.remove()
    ours, theirs = seen.values()
    bench.table(f"{label}: {what}, median of {bench.runs} runs",
                ["tool", "seconds", "CPU seconds", "peak MB", "its seconds / ours"],
                [[tool, median(c.wall_s for c in costs), median(c.cpu_s for c in costs), max(c.peak_mb for c in costs),
                  median(c.wall_s / o.wall_s for c, o in zip(costs, ours))] for tool, costs in seen.items()])
    bench.at_least(f"{label}: seconds, {peer_name} / ours",
                   median(c.wall_s / o.wall_s for c, o in zip(theirs, ours)), 3.0)
    bench.at_most(f"{label}: peak MB of ours", max(c.peak_mb for c in ours), 300)
    bench.figures[label] = {tool: [[c.wall_s, c.cpu_s, c.peak_mb] for c in costs] for tool, costs in seen.items()}


def collect(table, name: str):
    """Adding the source is not measured; collecting is."""
    data = scratch("sources") / "data"
    secret = data.parent / "secret"
    secret.write_text(getattr(table, "password", PASSWORD))
    settings = getattr(table, "settings", ["host=127.0.0.1", f"port={table.server.port}", "user=reader"])
    settings = settings + ([f"database={table.database}"] if hasattr(table, "database") else [])
    signs_in = [] if table.kind == "mongodb" else ["--secret-file", f"password={secret}"]
    run([BINARY, "sources", "add", "erp", "--kind", table.kind, *[word for one in settings for word in ("--set", one)],
         *signs_in, "--data", data])
    what = name if table.kind == "redis" else "orders"
    cost = run([BINARY, "datasets", "add", "orders", "--source", "erp", "--table", what, "--data", data, "--json"])
    shown = run([BINARY, "sql", "SELECT count(*) AS n FROM orders", "--data", data, "--json"]).out
    assert str(DOCUMENTS if table.kind in ("mongodb", "elasticsearch") else ROWS) in shown, shown
    return cost


def peer(table, name: str):
    out = scratch("sources") / "out.parquet"
    place = f"reader:{PASSWORD}@127.0.0.1:{table.server.port}/{table.database}"
    url = f"{'postgresql' if table.kind == 'postgres' else 'mysql'}://{place}"
    names = f"url, alchemy, out = {url!r}, '{table.driver}://{place}', {str(out)!r}"
    return run([sys.executable, "-c", f"{names}\n{PEERS[name]}"])


def measure(bench) -> None:
    bench.peers("pandas", "connectorx", "pyarrow", "sqlalchemy", "psycopg2-binary", "pymysql", "redis", "pymongo", "elasticsearch")
    for label, kind in (("PostgreSQL 15", PostgresTable), ("MariaDB 10.11", MariaDbTable)):
        home = pathlib.Path(tempfile.mkdtemp(prefix="aimass-bench-"))
        table = kind(home)
        try:
            contenders = {"aimass (reads twice, compares)": collect} | {name: peer for name in PEERS}
            seen = {name: [] for name in contenders}
            for _ in range(bench.runs):
                for name, call in contenders.items():
                    seen[name].append(call(table, name))
        finally:
            table.server.remove()
        ours = seen["aimass (reads twice, compares)"]
        bench.table(f"{label}: {ROWS:,} rows × 12 columns, median of {bench.runs} runs",
                    ["tool", "seconds", "CPU seconds", "peak MB", "its seconds / ours"],
                    [[name, median(c.wall_s for c in costs), median(c.cpu_s for c in costs),
                      max(c.peak_mb for c in costs), median(c.wall_s / o.wall_s for c, o in zip(costs, ours))]
                     for name, costs in seen.items()])
        for name, limit in (("pandas", 2.0), ("ConnectorX", 1.0)):
            bench.at_least(f"{label}: seconds, {name} / ours",
                           median(c.wall_s / o.wall_s for c, o in zip(seen[name], ours)), limit)
        bench.at_most(f"{label}: peak MB of ours", max(c.peak_mb for c in ours), 300)
        bench.figures[label] = {name: [[c.wall_s, c.cpu_s, c.peak_mb] for c in costs] for name, costs in seen.items()}
    measure_store(bench, "Redis 7.0", f"{ROWS:,} hashes of 5 fields", RedisHashes, "hash user:*", "redis-py + pyarrow",
                  REDIS_PEER)
    measure_store(bench, "MongoDB emulator", f"{DOCUMENTS:,} documents of 9 fields", MongoDocuments, "orders",
                  "pymongo + pyarrow", MONGO_PEER)
    measure_store(bench, "Elasticsearch 8.19", f"{DOCUMENTS:,} documents of 8 fields", ElasticsearchIndex, "orders",
                  "elasticsearch-py + pyarrow", ELASTICSEARCH_PEER)
    scratch("sources")
