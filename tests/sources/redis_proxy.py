"""A WireProxy for RESP2, Redis' protocol. What is damaged is one answer: a key's hash, a page of entries.

`double` puts the entry that holds the mark into its page twice, as no client would take a second answer for one.
"""

from wire_proxy import WireProxy


class Proxy(WireProxy):
    """`drop` makes an answer that holds the mark an empty one: `empty` says how that looks."""

    empty: bytes | None = b"*2\r\n$1\r\n0\r\n*0\r\n"  # of HSCAN: no more, no field; None: a page without the entry
    skip = 0  # answers with the mark that pass before one is damaged

    def messages(self, pending: bytes, state: dict) -> tuple[bytes, bytes]:
        out = bytearray()
        while (end := end_of(pending)) is not None:
            message, pending = pending[:end], pending[end:]
            out += self.damaged(message)
        return bytes(out), pending

    def damaged(self, message: bytes) -> bytes:
        with self.lock:
            if self.done or self.mark not in message or message[:1] != b"*":
                return message
            if self.skip > 0:
                self.skip -= 1
                return message
            self.done = True
        if self.how == "drop":
            return self.empty or without(message, self.mark)
        if self.how == "double":
            return doubled(message, self.mark)
        return message.replace(self.mark, self.how[1])


def without(message: bytes, mark: bytes) -> bytes:
    """A page of entries without the one that holds the mark."""
    return page([entry for entry in entries_of(message) if mark not in entry])


def doubled(message: bytes, mark: bytes) -> bytes:
    """A page of entries in which the one that holds the mark comes twice."""
    entries = entries_of(message)
    return page([entry for one in entries for entry in ([one, one] if mark in one else [one])])


def entries_of(message: bytes) -> list[bytes]:
    at = message.index(b"\r\n") + 2
    entries = []
    while at < len(message):
        end = at + end_of(message[at:])
        entries.append(message[at:end])
        at = end
    return entries


def page(entries: list[bytes]) -> bytes:
    return b"*%d\r\n" % len(entries) + b"".join(entries)


def end_of(pending: bytes) -> int | None:
    """Where the first answer ends; None where it has not come whole."""
    at, left = 0, 1
    while left:
        line = pending.find(b"\r\n", at)
        if line < 0:
            return None
        kind, rest = pending[at:at + 1], pending[at + 1:line]
        at, left = line + 2, left - 1
        if kind == b"$" and rest != b"-1":
            at += int(rest) + 2
        if kind == b"*" and rest != b"-1":
            left += int(rest)
    return at if at <= len(pending) else None
