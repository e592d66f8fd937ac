"""An HTTP server in front of a real object store: it passes on what comes, but for what a test arranges.

    door = Door(store.port)
    door.busy = 3                          # so many requests get 503 SlowDown
    door.answers = lambda path: …          # bytes of an XML answer with its status, or None: it is passed on
    door.sent = lambda path, count: …      # told after each piece of a body; False: the connection is cut there
"""

import http.client
import http.server
import threading

PIECE = 64 * 1024
BUSY = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"


class Door:
    def __init__(self, store_port: int):
        door = self
        self.busy = 0
        self.asked: list[str] = []
        self.answers = lambda path: None
        self.sent = lambda path, count: True

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                door.asked.append(self.path)
                if door.busy > 0:
                    door.busy -= 1
                    return self.say(503, BUSY)
                answer = door.answers(self.path)
                if answer is not None:
                    return self.say(*answer)
                self.pass_on()

            def say(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def pass_on(self) -> None:
                store = http.client.HTTPConnection("127.0.0.1", store_port, timeout=60)
                store.putrequest("GET", self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    store.putheader(name, value)
                store.endheaders()
                answer = store.getresponse()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("connection", "transfer-encoding", "server", "date"):
                        self.send_header(name, value)
                body = None if answer.getheader("Content-Length") else answer.read()
                if body is not None:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                count = 0
                while piece := body or answer.read(PIECE):
                    self.wfile.write(piece)
                    count += len(piece)
                    if not door.sent(self.path, count):
                        self.close_connection = True
                        break
                    if body is not None:
                        break
                store.close()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
