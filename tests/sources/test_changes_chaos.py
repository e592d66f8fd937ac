"""20,000 changes of a table of MariaDB while servers are killed and connections are cut: the dataset equals the table."""

import random
import threading
import time

import pytest

from collecting import rows_of
from harness import MariaDb, wait_for_job
from mysql_proxy import Proxy

ROWS = 20_000
CHANGES = 20_000
KILLS = 30
CUTS = 30


class Changes(threading.Thread):
    """Changes of every kind in transactions of some, with a rotated log now and then."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.done, self.error = server, 0, None

    def run(self):
        dice = random.Random(3)
        try:
            with self.server.connect("shop") as connection, connection.cursor() as cursor:
                while self.done < CHANGES:
                    cursor.execute("START TRANSACTION")
                    for _ in range(dice.randrange(1, 60)):
                        key = dice.randrange(1, ROWS * 2)
                        cursor.execute(dice.choice([
                            f"REPLACE INTO orders (id, customer, amount) VALUES ({key}, 'r{key}', {dice.randrange(10**6)})",
                            f"UPDATE orders SET amount = amount + 1 WHERE id BETWEEN {key} AND {key + 3}",
                            f"UPDATE IGNORE orders SET id = id + {ROWS * 2} WHERE id = {key}",
                            f"DELETE FROM orders WHERE id = {key}", f"REPLACE INTO other VALUES ({key}, 1)"]))
                        self.done += max(cursor.rowcount, 0)
                    cursor.execute(dice.choice(["COMMIT", "COMMIT", "COMMIT", "ROLLBACK"]))
                    if dice.random() < 0.02:
                        cursor.execute("FLUSH BINARY LOGS")
                    time.sleep(0.02)
        except Exception as error:  # the test says so
            self.error = error


@pytest.mark.soak
def test_dataset_equals_table_after_30_kills_and_30_cuts(start_server, tmp_path):
    (tmp_path / "mariadb").mkdir()
    shop = MariaDb(tmp_path / "mariadb")
    shop.start()
    shop.run("CREATE DATABASE shop", "CREATE USER reader@'127.0.0.1' IDENTIFIED BY 'p'",
             "GRANT SELECT ON shop.* TO reader@'127.0.0.1'", "GRANT REPLICATION SLAVE ON *.* TO reader@'127.0.0.1'")
    shop.run("CREATE TABLE orders (id BIGINT PRIMARY KEY, customer VARCHAR(40), amount DECIMAL(12,2))",
             "CREATE TABLE other (id INT PRIMARY KEY, v INT)",
             f"INSERT INTO orders SELECT seq, CONCAT('客户 ', seq), seq / 4 FROM seq_1_to_{ROWS}", database="shop")
    proxy = Proxy(shop.port)
    server = start_server(tmp_path / "aimass")
    client = server.client()
    dice = random.Random(4)
    try:
        answer = client.post("/api/v1/sources", json={"name": "erp", "kind": "mysql", "settings": {
            "host": "127.0.0.1", "port": proxy.port, "user": "reader", "password": "p", "database": "shop", "tls": "off"}})
        assert answer.status_code == 201, answer.text
        answer = client.post("/api/v1/datasets", json={"name": "orders", "source": "erp", "table": "orders", "mode": "changes"})
        assert wait_for_job(client, answer.json()["job"]["id"])["state"] == "succeeded"
        changes = Changes(shop)
        changes.start()
        kills = cuts = 0
        while kills < KILLS or cuts < CUTS or changes.is_alive():
            assert changes.error is None, changes.error
            cut = cuts < CUTS and (kills >= KILLS or dice.random() < 0.5)
            proxy.cut_after = dice.randrange(2_000, 120_000) if cut else None
            cuts += cut
            job = client.post("/api/v1/datasets/orders/refresh", json={}).json()["job"]["id"]
            if not cut and kills < KILLS:
                time.sleep(dice.random() * 1.5)
                server.kill()
                kills += 1
                server = start_server(tmp_path / "aimass")
                client = server.client()
            state = wait_for_job(client, job)
            assert state["state"] == "succeeded" or (cut and state["error"]["code"] == "unavailable"), state
        changes.join()
        assert changes.done >= CHANGES
        proxy.cut_after = None
        job = client.post("/api/v1/datasets/orders/refresh", json={}).json()["job"]["id"]
        assert wait_for_job(client, job)["state"] == "succeeded"
        mine = rows_of(client, "SELECT count(*), sum(id), sum(amount), count(DISTINCT id) FROM orders")[0]
        theirs = shop.run("SELECT COUNT(*), SUM(id), SUM(amount), COUNT(DISTINCT id) FROM shop.orders")[0]
        assert [str(value) for value in mine] == [str(value) for value in theirs]
        mine = rows_of(client, "SELECT id, customer, amount FROM orders ORDER BY id")
        theirs = shop.run("SELECT id, customer, amount FROM shop.orders ORDER BY id")
        assert [[str(value) for value in row] for row in mine] == [[str(value) for value in row] for row in theirs]
    finally:
        proxy.close()
        shop.remove()
