"""Stands before an emulator of MongoDB and does what that lacks: lets in who knows a password (SCRAM, RFC 5802 and 7677),
refuses what a user may not do, and speaks TLS. Written from the RFCs and the server's documentation, so that a client is
held to them, not to itself.

    gate = Gate(port, {"reader": "password"}, denied={"reader": {"find"}}, context=ssl_context)
    gate.port
"""

import base64
import hashlib
import hmac
import os
import socket
import ssl
import threading

import bson

OP_MSG = 2013
ITERATIONS = 4096
OPEN = {"hello", "ismaster", "isMaster", "ping", "buildInfo", "saslStart", "saslContinue", "endSessions"}


class Gate:
    def __init__(self, server_port: int, users: dict[str, str] | None = None, denied: dict[str, set[str]] | None = None,
                 context: ssl.SSLContext | None = None):
        self.server_port = server_port
        self.users = users
        self.denied = denied or {}
        self.context = context
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
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client) -> None:
        server = socket.create_connection(("127.0.0.1", self.server_port))
        try:
            if self.context is not None:
                client = self.context.wrap_socket(client, server_side=True)
            session = Session(self)
            while (message := receive(client)) is not None:
                answer = session.answer(message)
                if answer is None:
                    server.sendall(message)
                    answer = receive(server)
                client.sendall(answer)
        except OSError:
            pass
        client.close()
        server.close()


class Session:
    def __init__(self, gate: Gate):
        self.gate = gate
        self.user = None
        self.scram = None

    def answer(self, message: bytes) -> bytes | None:
        """What the gate says itself; None: the server is asked."""
        if self.gate.users is None or int.from_bytes(message[12:16], "little") != OP_MSG:
            return None
        command = bson.decode(message[21:])
        name = next(iter(command))
        if name == "saslStart":
            return reply(message, self.start(command))
        if name == "saslContinue":
            return reply(message, self.go_on(command))
        if self.user is None and name not in OPEN:
            return reply(message, {"ok": 0.0, "code": 13, "codeName": "Unauthorized",
                                   "errmsg": f"command {name} requires authentication"})
        if name in self.gate.denied.get(self.user, ()):
            return reply(message, {"ok": 0.0, "code": 13, "codeName": "Unauthorized",
                                   "errmsg": f"not authorized on {command['$db']} to execute command {name}"})
        return None

    def start(self, command: dict) -> dict:
        first = bytes(command["payload"]).decode()
        assert first.startswith("n,,"), first
        fields = dict(part.split("=", 1) for part in first[3:].split(","))
        user = fields["n"].replace("=2C", ",").replace("=3D", "=")
        password = self.gate.users.get(user)
        digest = "sha256" if command["mechanism"] == "SCRAM-SHA-256" else "sha1"
        if password is None:
            return refused()
        if digest == "sha1":
            password = hashlib.md5(f"{user}:mongo:{password}".encode()).hexdigest()
        # As many bytes as the server takes: the digest's size, less what a counter needs.
        salt, nonce = os.urandom(28 if digest == "sha256" else 16), fields["r"] + base64.b64encode(os.urandom(18)).decode()
        challenge = f"r={nonce},s={base64.b64encode(salt).decode()},i={ITERATIONS}"
        salted = hashlib.pbkdf2_hmac(digest, password.encode(), salt, ITERATIONS)
        self.scram = (user, digest, salted, first[3:], challenge, nonce)
        return {"conversationId": 1, "done": False, "payload": challenge.encode(), "ok": 1.0}

    def go_on(self, command: dict) -> dict:
        last = bytes(command["payload"]).decode()
        if not last:
            return {"conversationId": 1, "done": True, "payload": b"", "ok": 1.0}
        user, digest, salted, first, challenge, nonce = self.scram
        bare, proof = last.rsplit(",p=", 1)
        signed = f"{first},{challenge},{bare}".encode()
        key = hmac.digest(salted, b"Client Key", digest)
        signature = hmac.digest(hashlib.new(digest, key).digest(), signed, digest)
        expected = bytes(a ^ b for a, b in zip(key, signature))
        if f"r={nonce}" not in bare or not hmac.compare_digest(base64.b64decode(proof), expected):
            return refused()
        self.user = user
        server = hmac.digest(hmac.digest(salted, b"Server Key", digest), signed, digest)
        return {"conversationId": 1, "done": False, "payload": b"v=" + base64.b64encode(server), "ok": 1.0}


def refused() -> dict:
    return {"ok": 0.0, "code": 18, "codeName": "AuthenticationFailed", "errmsg": "Authentication failed."}


def reply(message: bytes, answer: dict) -> bytes:
    body = bytes(5) + bson.encode(answer)
    return (16 + len(body)).to_bytes(4, "little") + bytes(4) + message[4:8] + OP_MSG.to_bytes(4, "little") + body


def receive(connection) -> bytes | None:
    data = b""
    length = 4
    while len(data) < length:
        piece = connection.recv(length - len(data))
        if not piece:
            return None
        data += piece
        if len(data) == 4 and length == 4:
            length = int.from_bytes(data, "little")
    return data
