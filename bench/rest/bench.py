"""One-row predictions over REST beside FastAPI + XGBoost, and beside a bare echo of the same HTTP server.

The model: 100 XGBoost trees of depth 6 over 30 features. Each server runs on one core, alone, and wrk on another; the
servers take turns within each run. CPU per request is the server's own user and system time divided by the requests
answered. `echo` sends the request's bytes back (bench/rest/echo.cc); `parsed` reads them as a JSON tree and prints that.
"""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import httpx

import data
from bench import ROOT, build, cpu_seconds, environment, median, run, scratch
from harness import Server, free_port
from serving import import_model

HERE = pathlib.Path(__file__).resolve().parent
CONNECTIONS = (1, 16, 64)
SECONDS = 4
SERVER_CORE, CLIENT_CORE = "0", "1" if (os.cpu_count() or 1) > 1 else "0"
ECHO_KEY = "bench-key"


class Contender:
    def __init__(self, name: str, url: str, pid: int, key: str, body: pathlib.Path):
        self.name, self.url, self.pid, self.key, self.body = name, url, pid, key, body
        subprocess.run(["taskset", "-a", "-p", "-c", SERVER_CORE, str(pid)], check=True, stdout=subprocess.DEVNULL)

    def answer(self) -> dict:
        reply = httpx.post(self.url, content=self.body.read_bytes(),
                           headers={"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"})
        reply.raise_for_status()
        return reply.json()

    def load(self, connections: int, seconds: float) -> dict:
        before = cpu_seconds(self.pid)
        done = run(["taskset", "-c", CLIENT_CORE, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s",
                    HERE / "wrk.lua", self.url], env={"BENCH_BODY": str(self.body), "BENCH_KEY": self.key})
        seen = json.loads(re.search(r"^JSON (.*)$", done.out, re.M)[1])
        if seen["errors"] > seen["requests"] / 1000:
            sys.exit(f"{self.name}: {seen['errors']} requests failed")
        return {"rps": seen["requests"] / seen["seconds"],
                "cpu_us": (cpu_seconds(self.pid) - before) * 1e6 / seen["requests"],
                "p50_us": seen["p50_us"], "p99_us": seen["p99_us"]}


def start_peer(model: pathlib.Path, key: str) -> tuple[subprocess.Popen, str]:
    port = free_port()
    process = subprocess.Popen([sys.executable, str(HERE / "peer.py")], env=environment() | {
        "BENCH_MODEL": str(model), "BENCH_PORT": str(port), "BENCH_KEY": key, "OMP_NUM_THREADS": "1"})
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/openapi.json").status_code == 200:
                return process, f"http://127.0.0.1:{port}/predict"
        except httpx.HTTPError:
            time.sleep(0.1)
    sys.exit("the peer did not start")


def measure(bench) -> None:
    bench.peers("fastapi", "uvicorn", "uvloop", "httptools", "xgboost-cpu", "numpy")
    bench.versions["wrk"] = "4.1.0"
    model = data.xgboost_model()
    folder = scratch("rest")
    (folder / "data").mkdir()
    x, _ = data.numbers(1)
    body = folder / "body.json"
    body.write_text(json.dumps({"rows": [{name: round(float(v), 4) for name, v in zip(data.NAMES, x[0])}]}))
    server = Server(folder / "data")
    processes = []
    try:
        with server.client() as client:
            import_model(client, "bench", model, deploy=True)
        echo = subprocess.Popen([str(build("bench_echo")), ECHO_KEY, "2"], stdout=subprocess.PIPE, text=True)
        processes.append(echo)
        echo_at = echo.stdout.readline().strip()
        peer, peer_url = start_peer(model, ECHO_KEY)
        processes.append(peer)
        contenders = [
            Contender("aimass", server.address + "/api/v1/endpoints/bench/predict", server.process.pid, server.key, body),
            Contender("echo", echo_at + "/echo", echo.pid, ECHO_KEY, body),
            Contender("parsed", echo_at + "/parsed", echo.pid, ECHO_KEY, body),
            Contender("fastapi", peer_url, peer.pid, ECHO_KEY, body)]
        ours, theirs = contenders[0].answer(), contenders[3].answer()
        difference = abs(ours["predictions"][0]["probabilities"]["1"] - theirs["predictions"][0]["probabilities"]["1"])
        if difference > 1e-6:
            sys.exit(f"the servers predict differently: {ours} {theirs}")
        measure_all(bench, contenders)
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
            process.wait(20)
        server.stop()


def measure_all(bench, contenders) -> None:
    seen = {(c.name, n): [] for c in contenders for n in CONNECTIONS}
    for contender in contenders:
        contender.load(16, 1)  # warm
    for _ in range(bench.runs):
        for connections in CONNECTIONS:
            for contender in contenders:
                seen[contender.name, connections].append(contender.load(connections, SECONDS))
    for connections in CONNECTIONS:
        rows = []
        for contender in contenders:
            runs = seen[contender.name, connections]
            rows.append([contender.name, *(median(r[k] for r in runs) for k in ("cpu_us", "rps", "p50_us", "p99_us"))])
        bench.table(f"{connections} connections, median of {bench.runs} runs",
                    ["server", "CPU µs per request", "requests/s", "p50 µs", "p99 µs"], rows)

    def ratio(key: str, a: str, b: str, connections: int) -> float:
        pairs = zip(seen[a, connections], seen[b, connections])
        return median(ours[key] / theirs[key] for ours, theirs in pairs)

    for connections in CONNECTIONS:
        bench.at_most(f"CPU per request, {connections} connections, ours / FastAPI's",
                      ratio("cpu_us", "aimass", "fastapi", connections), 0.1)
    p99 = median(ours["p99_us"] / theirs["p50_us"] for ours, theirs in zip(seen["aimass", 64], seen["fastapi", 64]))
    bench.at_most("our p99 / FastAPI's p50, 64 connections", p99, 1.0)
    for connections in CONNECTIONS:
        bench.at_least(f"requests/s, {connections} connections, ours / bare echo",
                       ratio("rps", "aimass", "echo", connections), 0.6)
    bench.figures = {f"{name}-{connections}": runs for (name, connections), runs in seen.items()}
