"""What stands between a client and Elasticsearch: a WireProxy for HTTP, and a reverse proxy."""

import base64
import http.client
import http.server
import json
import ssl
import threading
import time

from wire_proxy import WireProxy


class Proxy(WireProxy):
    """Damages one hit of one answer to a search."""

    def messages(self, pending: bytes, state: dict) -> tuple[bytes, bytes]:
        out = bytearray()
        while (end := end_of(pending)) is not None:
            message, pending = pending[:end], pending[end:]
            out += self.damaged(message, state)
        return bytes(out), pending

    def damaged(self, message: bytes, state: dict) -> bytes:
        with self.lock:
            if self.done or self.mark not in message or state["number"] != min(self.open):
                return message
            answer = json.loads(body_of(message))
            hits = answer.get("hits", {}).get("hits", [])
            marked = [hit for hit in hits if self.mark.decode() in json.dumps(hit["_source"])]
            if not marked:
                return message
            self.done = True
        if self.how == "drop":
            answer["hits"]["hits"] = [hit for hit in hits if hit not in marked]
        elif self.how == "double":
            answer["hits"]["hits"] = [one for hit in hits for one in ([hit, hit] if hit in marked else [hit])]
        else:
            answer = json.loads(json.dumps(answer).replace(self.mark.decode(), self.how[1].decode()))
        body = json.dumps(answer, ensure_ascii=False).encode()
        return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body


def head_of(message: bytes) -> dict[str, str]:
    lines = message[:message.index(b"\r\n\r\n")].decode().split("\r\n")[1:]
    return {name.strip().lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}


def end_of(pending: bytes) -> int | None:
    """Where the first answer ends; None where it has not come whole."""
    begin = pending.find(b"\r\n\r\n")
    if begin < 0:
        return None
    at, head = begin + 4, head_of(pending)
    if head.get("transfer-encoding") != "chunked":
        end = at + int(head.get("content-length", 0))
        return end if end <= len(pending) else None
    while True:
        line = pending.find(b"\r\n", at)
        if line < 0:
            return None
        size = int(pending[at:line].split(b";")[0], 16)
        at = line + 2 + size + 2
        if at > len(pending):
            return None
        if size == 0:
            return at


def body_of(message: bytes) -> bytes:
    at = message.index(b"\r\n\r\n") + 4
    if head_of(message).get("transfer-encoding") != "chunked":
        return message[at:]
    body = b""
    while True:
        line = message.index(b"\r\n", at)
        size = int(message[at:line].split(b";")[0], 16)
        if size == 0:
            return body
        body += message[line + 2:line + 2 + size]
        at = line + 2 + size + 2


class Gate:
    """A reverse proxy, as people put before a server.

        gate = Gate(server.port, keys={"aWQ6a2V5": ("reader", "p")}, certificate=(certificate, key))
        gate.port

    `keys`: API keys, and who they are to the server, which has none of its own here. `opensearch`: it speaks as OpenSearch
    of this version does, as far as points in time go: what stands behind it is Elasticsearch all the same. `busy`: so many
    searches are answered with 429 first. `lost`: before the search with this number the server gives up the point in
    time that it names, as if too long nobody had asked for it. `pause_s`: how long each search takes. `paths` holds what
    was asked.
    """

    def __init__(self, server, keys=None, certificate=None, opensearch=None, busy=0, lost=0, pause_s=0.0):
        gate = self
        self.server, self.keys = server, keys or {}
        self.opensearch, self.busy, self.lost, self.pause_s, self.paths = opensearch, busy, lost, pause_s, []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, status, body):
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def serve(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.answer(*gate.pass_on(self.command, self.path, body, self.headers.get("Authorization")))

            do_GET = do_POST = do_DELETE = serve

            def log_message(self, *_):
                pass

        self.listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.listener.daemon_threads = True
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.listener.socket = context.wrap_socket(self.listener.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.listener.server_port
        threading.Thread(target=self.listener.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.listener.shutdown()
        self.listener.server_close()

    def pass_on(self, method: str, path: str, body: bytes, authorization: str | None) -> tuple[int, bytes]:
        self.paths.append(f"{method} {path}")
        kind, _, key = (authorization or "").partition(" ")
        if kind == "ApiKey" and key in self.keys:
            authorization = "Basic " + base64.b64encode(":".join(self.keys[key]).encode()).decode()
        if self.busy > 0 and "_search?" in path:
            self.busy -= 1
            cause = {"type": "es_rejected_execution_exception", "reason": "rejected execution of search"}
            return 429, json.dumps({"error": {"root_cause": [cause]} | cause, "status": 429}).encode()
        if "_search?" in path:
            time.sleep(self.pause_s)
            self.lost -= 1
            if self.lost == 0:
                self.forward("DELETE", "/_pit", json.dumps({"id": json.loads(body)["pit"]["id"]}).encode(), authorization)
        if self.opensearch and path == "/":
            return 200, json.dumps({"cluster_name": "shop", "version": {
                "distribution": "opensearch", "number": self.opensearch}}).encode()
        if self.opensearch and path == "/_plugins/_security/authinfo":
            status, body = self.forward("GET", "/_security/_authenticate", b"", authorization)
            return status, json.dumps({"user_name": json.loads(body).get("username")}).encode()
        if self.opensearch and path.endswith("/_search/point_in_time"):
            path, body = "/_pit", json.dumps({"id": json.loads(body)["pit_id"][0]}).encode()
        opens = self.opensearch and "/_search/point_in_time?" in path
        if opens:
            path = path.replace("/_search/point_in_time?allow_partial_pit_creation=false&", "/_pit?")
        status, body = self.forward(method, path, body, authorization)
        if opens and status == 200:
            answer = json.loads(body)
            body = json.dumps({"pit_id": answer["id"], "_shards": answer["_shards"]}).encode()
        return status, body

    def forward(self, method: str, path: str, body: bytes, authorization: str | None) -> tuple[int, bytes]:
        headers = {"Authorization": authorization} if authorization else {}
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=120)
        connection.request(method, path, body or None, headers | ({"Content-Type": "application/json"} if body else {}))
        answer = connection.getresponse()
        try:
            return answer.status, answer.read()
        finally:
            connection.close()
