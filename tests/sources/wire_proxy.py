"""What the proxies of this folder share: they stand between a client and a real server, and damage one row of an
answer on its way.

    proxy = Proxy(port, b"row-417", "drop")     # or "double", or ("alter", b"row-41x"), of the same length
    proxy.port                                  # where the client connects
    proxy.cut_after = 100_000                   # closes each connection after so many bytes from the server

Only the first message that holds the mark is damaged, and only on the connection that was opened first of those that
are open: what the client collects is wrong, and what it reads anew on its second connection, at the same time or later,
is right. A protocol says in `messages` how they are cut, and passes each through `copies`.
"""

import socket
import threading


class WireProxy:
    def __init__(self, server_port: int, mark: bytes = b"", how=""):
        self.server_port = server_port
        self.mark = mark
        self.how = how
        self.done = not mark
        self.cut_after = None
        self.connections = 0
        self.open: set[int] = set()
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self.listener.close()

    def messages(self, pending: bytes, state: dict) -> tuple[bytes, bytes]:
        """What goes on to the client of `pending`, and what is left of it: the beginning of a message."""
        raise NotImplementedError

    def asked(self, data: bytes, state: dict) -> None:
        """The client has sent something."""

    def copies(self, body: bytes, state: dict) -> list[bytes]:
        """What becomes of a message: itself, nothing, or two."""
        with self.lock:
            if self.done or self.mark not in body or state["number"] != min(self.open):
                return [body]
            self.done = True
        if self.how == "drop":
            return []
        if self.how == "double":
            return [body, body]
        return [body.replace(self.mark, self.how[1])]

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            server = socket.create_connection(("127.0.0.1", self.server_port))
            state: dict = {"number": self.connections}
            with self.lock:
                self.open.add(self.connections)
            threading.Thread(target=self._to_server, args=(client, server, state), daemon=True).start()
            threading.Thread(target=self._to_client, args=(server, client, state), daemon=True).start()

    @staticmethod
    def _close(*sockets) -> None:
        for one in sockets:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _to_server(self, client, server, state) -> None:
        try:
            while data := client.recv(65536):
                self.asked(data, state)
                server.sendall(data)
        except OSError:
            pass
        self._close(client, server)

    def _to_client(self, server, client, state) -> None:
        pending, passed = b"", 0
        try:
            while data := server.recv(65536):
                passed += len(data)
                if self.cut_after is not None and passed > self.cut_after:
                    break
                out, pending = self.messages(pending + data, state)
                client.sendall(out)
        except OSError:
            pass
        with self.lock:
            self.open.discard(state["number"])
        self._close(client, server)
