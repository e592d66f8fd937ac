"""MariaDB without a binary log: no two connections can be told to see one moment, and a collection is right all the same."""

import json
import threading

import pytest

from collecting import collect, rows_of
from harness import MariaDb
from mysql_proxy import Proxy

ROWS = 30_000
CHANGES = 30  # collections at most, until rows changed between the beginnings of two connections


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    server = MariaDb(tmp_path_factory.mktemp("mariadb-no-log"), binary_log=False)
    server.start()
    server.run("CREATE DATABASE bank", "CREATE USER reader@'127.0.0.1' IDENTIFIED BY 'p'",
               "GRANT SELECT ON bank.* TO reader@'127.0.0.1'",
               "CREATE TABLE bank.accounts (id INT PRIMARY KEY, money INT NOT NULL, note VARCHAR(200))")
    with server.connect("bank") as connection, connection.cursor() as cursor:
        cursor.executemany("INSERT INTO accounts VALUES (%s, 100, %s)", [(i, f"row-{i:05d}" * 10) for i in range(ROWS)])
    yield server
    server.remove()


def source_of(client, name, port):
    answer = client.post("/api/v1/sources", json={"name": name, "kind": "mysql", "settings": {
        "host": "127.0.0.1", "port": port, "user": "reader", "password": "p", "database": "bank", "tls": "off"}})
    assert answer.status_code == 201, answer.text
    return name


@pytest.fixture(scope="module")
def source(client, bank):
    return source_of(client, "bank", bank.port)


def readings(bank, since):
    """The connections that read the table since, by the server's own log, in their order."""
    return [line.split("\t")[-2].split()[-2] for line in bank.queries()[since:].splitlines()
            if "\tSELECT `id`, `money`" in line and line.endswith("FROM `accounts`")]


def test_a_second_connection_reads_beside_the_first(client, bank, source):
    since = len(bank.queries())
    job = collect(client, "quiet", source, table="accounts")
    assert job["state"] == "succeeded", job
    read = readings(bank, since)
    assert len(read) == len(set(read)) == 2, read


def test_rows_that_changed_between_two_beginnings_accuse_nobody(client, bank, source):
    stop = threading.Event()

    def move():
        with bank.connect("bank") as connection, connection.cursor() as cursor:
            connection.autocommit(False)
            step = 0
            while not stop.is_set():
                step += 1
                cursor.execute("UPDATE accounts SET money = money - 1 WHERE id = %s", [step % ROWS])
                cursor.execute("UPDATE accounts SET money = money + 1 WHERE id = %s", [(step + 7) % ROWS])
                connection.commit()

    mover = threading.Thread(target=move)
    mover.start()
    decided = 0
    try:
        for attempt in range(CHANGES):
            since = len(bank.queries())
            job = collect(client, f"moving-{attempt}", source, table="accounts")
            assert job["state"] == "succeeded", job
            assert rows_of(client, f'SELECT count(*), sum(money) FROM "moving-{attempt}"') == [[ROWS, ROWS * 100]]
            read = readings(bank, since)
            assert len(set(read)) == 2, read
            decided += read[2:] == read[:1]  # the first connection looked again, and decided
            if decided == 2:
                break
    finally:
        stop.set()
        mover.join()
    assert decided > 0


@pytest.mark.parametrize("how, words", [
    ("drop", "missing"), ("double", "doubled"), (("alter", b"row-0041x"), "changed")])
def test_one_row_that_is_damaged_on_its_way_is_named(client, bank, how, words):
    proxy = Proxy(bank.port, b"row-00417", how)
    name = source_of(client, f"damaged-{words}", proxy.port)
    since = len(bank.queries())
    job = collect(client, name, name, table="accounts")
    proxy.close()
    assert proxy.done
    assert job["state"] == "failed" and f'{{"id":417}} {words}' in json.dumps(job).replace('\\"', '"'), job
    read = readings(bank, since)
    assert read[0] != read[1] and set(read[2:]) == {read[0]}, read
