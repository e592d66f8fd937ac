"""Stands between a client and a MySQL server, and damages one row of an answer on its way.

    proxy = Proxy(port, b"row-417", "drop")     # or "double", or ("alter", b"row-41x"), of the same length
    proxy.port                                  # where the client connects
    proxy.cut_after = 100_000                   # closes each connection after so many bytes from the server

Only the first packet that holds the mark is damaged: what the client reads first is wrong, and what it reads anew is
right. Packets keep their numbers in order, so no client can see it by the protocol.
"""

import socket
import threading


class Proxy:
    def __init__(self, server_port: int, mark: bytes = b"", how=""):
        self.server_port = server_port
        self.mark = mark
        self.how = how
        self.done = not mark
        self.cut_after = None
        self.connections = 0
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self.listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            server = socket.create_connection(("127.0.0.1", self.server_port))
            shift = [0]  # how far the numbers of the server's packets are moved within one answer
            threading.Thread(target=self._to_server, args=(client, server, shift), daemon=True).start()
            threading.Thread(target=self._to_client, args=(server, client, shift), daemon=True).start()

    @staticmethod
    def _close(*sockets) -> None:
        for one in sockets:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _to_server(self, client, server, shift) -> None:
        try:
            while data := client.recv(65536):
                shift[0] = 0  # a command begins a new count
                server.sendall(data)
        except OSError:
            pass
        self._close(client, server)

    def _to_client(self, server, client, shift) -> None:
        pending, passed = b"", 0
        try:
            while data := server.recv(65536):
                passed += len(data)
                if self.cut_after is not None and passed > self.cut_after:
                    break
                pending += data
                out = bytearray()
                while len(pending) >= 4:
                    length = int.from_bytes(pending[:3], "little")
                    if len(pending) < 4 + length:
                        break
                    number, body = pending[3], pending[4:4 + length]
                    pending = pending[4 + length:]
                    for copy in self._packets(body):
                        out += len(copy).to_bytes(3, "little") + bytes([(number + shift[0]) % 256]) + copy
                        shift[0] += 1
                    shift[0] -= 1
                client.sendall(out)
        except OSError:
            pass
        self._close(client, server)

    def _packets(self, body: bytes) -> list[bytes]:
        with self.lock:
            if self.done or self.mark not in body:
                return [body]
            self.done = True
        if self.how == "drop":
            return []
        if self.how == "double":
            return [body, body]
        return [body.replace(self.mark, self.how[1])]
