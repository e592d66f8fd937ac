"""A WireProxy for PostgreSQL's protocol, version 3, without TLS: a letter, the length, the body."""

from wire_proxy import WireProxy


class Proxy(WireProxy):
    def messages(self, pending: bytes, state: dict) -> tuple[bytes, bytes]:
        out = bytearray()
        while len(pending) >= 5:
            length = 1 + int.from_bytes(pending[1:5], "big")
            if len(pending) < length:
                break
            message, pending = pending[:length], pending[length:]
            for copy in self.copies(message, state) if message[:1] == b"d" else [message]:  # d: a row of a COPY
                out += copy
        return bytes(out), pending
