"""A WireProxy for MongoDB's protocol (OP_MSG), which also writes down what it is asked.

    proxy.commands          every command, in order: {"find": "orders", "filter": {…}, …}
    proxy.meanwhile = call  once the server has answered the next reading, and before the client gets it

What is damaged is one document of a reading: of a `find` without a limit, as collections ask for, or the answers that
follow to it. A look at some documents has a limit. With "alter" the mark is replaced wherever the answer holds it.
"""

import bson

from wire_proxy import WireProxy

OP_MSG = 2013
HEADER = 16
BODY = HEADER + 4 + 1  # flags, and the kind of the first section


class Proxy(WireProxy):
    def __init__(self, server_port: int, mark: bytes = b"", how=""):
        self.commands: list[dict] = []
        self.meanwhile = None
        self.readings: set[int] = set()  # cursors
        super().__init__(server_port, mark, how)

    def asked(self, data: bytes, state: dict) -> None:
        messages, state["asked"] = cut(state.get("asked", b"") + data)
        for message in messages:
            if int.from_bytes(message[12:16], "little") != OP_MSG:
                continue
            command = bson.decode(message[BODY:])
            self.commands.append(command)
            reading = ("find" in command and "limit" not in command) or command.get("getMore") in self.readings
            state.setdefault("reading", {})[int.from_bytes(message[4:8], "little")] = reading

    def messages(self, pending: bytes, state: dict) -> tuple[bytes, bytes]:
        whole, pending = cut(pending)
        return b"".join(self.damaged(message, state) for message in whole), pending

    def damaged(self, message: bytes, state: dict) -> bytes:
        if not state.get("reading", {}).pop(int.from_bytes(message[8:12], "little"), False):
            return message
        answer = bson.decode(message[BODY:])
        if answer.get("cursor", {}).get("id"):
            self.readings.add(answer["cursor"]["id"])
        with self.lock:
            meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        with self.lock:
            if self.done or self.mark not in message:
                return message
            self.done = True
        if self.how not in ("drop", "double"):
            return message.replace(self.mark, self.how[1])
        name = "firstBatch" if "firstBatch" in answer["cursor"] else "nextBatch"
        copies = {"drop": 0, "double": 2}[self.how]
        answer["cursor"][name] = [document for one in answer["cursor"][name] for document in
                                  ([one] * copies if self.mark in bson.encode(one) else [one])]
        body = message[HEADER:BODY] + bson.encode(answer)
        return (HEADER + len(body)).to_bytes(4, "little") + message[4:HEADER] + body


def cut(pending: bytes) -> tuple[list[bytes], bytes]:
    """The whole messages of `pending`, and the rest."""
    messages = []
    while len(pending) >= 4 and len(pending) >= (length := int.from_bytes(pending[:4], "little")):
        messages.append(pending[:length])
        pending = pending[length:]
    return messages, pending
