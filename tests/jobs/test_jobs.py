"""Jobs over HTTP, with the import of a file as the job."""

import datetime
import http.server
import random
import subprocess
import threading
import time

import pytest

from harness import BINARY, clean_environment, wait_for_job


@pytest.fixture(scope="module")
def big_csv(tmp_path_factory):
    path = tmp_path_factory.mktemp("csv") / "big.csv"
    numbers = random.Random(1)
    with path.open("w") as file:
        file.write("id,amount,city\n")
        for i in range(6_000_000):
            file.write(f"{i},{numbers.random():.6f},{'上海北京广州'[i % 6]}\n")
    return path


@pytest.fixture(scope="module")
def small_csv(tmp_path_factory):
    path = tmp_path_factory.mktemp("csv") / "small.csv"
    path.write_text("a,b\n1,x\n2,y\n")
    return path


def start_import(server, name, path):
    """The command line as a client in its own process, and the job that it started."""
    env = clean_environment() | {"AIMASS_URL": server.address, "AIMASS_KEY": server.key}
    process = subprocess.Popen([str(BINARY), "datasets", "import", name, str(path)], env=env, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with server.client() as client:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            for job in client.get("/api/v1/jobs", params={"state": "running"}).json()["items"]:
                return process, job["id"]
            time.sleep(0.02)
    pytest.fail("the import never ran")


def test_a_job_from_start_to_end(server, client, aimass, small_csv):
    aimass("datasets", "import", "small", small_csv)
    page = client.get("/api/v1/jobs").json()
    job = page["items"][0]
    assert (job["kind"], job["state"], job["progress"], job["attempt"]) == ("import", "succeeded", 1.0, 1)
    assert job["error"] is None and "parameters" not in job
    times = [datetime.datetime.fromisoformat(job[name]) for name in ("created_at", "started_at", "finished_at")]
    assert times == sorted(times)
    assert client.get(f"/api/v1/jobs/{job['id']}").json() == job
    log = client.get(f"/api/v1/jobs/{job['id']}/log").json()
    assert log["items"][0]["message"] == "attempt 1 started"
    rest = client.get(f"/api/v1/jobs/{job['id']}/log", params={"offset": log["next_offset"]}).json()
    assert rest == {"items": [], "next_offset": log["next_offset"]}
    chinese = client.get(f"/api/v1/jobs/{job['id']}/log", headers={"Accept-Language": "zh-CN"}).json()
    assert chinese["items"][0]["message"] == "第 1 次尝试开始"


def test_pages_and_filters(client, aimass, small_csv):
    for i in range(3):
        aimass("datasets", "import", f"page{i}", small_csv)
    ids = [job["id"] for job in client.get("/api/v1/jobs").json()["items"]]
    assert ids == sorted(ids, reverse=True)
    seen, cursor = [], None
    while True:
        page = client.get("/api/v1/jobs", params={"limit": 1} | ({"cursor": cursor} if cursor else {})).json()
        seen += [job["id"] for job in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == ids
    assert client.get("/api/v1/jobs", params={"kind": "nothing"}).json()["items"] == []
    assert client.get("/api/v1/jobs", params={"state": "failed"}).json()["items"] == []


@pytest.mark.parametrize("method, path, status, word", [
    ("GET", "/api/v1/jobs?state=sleeping", 400, "sleeping"),
    ("GET", "/api/v1/jobs?limit=0", 400, "limit"),
    ("GET", "/api/v1/jobs/nothing", 404, "nothing"),
    ("GET", "/api/v1/jobs/01900000-0000-7000-8000-000000000000", 404, "no job"),
    ("GET", "/api/v1/jobs/nothing/log", 404, "nothing"),
    ("GET", "/api/v1/jobs/nothing?wait_ms=60001", 400, "wait_ms"),
    ("POST", "/api/v1/jobs/nothing/cancel", 404, "nothing"),
])
def test_errors(client, method, path, status, word):
    answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert word in answer.json()["detail"]


class Stalling(http.server.BaseHTTPRequestHandler):
    """Sends the beginning of a table and then nothing, for as long as the caller stays."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        self.wfile.write(b"a,b\n" + b"1,2\n" * 1000)
        self.wfile.flush()
        self.rfile.read(1)  # returns when the caller hangs up
        self.close_connection = True

    def log_message(self, *_):
        pass


@pytest.fixture
def stalled_address():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stalling)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/table.csv"
    server.shutdown()
    server.server_close()


def test_waiting_and_cancelling(server, client, stalled_address):
    answer = client.post("/api/v1/datasets", json={"name": "cancelled", "source": {"url": stalled_address}})
    job_id = answer.json()["job"]["id"]
    deadline = time.monotonic() + 30
    while client.get(f"/api/v1/jobs/{job_id}").json()["state"] != "running":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    before = time.monotonic()
    assert client.get(f"/api/v1/jobs/{job_id}", params={"wait_ms": 300}).json()["state"] == "running"
    assert 0.25 < time.monotonic() - before < 5
    told = {}

    def wait():
        with server.client() as other:
            told["job"] = other.get(f"/api/v1/jobs/{job_id}", params={"wait_ms": 30_000}).json()
            told["at"] = time.monotonic()

    waiter = threading.Thread(target=wait)
    waiter.start()
    time.sleep(0.3)
    asked = time.monotonic()
    assert client.post(f"/api/v1/jobs/{job_id}/cancel").status_code == 200
    waiter.join(30)
    assert told["job"]["state"] == "cancelled"
    assert told["at"] - asked < 2.5
    assert client.post(f"/api/v1/jobs/{job_id}/cancel").status_code == 409
    assert not any(item["name"] == "cancelled" and item["rows"] for item in
                   client.get("/api/v1/datasets").json()["items"])


def test_a_job_survives_kill_9_of_the_server(start_server, tmp_path_factory, big_csv):
    data = tmp_path_factory.mktemp("killed") / "data"
    data.mkdir()
    server = start_server(data)
    process, job_id = start_import(server, "survivor", big_csv)
    server.kill()
    process.kill()
    process.wait()
    again = start_server(data)
    with again.client() as client:
        job = wait_for_job(client, job_id)
        assert job["state"] == "succeeded", job
        assert job["attempt"] == 2
        log = client.get(f"/api/v1/jobs/{job_id}/log").json()["items"]
        assert any("the server was restarted" in line["message"] for line in log)
        answer = client.post("/api/v1/sql", json={"query": "SELECT COUNT(*), COUNT(DISTINCT id) FROM survivor"})
        assert answer.json()["rows"] == [[6_000_000, 6_000_000]]
