"""Changes of a table of MariaDB on their way into a dataset: how many a second, and how far behind it is.

A table of a million rows is changed by statements of 250 rows, 5,000 rows a second: three in five are updates of rows of
the last fifth, one in four new rows, the others deletions. 50 other tables of the same server change beside it. The
dataset has mode changes and is collected every two seconds; a row is given the time each second, and how old that is in
the dataset is the lag. BENCH_SECONDS says how long (600 unless told). Client, database and AI Mass share the machine's
cores. At the end all rows are compared.
"""

import os
import pathlib
import random
import tempfile
import threading
import time

from bench import median, resident_mb, scratch
from harness import MariaDb, Server, wait_for_job

ROWS = 1_000_000
A_SECOND = 5000
AT_ONCE = 250
OTHERS = 50
SECONDS = int(os.environ.get("BENCH_SECONDS", "600"))


def fill(server: MariaDb) -> None:
    server.run("CREATE DATABASE shop", "CREATE USER reader@'127.0.0.1' IDENTIFIED BY 'p'",
               "GRANT SELECT ON shop.* TO reader@'127.0.0.1'", "GRANT REPLICATION SLAVE ON *.* TO reader@'127.0.0.1'",
               "SET GLOBAL general_log = 0")
    server.run("CREATE TABLE orders (id BIGINT PRIMARY KEY AUTO_INCREMENT, customer INT, sku VARCHAR(16), quantity SMALLINT, "
               "price DECIMAL(12,2), at DATETIME(3))",
               "INSERT INTO orders (customer, sku, quantity, price, at) SELECT seq * 7919 % 200000, CONCAT('SKU-', seq % 90000), "
               f"seq % 19, seq * 37 % 99991 / 100, NOW(3) FROM seq_1_to_{ROWS}", database="shop")
    for number in range(OTHERS):
        server.run(f"CREATE TABLE other_{number} (id BIGINT PRIMARY KEY AUTO_INCREMENT, v INT)", database="shop")


class Writer(threading.Thread):
    """Changes the table at its pace; `done` rows so far."""

    def __init__(self, server: MariaDb):
        super().__init__(daemon=True)
        self.server, self.done, self.stop = server, 0, threading.Event()

    def run(self) -> None:
        dice = random.Random(1)
        highest, lowest = ROWS, 1
        began = beat = time.monotonic()
        with self.server.connect("shop") as connection, connection.cursor() as cursor:
            while not self.stop.is_set():
                chance = dice.random()
                if chance < 0.6:
                    first = dice.randrange(highest - ROWS // 5, highest - AT_ONCE)
                    cursor.execute(f"UPDATE orders SET quantity = quantity + 1 WHERE id BETWEEN {first} AND {first + AT_ONCE - 1}")
                elif chance < 0.85:
                    cursor.execute(f"INSERT INTO orders (customer, sku, quantity, price, at) SELECT seq, 'new', 1, 1, NOW(3) "
                                   f"FROM seq_1_to_{AT_ONCE}")
                    highest = cursor.lastrowid + AT_ONCE - 1
                else:
                    cursor.execute(f"DELETE FROM orders WHERE id BETWEEN {lowest + 1} AND {lowest + AT_ONCE}")
                    lowest += AT_ONCE
                self.done += cursor.rowcount
                cursor.execute(f"INSERT INTO other_{dice.randrange(OTHERS)} (v) VALUES (1), (2), (3)")
                if time.monotonic() > beat:
                    cursor.execute("UPDATE orders SET price = UNIX_TIMESTAMP(NOW(2)) WHERE id = 1")
                    beat += 1
                ahead = self.done / A_SECOND - (time.monotonic() - began)
                if ahead > 0:
                    time.sleep(ahead)
        self.seconds = time.monotonic() - began


def memory_mb(server: Server) -> float:
    """Of the server and the job that runs."""
    total = resident_mb(server.process.pid)
    for thread in pathlib.Path(f"/proc/{server.process.pid}/task").iterdir():
        try:
            total += sum(resident_mb(int(child)) for child in (thread / "children").read_text().split())
        except (OSError, ValueError):
            pass  # it has ended
    return total


def watch(client, server: Server, seconds: float) -> tuple[list[float], list[tuple[float, float]]]:
    lags, memory = [], []
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        answer = client.post("/api/v1/sql", json={"query": "SELECT CAST(price AS DOUBLE) FROM orders WHERE id = 1"})
        told = answer.json()["rows"][0][0]
        if told > ROWS:  # before that it is the price that the row had
            lags.append(time.time() - told)
        memory.append((time.monotonic() - began, memory_mb(server)))
        time.sleep(0.5)
    return lags, memory


def measure(bench) -> None:
    home = pathlib.Path(tempfile.mkdtemp(prefix="aimass-bench-"))
    database = MariaDb(home)
    database.start()
    writer = None
    server = None
    try:
        fill(database)
        server = Server(scratch("changes") / "data")
        client = server.client()
        client.post("/api/v1/sources", json={"name": "erp", "kind": "mysql", "settings": {
            "host": "127.0.0.1", "port": database.port, "user": "reader", "password": "p", "database": "shop"}})
        answer = client.post("/api/v1/datasets", json={"name": "orders", "source": "erp", "table": "orders", "mode": "changes",
                                                       "schedule": "every 2s"})
        assert wait_for_job(client, answer.json()["job"]["id"])["state"] == "succeeded", answer.text
        writer = Writer(database)
        writer.start()
        time.sleep(5)
        lags, memory = watch(client, server, SECONDS)
        writer.stop.set()
        writer.join()
        client.patch("/api/v1/datasets/orders", json={"schedule": None})
        deadline = time.monotonic() + 60
        theirs = [str(value) for value in database.run("SELECT COUNT(*), SUM(id), SUM(quantity) FROM shop.orders")[0]]
        while True:
            client.post("/api/v1/datasets/orders/refresh", json={})
            mine = client.post("/api/v1/sql", json={"query": "SELECT count(*), sum(id), sum(quantity) FROM orders"}).json()["rows"][0]
            if [str(value) for value in mine] == theirs:
                break
            assert time.monotonic() < deadline, (mine, theirs)
            time.sleep(1)
        runs = [one for one in client.get("/api/v1/datasets/orders/runs?limit=1000").json()["items"]]
        assert all(one["state"] == "succeeded" for one in runs), runs
    finally:
        if writer is not None:
            writer.stop.set()
        if server is not None:
            server.kill()
        database.remove()
    early = max(mb for at, mb in memory if at < SECONDS / 3)
    late = max(mb for at, mb in memory if at > SECONDS * 2 / 3)
    worst = sorted(lags)[int(len(lags) * 0.99)]
    rate = writer.done / writer.seconds
    bench.table(f"{SECONDS} s of changes, {len(runs)} runs",
                ["rows changed a second", "lag, median s", "lag, 99 % s", "lag, most s", "peak MB, first third", "peak MB, last third"],
                [[rate, median(lags), worst, max(lags), early, late]])
    bench.at_least("rows changed a second", rate, A_SECOND * 0.98)
    bench.at_most("lag, most seconds", max(lags), 10)
    bench.at_most("peak memory, last third / first third", late / early, 1.2)
    bench.figures["changes"] = {"rate": rate, "lags": [round(lag, 2) for lag in lags], "rows": writer.done}
    scratch("changes")
