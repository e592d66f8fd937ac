"""A whole server with its metadata in PostgreSQL, and what happens when that stops, crashes or comes back."""

import signal
import subprocess
import time

import pytest

from harness import BINARY, Postgres, Server, clean_environment, run_aimass, wait_for_job
from work import ROW, cli, sql, succeeded, train, write_customers

TABLES = {"organisations", "workspaces", "access_keys", "jobs", "datasets", "dataset_versions", "models",
          "model_versions", "model_aliases", "endpoints"}


@pytest.fixture(scope="module")
def postgres(tmp_path_factory):
    """One that these tests may stop."""
    server = Postgres(tmp_path_factory.mktemp("postgres"))
    server.start()
    yield server
    server.remove()


@pytest.fixture
def database(postgres):
    """The address of an empty database."""
    name = f"d{time.monotonic_ns()}"
    postgres.start_again()
    postgres.run(f"CREATE DATABASE {name}")
    return postgres.address(name)


@pytest.fixture
def serve(start_server, tmp_path, database):
    def start(data=None, *arguments) -> Server:
        data = data or tmp_path / "data"
        data.mkdir(exist_ok=True)
        return start_server(data, "--store-url", database, *arguments)

    return start


def fill(server, tmp_path) -> None:
    """The whole way: import, derive, train, deploy."""
    cli(server, "datasets", "import", "customers", write_customers(tmp_path / "customers.csv"))
    cli(server, "datasets", "derive", "early", "--sql", "SELECT * FROM customers WHERE tenure < 60")
    with server.client() as client:
        succeeded(client, train(client, dataset="early", deploy="churn"))


def predict(client) -> dict:
    answer = client.post("/api/v1/endpoints/churn/predict", json={"rows": [ROW]})
    assert answer.status_code == 200, answer.text
    return answer.json()["predictions"][0]


def await_status(client, path: str, status: int):
    """The first answer of `path` with that status."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        answer = client.get(path)
        if answer.status_code == status:
            return answer
        time.sleep(0.1)
    pytest.fail(f"{path} still answers {answer.status_code} after 60 s: {answer.text}")


def test_the_whole_way_and_a_restart(serve, postgres, database, tmp_path):
    server = serve()
    assert not (server.data / "metadata.db").exists()
    fill(server, tmp_path)
    with server.client() as client:
        key = client.post("/api/v1/keys", json={"name": "shop"}).json()
        before = predict(client)
        assert sql(client, "SELECT COUNT(*) FROM customers") == [[400]]
        jobs = client.get("/api/v1/jobs").json()["items"]
        assert sorted(job["kind"] for job in jobs) == ["derive", "import", "train"]
        assert len(client.get("/api/v1/jobs", params={"limit": 2, "state": "succeeded"}).json()["items"]) == 2
        assert client.get("/api/v1/datasets/early").json()["rows"] < 400
        assert client.post("/api/v1/datasets", json={"name": "x", "nonsense": 1}).status_code in (400, 422)
        missing = client.get("/api/v1/datasets/custmers")
        assert missing.status_code == 404 and "customers" in missing.text
    found = set(postgres.run("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'",
                             database.rsplit("/", 1)[1]).split())
    assert TABLES <= found
    assert server.stop() == 0

    again = serve(server.data)
    assert again.key == server.key
    with again.client(headers={"Authorization": f"Bearer {key['secret']}"}) as client:
        assert predict(client) == before
        assert [job["id"] for job in client.get("/api/v1/jobs").json()["items"]] == [job["id"] for job in jobs]
        again_trained = client.post("/api/v1/models/churn/versions/1/reproduce")
        assert succeeded(client, again_trained)["output"]["identical"] is True
        with again.client() as admin:
            assert admin.delete(f"/api/v1/keys/{key['id']}").status_code == 204
        assert client.get("/api/v1/jobs").status_code == 401
    examined = run_aimass("doctor", "--data", again.data, "--deep", "--json", env={"AIMASS_STORE_URL": database})
    assert examined.json["healthy"] is True
    assert [f for f in examined.json["findings"] if f["severity"] != "ok" and f["probe"] != "space"] == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["stopped", "crashed"])
def test_a_lost_database_is_said_and_comes_back_by_itself(serve, postgres, tmp_path, how):
    server = serve()
    fill(server, tmp_path)
    with server.client() as client:
        before = predict(client)
        running = train(client, name="outage", time_s=2).json()["job"]["id"]
        waiting = train(client, name="later", time_s=1).json()["job"]["id"]
        postgres.stop(how)
        ready = await_status(client, "/readyz", 503)
        assert "database" in ready.json()["detail"] and ready.headers["Retry-After"]
        assert client.get("/healthz").status_code == 200  # the process lives: nobody shall restart it
        refused = client.get("/api/v1/datasets")
        assert refused.status_code == 503 and "metadata database" in refused.json()["detail"]
        assert "postgres@" not in refused.text  # the address may hold a password
        started = train(client, name="never")
        assert started.status_code == 503
        assert predict(client) == before  # what is loaded goes on serving
        time.sleep(5)  # longer than the training: its result comes while nothing can be written
        postgres.start()
        await_status(client, "/readyz", 200)
        for job_id in (running, waiting):
            job = wait_for_job(client, job_id)
            assert job["state"] == "succeeded", job
        assert predict(client) == before
        assert {m["name"] for m in client.get("/api/v1/models").json()["items"]} == {"churn", "outage", "later"}
    assert server.process.poll() is None


def test_killed_while_the_database_is_away(serve, postgres, tmp_path):
    server = serve()
    cli(server, "datasets", "import", "customers", write_customers(tmp_path / "customers.csv"))
    with server.client() as client:
        running = train(client, name="outage", time_s=30, max_trials=None).json()["job"]["id"]
        job = client.get(f"/api/v1/jobs/{running}").json()
        while job["state"] == "queued":
            job = client.get(f"/api/v1/jobs/{running}").json()
        postgres.stop(signal.SIGQUIT)
        await_status(client, "/readyz", 503)
    server.kill()
    refused = subprocess.run([str(BINARY), "serve", "--data", str(server.data), "--listen", "127.0.0.1:0"],
                             env=clean_environment() | {"AIMASS_STORE_URL": postgres.address("any")},
                             capture_output=True, text=True, timeout=60)
    assert refused.returncode == 1
    assert "cannot open the metadata database (PostgreSQL)" in refused.stdout + refused.stderr
    postgres.start()
    again = serve(server.data)
    with again.client() as client:
        assert sql(client, "SELECT COUNT(*) FROM customers") == [[400]]
        job = client.get(f"/api/v1/jobs/{running}").json()
        assert job["state"] in ("queued", "running"), job
        assert client.post(f"/api/v1/jobs/{running}/cancel").status_code == 200
        assert wait_for_job(client, running)["state"] == "cancelled"


def test_a_backup_restores_into_a_folder_or_into_postgresql(serve, start_server, postgres, database, tmp_path):
    server = serve()
    fill(server, tmp_path)
    with server.client() as client:
        key = client.post("/api/v1/keys", json={"name": "shop"}).json()["secret"]
        expected = predict(client)
    told = run_aimass("backup", tmp_path / "b.tar.zst", "--data", server.data, "--json",
                      env={"AIMASS_STORE_URL": database}).json
    assert told["files"] > 5
    assert server.stop() == 0
    refused = run_aimass("restore", tmp_path / "b.tar.zst", "--data", tmp_path / "full", check=False,
                         env={"AIMASS_STORE_URL": database})
    assert refused.status == 1 and "the metadata database is not empty" in refused.err
    assert not (tmp_path / "full").exists()

    def same(restored) -> None:
        with restored.client(headers={"Authorization": f"Bearer {key}"}) as client:
            assert predict(client) == expected
            assert sql(client, "SELECT COUNT(*) FROM customers") == [[400]]
            assert len(client.get("/api/v1/jobs").json()["items"]) == 3

    run_aimass("restore", tmp_path / "b.tar.zst", "--data", tmp_path / "embedded")
    assert (tmp_path / "embedded" / "metadata.db").exists()
    embedded = start_server(tmp_path / "embedded")
    same(embedded)
    run_aimass("backup", tmp_path / "c.tar", "--data", embedded.data)  # and from SQLite to PostgreSQL
    postgres.run("CREATE DATABASE moved")
    moved = postgres.address("moved")
    run_aimass("restore", tmp_path / "c.tar", "--data", tmp_path / "moved", env={"AIMASS_STORE_URL": moved})
    assert not (tmp_path / "moved" / "metadata.db").exists()
    same(start_server(tmp_path / "moved", "--store-url", moved))
