"""A WireProxy for MySQL's protocol. Packets keep their numbers in order, so no client can see the damage by them."""

from wire_proxy import WireProxy


class Proxy(WireProxy):
    def asked(self, data: bytes, state: dict) -> None:
        state["shift"] = 0  # a command begins a new count

    def messages(self, pending: bytes, state: dict) -> tuple[bytes, bytes]:
        out = bytearray()
        while len(pending) >= 4:
            length = int.from_bytes(pending[:3], "little")
            if len(pending) < 4 + length:
                break
            number, body = pending[3], pending[4:4 + length]
            pending = pending[4 + length:]
            shift = state.get("shift", 0)  # how far the numbers of the server's packets are moved within one answer
            for copy in self.copies(body, state):
                out += len(copy).to_bytes(3, "little") + bytes([(number + shift) % 256]) + copy
                shift += 1
            state["shift"] = shift - 1
        return bytes(out), pending
