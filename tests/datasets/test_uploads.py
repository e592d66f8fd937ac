"""Resumable uploads (tus 1.0): the unmodified tus-js-client, and the protocol by hand."""

import base64
import http.client
import json
import pathlib
import socket

import pytest

SCRIPT = pathlib.Path(__file__).with_name("tus_upload.mjs")
TUS = {"Tus-Resumable": "1.0.0"}
PIECE = TUS | {"Content-Type": "application/offset+octet-stream"}


def begin(client, length: int, **headers) -> str:
    answer = client.post("/api/v1/uploads", headers=TUS | {"Upload-Length": str(length)} | headers)
    assert answer.status_code == 201, answer.text
    return answer.headers["Location"]


def offset_of(client, location: str) -> int:
    answer = client.head(location, headers=TUS)
    assert answer.status_code == 200
    return int(answer.headers["Upload-Offset"])


@pytest.fixture
def big_csv(tmp_path) -> pathlib.Path:
    path = tmp_path / "orders.csv"
    with path.open("w") as file:
        file.write("order,amount\n")
        for i in range(400_000):
            file.write(f"{i},{i % 97}.5\n")
    assert path.stat().st_size > 4_000_000
    return path


def test_tus_js_client_uploads_in_pieces(server, client, node, big_csv):
    done = node(SCRIPT, server.address, server.key, big_csv)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [method for method, _, _ in told["requests"]].count("PATCH") > 3
    upload = told["url"].rsplit("/", 1)[1]
    stored = next(server.data.glob(f"workspaces/*/uploads/{upload}.part"))
    assert stored.read_bytes() == big_csv.read_bytes()


def test_tus_js_client_goes_on_after_kill_9_of_the_server(start_server, node, big_csv, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    first = start_server(data)
    done = node(SCRIPT, first.address, first.key, big_csv, 2 * 1024 * 1024)
    assert done.returncode == 0, done.stderr
    upload = json.loads(done.stdout)["url"].rsplit("/", 1)[1]
    first.kill()
    second = start_server(data)
    done = node(SCRIPT, second.address, second.key, big_csv, 0, f"{second.address}/api/v1/uploads/{upload}")
    assert done.returncode == 0, done.stderr
    patched = [int(offset) for method, _, offset in json.loads(done.stdout)["requests"] if method == "PATCH"]
    assert min(patched) >= 2 * 1024 * 1024, "what was acknowledged was sent again"
    assert next(data.glob(f"workspaces/*/uploads/{upload}.part")).read_bytes() == big_csv.read_bytes()


def test_keeps_what_came_before_the_connection_broke(server, client):
    location = begin(client, 1_000_000)
    host, port = server.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall((f"PATCH {location} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {server.key}\r\n"
                            "Tus-Resumable: 1.0.0\r\nContent-Type: application/offset+octet-stream\r\n"
                            "Upload-Offset: 0\r\nContent-Length: 1000000\r\n\r\n").encode() + b"x" * 300_000)
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(10)
        try:
            while connection.recv(4096):
                pass
        except OSError:
            pass
    assert offset_of(client, location) == 300_000


def test_first_piece_with_the_creation(client):
    answer = client.post("/api/v1/uploads", headers=PIECE | {"Upload-Length": "5"}, content=b"hello")
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (201, "5")


def test_length_may_come_later(client):
    answer = client.post("/api/v1/uploads", headers=TUS | {"Upload-Defer-Length": "1"})
    location = answer.headers["Location"]
    assert client.head(location, headers=TUS).headers["Upload-Defer-Length"] == "1"
    answer = client.patch(location, headers=PIECE | {"Upload-Offset": "0", "Upload-Length": "3"}, content=b"abc")
    assert answer.status_code == 204
    assert client.head(location, headers=TUS).headers["Upload-Length"] == "3"


def test_says_what_it_speaks(client):
    answer = client.options("/api/v1/uploads")
    assert answer.status_code == 204
    assert "creation" in answer.headers["Tus-Extension"].split(",")


def test_metadata_comes_back(client):
    metadata = "filename " + base64.b64encode("订单.csv".encode()).decode()
    location = begin(client, 1, **{"Upload-Metadata": metadata})
    assert client.head(location, headers=TUS).headers["Upload-Metadata"] == metadata


def test_given_up_is_gone(server, client):
    location = begin(client, 10)
    assert client.delete(location, headers=TUS).status_code == 204
    assert client.head(location, headers=TUS).status_code == 404
    assert not list(server.data.glob(f"workspaces/*/uploads/{location.rsplit('/', 1)[1]}*"))


@pytest.mark.parametrize("headers, content, status, detail", [
    ({"Upload-Offset": "5"}, b"abc", 409, "stands at byte 0, this piece begins at 5"),
    ({"Upload-Offset": "0"}, b"12345678901", 413, "has 10 bytes, this piece would end at 11"),
    ({"Upload-Offset": "x"}, b"abc", 400, "must be a number of bytes, got 'x'"),
    ({}, b"abc", 400, "'Upload-Offset' is missing"),
    ({"Upload-Offset": "0", "Content-Type": "text/plain"}, b"abc", 415, "Content-Type must be"),
    ({"Upload-Offset": "0", "Tus-Resumable": "0.2.2"}, b"abc", 400, "Tus-Resumable must be 1.0.0"),
])
def test_refuses_what_does_not_fit(client, headers, content, status, detail):
    location = begin(client, 10)
    answer = client.patch(location, headers=PIECE | headers, content=content)
    assert answer.status_code == status
    assert detail in answer.json()["detail"]
    assert offset_of(client, location) == 0


@pytest.mark.parametrize("headers", [{}, {"Upload-Length": "-1"}, {"Upload-Length": "1", "Upload-Defer-Length": "1"},
                                     {"Upload-Length": "1", "Upload-Metadata": "name !!"},
                                     {"Upload-Length": "3", "Upload-Metadata": "filename //4="}])  # no UTF-8
def test_refuses_to_begin(client, headers):
    assert client.post("/api/v1/uploads", headers=TUS | headers).status_code == 400


def test_needs_a_key_before_it_reads_a_body(server):
    host, port = server.address.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    connection.putrequest("POST", "/api/v1/uploads")
    connection.putheader("Content-Length", str(1 << 40))
    connection.endheaders()
    assert connection.getresponse().status == 401
