"""The server at rest: start to ready with 100 models, memory, the release archive, 10,000 idle connections.

Ready is the first 200 of /readyz, asked every 2 ms from the start of the process. The models are versions of their own
(100 trees each); with endpoints, every one of them is also routed and is loaded after the start. An idle connection has
sent one request, got its answer, and stays.
"""

import http.client
import pathlib
import resource
import socket
import subprocess
import time

import data
from bench import BINARY, ROOT, environment, median, resident_mb, scratch
from harness import Server, free_port
from serving import import_model

MODELS = 100
CONNECTIONS = 10_000


def start_ms(folder: pathlib.Path) -> tuple[float, subprocess.Popen, int]:
    port = free_port()
    started = time.perf_counter()
    process = subprocess.Popen([str(BINARY), "serve", "--data", str(folder), "--listen", f"127.0.0.1:{port}"],
                               env=environment() | {"AIMASS_HTTP_MAX_CONNECTIONS": str(CONNECTIONS + 100)},
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while True:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/readyz")
            ready = connection.getresponse().status == 200
            connection.close()
            if ready:
                return (time.perf_counter() - started) * 1000, process, port
        except OSError:
            pass
        time.sleep(0.002)


def stop(process: subprocess.Popen) -> None:
    process.terminate()
    process.wait(30)


def starts(bench, folder: pathlib.Path, what: str) -> list:
    ms, rss = [], []
    for _ in range(bench.runs):
        taken, process, _ = start_ms(folder)
        time.sleep(2)  # what goes on behind the start ends
        ms.append(taken)
        rss.append(resident_mb(process.pid))
        stop(process)
    bench.figures[what] = {"ms": ms, "rss_mb": rss}
    return [what, median(ms), median(rss)]


def idle_connections(folder: pathlib.Path) -> tuple[float, float]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    _, process, port = start_ms(folder)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, CONNECTIONS + 500), hard))
    time.sleep(1)
    before = resident_mb(process.pid)
    sockets = []
    for _ in range(CONNECTIONS):
        sockets.append(socket.create_connection(("127.0.0.1", port), timeout=30))
        sockets[-1].sendall(b"GET /healthz HTTP/1.1\r\nHost: bench\r\n\r\n")
    for each in sockets:
        if not each.recv(4096).startswith(b"HTTP/1.1 200"):
            raise RuntimeError("an idle connection was refused")
    time.sleep(1)
    after = resident_mb(process.pid)
    for each in sockets:
        each.close()
    stop(process)
    return before, after


def measure(bench) -> None:
    folder = scratch("start")
    (folder / "data").mkdir()
    server = Server(folder / "data")
    with server.client() as client:
        for i in range(MODELS):
            import_model(client, f"model-{i}", data.xgboost_model())
    server.stop()
    rows = [starts(bench, folder / "data", f"{MODELS} models")]
    before, after = idle_connections(folder / "data")
    server = Server(folder / "data")
    with server.client() as client:
        for i in range(MODELS):
            client.post("/api/v1/endpoints", json={"name": f"model-{i}", "routes": [{"model": f"model-{i}"}]}
                        ).raise_for_status()
    server.stop()
    rows.append(starts(bench, folder / "data", f"{MODELS} models, each behind an endpoint"))
    bench.table(f"start and rest, median of {bench.runs} runs", ["data folder", "ms to ready", "resident MB after 2 s"],
                rows)
    bench.table("idle connections", ["open", "resident MB"], [[0, before], [CONNECTIONS, after]])
    bench.at_most(f"start to ready with {MODELS} models, ms", rows[0][1], 300)
    bench.at_most("resident memory at rest, MB", rows[0][2], 80)
    bench.at_most(f"{CONNECTIONS:,} idle connections, MB more", after - before, 150)
    subprocess.run([str(ROOT / "scripts" / "package.sh")], check=True, stdout=subprocess.DEVNULL)
    archive = max((ROOT / "dist").glob("*.tar.gz"), key=lambda path: path.stat().st_mtime)
    bench.at_most("release archive, MB", archive.stat().st_size / 1e6, 250)
    bench.figures |= {"idle_connections_mb": [before, after], "archive_mb": archive.stat().st_size / 1e6}
