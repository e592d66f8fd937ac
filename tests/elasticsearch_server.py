"""A private Elasticsearch server for tests."""

import json
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import sys
import time

import httpx
import pytest

from harness import ROOT, free_port, hand_over


class Elasticsearch:
    """A private Elasticsearch server on 127.0.0.1, in `home`: the one that Elastic tests plug-ins with, so without many of
    the usual modules. All its users have one password: ADMIN, READER, who may read everything, and who is called like
    another of ROLES. It refuses to run as root, so then it is user nobody."""

    START_TIMEOUT_S = 240
    ADMIN, READER = (("tests", "p'äss 密码 \\ 7"), ("reader", "p'äss 密码 \\ 7"))
    ROLES = """
reader: {cluster: [monitor], indices: [{names: ["*"], privileges: [read, view_index_metadata]}]}
narrow: {cluster: [monitor], indices: [{names: ["*"], privileges: [view_index_metadata]}]}
stranger: {cluster: [monitor]}
writer: {cluster: [monitor], indices: [{names: ["*"], privileges: [read, view_index_metadata, write, create_index, manage]}]}
blind: {indices: [{names: ["*"], privileges: [read, view_index_metadata]}]}
"""

    def __init__(self, home: pathlib.Path, heap_mb: int = 512):
        self.home = home
        self.port = free_port()
        self.process: subprocess.Popen | None = None
        fetched = subprocess.run([sys.executable, ROOT / "scripts" / "fetch_deps.py", "--data", "elasticsearch"], check=True,
                                 capture_output=True, text=True).stdout.strip()
        java = shutil.which("java")
        if java is None:
            pytest.fail("java is missing; run scripts/install.sh test")
        self.java_home = pathlib.Path(java).resolve().parent.parent
        self.program = home / "elasticsearch"
        shutil.copytree(pathlib.Path(fetched) / "elasticsearch", self.program)
        (self.program / "config" / "elasticsearch.yml").write_text("\n".join([
            "cluster.name: shop", "node.name: shop-1", "discovery.type: single-node", "http.host: 127.0.0.1",
            f"http.port: {self.port}", "transport.host: 127.0.0.1", f"transport.port: {free_port()}",
            f"path.data: {home}/data", f"path.logs: {home}/logs", "cluster.routing.allocation.disk.threshold_enabled: false",
            "action.destructive_requires_name: false", "http.max_content_length: 200mb",
            "xpack.security.enabled: true", "xpack.security.enrollment.enabled: false"]) + "\n")
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(home), "ES_JAVA_HOME": str(self.java_home),
                            "ES_JAVA_OPTS": f"-Xms256m -Xmx{heap_mb}m", "LANG": "C.UTF-8"}
        self.account = {}
        if os.geteuid() == 0:
            hand_over(home, "nobody")
            owner = pwd.getpwnam("nobody")
            for path in self.program.rglob("*"):
                os.chown(path, owner.pw_uid, owner.pw_gid)
            os.chown(self.program, owner.pw_uid, owner.pw_gid)
            self.account = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        config = self.program / "config"
        (config / "roles.yml").write_text(self.ROLES)
        user, password = self.ADMIN
        subprocess.run([self.program / "bin" / "elasticsearch-users", "useradd", user, "-p", password, "-r", "superuser"],
                       check=True, capture_output=True, cwd=home, env=self.environment, **self.account)
        known = next(line for line in (config / "users").read_text().splitlines() if line.startswith(f"{user}:"))
        with (config / "users").open("a") as users, (config / "users_roles").open("a") as roles:
            for role in [line.split(":")[0] for line in self.ROLES.split("\n") if line]:
                users.write(known.replace(user, role, 1) + "\n")  # each is called like its role
                roles.write(f"{role}:{role}\n")

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        (self.home / "pid").unlink(missing_ok=True)
        with open(self.home.parent / f"{self.home.name}.log", "ab") as log:
            self.process = subprocess.Popen([self.program / "bin" / "elasticsearch", "-p", self.home / "pid"], stdout=log,
                                            stderr=log, cwd=self.home, env=self.environment, **self.account)
        deadline = time.monotonic() + self.START_TIMEOUT_S
        while True:
            try:
                answer = httpx.get(f"{self.address}/_cluster/health?wait_for_status=yellow&timeout=1s", timeout=10,
                                   auth=self.ADMIN)
                if answer.status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            if time.monotonic() > deadline or self.process.poll() is not None:
                pytest.fail("the private Elasticsearch server did not start:\n" + self.output()[-4000:])
            time.sleep(0.5)

    def output(self) -> str:
        return (self.home.parent / f"{self.home.name}.log").read_text(errors="replace")

    def ask(self, method: str, path: str, body=None, expect: int = 2) -> dict:
        """A request and its answer, whose status must be of this hundred."""
        answer = httpx.request(method, self.address + path, json=body, timeout=120, auth=self.ADMIN)
        assert answer.status_code // 100 == expect, f"{method} {path}: {answer.status_code} {answer.text[:2000]}"
        return answer.json()

    def create(self, index: str, properties: dict, shards: int = 1, **mapping) -> None:
        """An index of which the server logs every search."""
        self.ask("PUT", f"/{index}", {
            "settings": {"number_of_shards": shards, "number_of_replicas": 0,
                         "index.search.slowlog.threshold.query.warn": "0ms"},
            "mappings": {"properties": properties} | mapping})

    def put(self, index: str, documents) -> None:
        """(id, document) each; a document is JSON, or bytes that are."""
        lines, size = [], 0
        for key, document in documents:
            body = document if isinstance(document, bytes) else json.dumps(document, ensure_ascii=False).encode()
            lines += [json.dumps({"index": {"_id": str(key)}}).encode(), body]
            size += len(body)
            if size > 8_000_000 or len(lines) >= 20_000:
                self._bulk(index, lines)
                lines, size = [], 0
        if lines:
            self._bulk(index, lines)
        self.ask("POST", f"/{index}/_refresh")

    def _bulk(self, index: str, lines: list[bytes]) -> None:
        answer = httpx.post(f"{self.address}/{index}/_bulk", content=b"\n".join(lines) + b"\n", timeout=240, auth=self.ADMIN,
                            headers={"Content-Type": "application/x-ndjson"})
        assert answer.status_code == 200, answer.text[:2000]
        failed = [item for item in answer.json()["items"] if item["index"]["status"] >= 300] if answer.json()["errors"] else []
        assert not failed, failed[:3]

    def remove_documents(self, index: str, *keys) -> None:
        for key in keys:
            self.ask("DELETE", f"/{index}/_doc/{key}?refresh=true")

    def documents(self, index: str) -> dict[str, dict]:
        hits = self.ask("POST", f"/{index}/_search", {"size": 10000})["hits"]["hits"]
        return {hit["_id"]: hit["_source"] for hit in hits}

    def searches(self) -> list[tuple[str, dict]]:
        """Index and body of each search, by the server's own log; one of an index of several shards comes several times."""
        path = self.home / "logs" / "shop_index_search_slowlog.json"
        lines = path.read_text(errors="replace").splitlines() if path.exists() else []
        entries = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
        return [(entry["elasticsearch.slowlog.message"].split("]")[0].lstrip("["),
                 json.loads(json.loads(f'"{entry["elasticsearch.slowlog.source"]}"'))) for entry in entries]

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        try:
            os.kill(int((self.home / "pid").read_text()), how)
        except (OSError, ValueError):
            self.process.kill()  # it has not got so far
        self.process.wait(60)

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.home, ignore_errors=True)
