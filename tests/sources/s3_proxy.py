"""A WireProxy for HTTP: it passes on what comes, and alters the mark in all that the first of the open connections gets:
what is collected is wrong each time, what is read anew on another connection is right."""

from wire_proxy import WireProxy


class Proxy(WireProxy):
    def messages(self, pending: bytes, state: dict) -> tuple[bytes, bytes]:
        with self.lock:
            first = state["number"] == min(self.open)
        if self.mark and first:
            pending = pending.replace(self.mark, self.how[1])
        return pending, b""
