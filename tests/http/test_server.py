"""The server as an operator sees it: start, health, keys, metrics, documentation, stop."""

import json
import os
import re
import socket
import stat
import subprocess
import threading
import time

import httpx
import pytest

from harness import clean_environment, free_port


def test_health_needs_no_key(server):
    for path, word in (("/healthz", "ok"), ("/readyz", "ready")):
        answer = httpx.get(server.address + path)
        assert answer.status_code == 200
        assert answer.json()["status"] == word


def test_every_resource_needs_a_key(server):
    document = httpx.get(server.address + "/openapi.json").json()
    checked = 0
    for path, item in document["paths"].items():
        if not path.startswith("/api/"):
            continue
        for method in item.keys() & {"get", "post", "put", "patch", "delete"}:
            if item[method].get("security") == []:
                continue
            address = server.address + re.sub(r"\{[^}]*\}", "x", path)
            for headers in ({}, {"Authorization": "Bearer aim_wrong"}, {"Authorization": "Basic YTpi"}):
                answer = httpx.request(method, address, headers=headers)
                assert answer.status_code == 401, (method, path)
                assert answer.headers["content-type"] == "application/problem+json"
                assert answer.json()["code"] == "unauthenticated"
                assert answer.headers["www-authenticate"].startswith("Bearer")
            checked += 1
    assert checked > 5


def test_the_first_key_is_for_its_owner_only(server):
    mode = stat.S_IMODE((server.data / "admin.key").stat().st_mode)
    assert mode == 0o600


def test_proxied_requests_are_not_local(server):
    for path in ("/metrics", "/docs", "/openapi.json"):
        assert httpx.get(server.address + path).status_code == 200
        proxied = httpx.get(server.address + path, headers={"X-Forwarded-For": "203.0.113.9"})
        assert proxied.status_code == 401
        with_key = httpx.get(server.address + path, headers={"X-Forwarded-For": "203.0.113.9",
                                                             "Authorization": f"Bearer {server.key}"})
        assert with_key.status_code == 200


def test_metrics_can_be_read_by_prometheus(client):
    client.get("/api/v1/jobs")
    text = client.get("/metrics").text
    seen = {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            seen[line.split()[2]] = line.split()[3]
        elif not line.startswith("#"):
            assert re.fullmatch(r'[a-z_]+(\{([a-z]+="(\\.|[^"\\])*",?)*\})? [-+0-9.eEinf]+', line), line
    assert seen["aimass_http_requests_total"] == "counter"
    assert seen["aimass_http_request_duration_seconds"] == "histogram"
    for name in ("aimass_jobs_queued", "aimass_jobs_running", "aimass_pool_queued", "aimass_http_connections",
                 "process_resident_memory_bytes", "process_cpu_seconds_total", "aimass_build_info"):
        assert name in seen
    assert re.search(r'aimass_http_requests_total\{method="GET",route="/api/v1/jobs",status="200"\} [1-9]', text)


def test_a_browser_is_led_to_the_documentation(server):
    answer = httpx.get(server.address + "/")
    assert (answer.status_code, answer.headers["location"]) == (302, "/docs")
    assert httpx.get(server.address + "/", follow_redirects=True).status_code == 200


@pytest.mark.parametrize(("body", "english", "chinese"), [
    ('{"name": "x",}', "not valid JSON in line 1, column 14: expected a name in double quotes, found }",
     "第 1 行第 14 列应为双引号中的名称，实际为“}”"),
    ('{\n  "name" "x"}', "in line 2, column 10: expected ':' behind the name, found \"x\"", "第 2 行第 10 列"),
    ('{"name": "x", "name": "y"}', "the JSON names 'name' twice in one object", "“name”出现了两次"),
    ('{"name": 7}', "'name' must be a text, found 7", "“name”必须是文本，实际为 7"),
    ('[]', "expected a JSON object", "需要一个"),
])
def test_wrong_json_is_refused_in_words(client, body, english, chinese):
    for language, part in (("en", english), ("zh", chinese)):
        answer = client.post("/api/v1/keys", content=body,
                             headers={"Content-Type": "application/json", "Accept-Language": language})
        assert answer.status_code == 400 and part in answer.json()["detail"], answer.text
        assert "json.exception" not in answer.text


def test_docs_need_no_network(client):
    page = client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", page.text)
    assert "/openapi.json" in page.text and "中文" in page.text


def test_problems_are_in_the_readers_language(client):
    for language, title in (("zh-CN,zh;q=0.9", "未找到"), ("en", "Not Found"), ("de", "Not Found")):
        problem = client.get("/api/v1/nothing", headers={"Accept-Language": language}).json()
        assert problem["title"] == title
        assert problem["type"] == "urn:aimass:problem:not_found"
        assert "/api/v1/nothing" in problem["detail"]


def test_request_ids_come_back(client):
    assert client.get("/healthz", headers={"X-Request-Id": "abc-1"}).headers["x-request-id"] == "abc-1"
    assert len(client.get("/healthz").headers["x-request-id"]) == 36
    assert len(client.get("/healthz", headers={"X-Request-Id": "x" * 300}).headers["x-request-id"]) == 36


def test_events_tell_of_jobs_and_end_when_asked(client):
    with client.stream("GET", "/api/v1/events", params={"seconds": 1}) as events:
        assert events.status_code == 200
        assert events.headers["content-type"].startswith("text/event-stream")
        started = time.monotonic()
        text = "".join(events.iter_text())
    assert 0.5 < time.monotonic() - started < 5
    assert "retry: 2000" in text


def start(binary, data, *arguments):
    return subprocess.Popen([str(binary), "serve", "--data", str(data), *arguments], env=clean_environment(),
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def await_address(process, data, timeout_s=20):
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline and process.poll() is None:
        try:
            return json.loads((data / "server.json").read_text())["address"]
        except (OSError, ValueError):
            time.sleep(0.01)
    raise AssertionError(f"no address after {timeout_s} s: {process.stdout.read() if process.poll() is not None else ''}")


def test_stops_in_order(binary, tmp_path):
    data = tmp_path / "data"
    for stop in ("SIGTERM", "SIGINT"):
        process = start(binary, data, "--listen", "127.0.0.1:0")
        address = await_address(process, data)
        # An idle connection and an open stream must not hold the server.
        idle = socket.create_connection(("127.0.0.1", int(address.rsplit(":", 1)[1])))
        key = (data / "admin.key").read_text().strip()
        ended = threading.Event()

        def listen():
            with httpx.stream("GET", address + "/api/v1/events", headers={"Authorization": f"Bearer {key}"},
                              timeout=30) as events:
                for _ in events.iter_text():
                    pass
            ended.set()

        listener = threading.Thread(target=listen)
        listener.start()
        time.sleep(0.5)
        started = time.monotonic()
        process.send_signal(getattr(__import__("signal"), stop))
        assert process.wait(15) == 0
        assert time.monotonic() - started < 5
        assert ended.wait(5)
        listener.join()
        idle.close()
        assert not (data / "server.json").exists()


def test_starts_quickly(binary, tmp_path):
    data = tmp_path / "data"
    times = []
    for _ in range(3):
        process = start(binary, data, "--listen", "127.0.0.1:0")
        await_address(process, data)
        process.terminate()
        assert process.wait(15) == 0
        times += [json.loads(line)["ms"] for line in process.stdout if '"event":"ready"' in line]
    assert len(times) == 3
    assert min(times) <= 300, times


def test_second_server_on_the_same_port_or_folder_is_refused(server, binary, tmp_path):
    port = server.address.rsplit(":", 1)[1]
    process = start(binary, tmp_path / "other", "--listen", f"127.0.0.1:{port}")
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "cannot listen" in output and "--listen" in output
    process = start(binary, server.data, "--listen", "127.0.0.1:0")
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 1
    assert str(server.process.pid) in output
    assert httpx.get(server.address + "/healthz").status_code == 200


def test_listens_on_loopback_unless_told(binary, tmp_path):
    port = free_port()
    process = start(binary, tmp_path / "data", "--listen", f"127.0.0.1:{port}")
    await_address(process, tmp_path / "data")
    listening = set()
    for line in open("/proc/net/tcp").readlines()[1:]:
        address, state = line.split()[1], line.split()[3]
        if state == "0A" and int(address.split(":")[1], 16) == port:
            listening.add(address.split(":")[0])
    process.terminate()
    assert process.wait(15) == 0
    assert listening == {"0100007F"}


def test_configuration_file_is_checked(binary, tmp_path):
    config = tmp_path / "aimass.yaml"
    config.write_text("http:\n  thread: 2\n")
    process = start(binary, tmp_path / "data", "--config", str(config), "--listen", "127.0.0.1:0")
    output, _ = process.communicate(timeout=20)
    assert process.returncode != 0
    assert "http.thread" in output and "http.threads" in output


def test_survives_readers_that_go_away(server, client):
    host, port = server.address.removeprefix("http://").split(":")
    for payload in (b"", b"GET", b"GET / HTTP/1.1\r\nHost: a\r\n", b"\x16\x03\x01\x02\x00\x01\x00",
                    b"POST /api/v1/sql HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc",
                    b"GET /docs HTTP/1.1\r\nHost: a\r\n\r\n" * 50, os.urandom(4096)):
        for _ in range(20):
            with socket.create_connection((host, int(port))) as reader:
                reader.sendall(payload)
    assert client.get("/readyz").status_code == 200
