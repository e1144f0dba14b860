"""A WebSocket that sends back what it receives (RFC 6455), with the standard library only.

WSGI knows no WebSockets, so it asks the server for the client's socket and speaks the
protocol itself. Good for a demonstration; for an app of yours see the websocket-echo
example, which leaves the protocol to a package.
"""

import base64
import binascii
import hashlib
import socket
import struct

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
MOST_BYTES = 1024 * 1024
"""The longest message that is echoed."""
IDLE_SECONDS = 60

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
GOING_AWAY, PROTOCOL_ERROR, BAD_TEXT, TOO_BIG = 1001, 1002, 1007, 1009


class Closing(Exception):
    """The connection has to end: with a close code for the client, or None for none."""

    def __init__(self, code):
        Exception.__init__(self, code)
        self.code = code


def client_socket(environ):
    """The client's connection, if the server hands it out and can do without the thread
    that it will keep: gunicorn's `sync` workers would answer nobody else meanwhile."""
    if not environ.get("wsgi.multithread"):
        return None
    return environ.get("werkzeug.socket") or environ.get("gunicorn.socket")


def possible(environ):
    """Whether a WebSocket could be opened here. `environ` is any request's: the
    cartridge's own servers hand out the socket only to one that asks for an upgrade."""
    software = environ.get("SERVER_SOFTWARE", "")
    return client_socket(environ) is not None or software.startswith(("wsgiref/", "gevent/"))


def serve(environ, start_response):
    """A WSGI app: echoes until the client leaves."""
    if environ.get("wsgi.websocket") is not None:
        return echo_with_gevent_websocket(environ["wsgi.websocket"])
    refusal = refuse(environ)
    if refusal:
        return refusal(start_response)
    try:
        talk(client_socket(environ), environ["HTTP_SEC_WEBSOCKET_KEY"])
    except OSError:
        pass  # the client is gone
    if "gunicorn.socket" in environ:
        # For gunicorn: the connection has been dealt with, write nothing more to it.
        raise StopIteration
    return []


def echo_with_gevent_websocket(websocket):
    """gevent-websocket has done the handshake and knows the protocol."""
    try:
        while True:
            message = websocket.receive()
            if message is None:
                break
            websocket.send(message)
    except OSError:
        pass  # the client is gone
    return []


def refuse(environ):
    """What to answer instead of a WebSocket, or None."""
    wanted = environ.get("HTTP_CONNECTION", "").lower().replace(",", " ").split()
    if (
        environ["REQUEST_METHOD"] != "GET"
        or environ.get("HTTP_UPGRADE", "").lower() != "websocket"
        or "upgrade" not in wanted
        or environ.get("HTTP_SEC_WEBSOCKET_VERSION") != "13"
    ):
        return plain(
            "426 Upgrade Required",
            "This address speaks WebSocket (version 13).",
            ("Sec-WebSocket-Version", "13"),
        )
    try:
        key = base64.b64decode(environ.get("HTTP_SEC_WEBSOCKET_KEY", ""), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != 16:
        return plain("400 Bad Request", "Sec-WebSocket-Key is not 16 bytes in base64.")
    if client_socket(environ) is None:
        return plain("501 Not Implemented", "This server does not do WebSockets.")
    return None


def plain(status, text, *headers):
    def answer(start_response):
        body = text.encode("utf-8")
        fixed = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]
        start_response(status, fixed + list(headers))
        return [body]

    return answer


def talk(client, key):
    client.settimeout(IDLE_SECONDS)
    accept = base64.b64encode(hashlib.sha1(key.strip().encode("ascii") + GUID).digest())
    client.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )
    try:
        frames = Frames(client)
        while True:
            kind, message = frames.next_message()
            client.sendall(frame(kind, message))
    except socket.timeout:
        hang_up(client, GOING_AWAY)
    except Closing as closing:
        hang_up(client, closing.code)


def hang_up(client, code):
    """Says goodbye, then waits for the client to go: leaving with unread data would
    take the goodbye away from it."""
    client.settimeout(2)
    client.sendall(frame(CLOSE, struct.pack("!H", code) if code else b""))
    client.shutdown(socket.SHUT_WR)
    for _ in range(64):
        if not client.recv(65536):
            return


def frame(opcode, payload):
    """A whole, unmasked frame, as servers send them."""
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", 0x80 | opcode, size)
    elif size < 65536:
        head = struct.pack("!BBH", 0x80 | opcode, 126, size)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 127, size)
    return head + payload


class Frames:
    """Reads a client's messages, and answers its pings and its goodbye on the way."""

    def __init__(self, client):
        self.client = client
        self.received = bytearray()

    def next_message(self):
        """The next whole message, as (TEXT or BINARY, bytes). Raises Closing."""
        kind, message = None, bytearray()
        while True:
            final, opcode, payload = self.next_frame(MOST_BYTES - len(message))
            if opcode == PING:
                self.client.sendall(frame(PONG, payload))
            elif opcode == CLOSE:
                raise Closing(reply_to_close(payload))
            elif opcode != PONG:
                if (opcode == CONTINUATION) != (kind is not None):
                    raise Closing(PROTOCOL_ERROR)
                kind = kind or opcode
                message += payload
                if final:
                    if kind == TEXT and not is_text(message):
                        raise Closing(BAD_TEXT)
                    return kind, bytes(message)

    def next_frame(self, most):
        first, second = self.take(2)
        final, opcode, size = first & 0x80, first & 0x0F, second & 0x7F
        control = opcode >= CLOSE
        if (
            first & 0x70  # extensions, of which none was agreed on
            or opcode not in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG)
            or not second & 0x80  # clients must mask
            or (control and (not final or size > 125))
        ):
            raise Closing(PROTOCOL_ERROR)
        if size == 126:
            size = struct.unpack("!H", self.take(2))[0]
        elif size == 127:
            size = struct.unpack("!Q", self.take(8))[0]
        if size > most and not control:
            raise Closing(TOO_BIG)
        mask = self.take(4)
        return final, opcode, unmask(self.take(size), mask)

    def take(self, size):
        while len(self.received) < size:
            data = self.client.recv(65536)
            if not data:
                raise Closing(None)
            self.received += data
        taken = bytes(self.received[:size])
        del self.received[:size]
        return taken


def unmask(payload, mask):
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    plain = int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")
    return plain.to_bytes(size, "big")


def is_text(message):
    try:
        message.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def reply_to_close(payload):
    """The code to answer a client's close frame with."""
    if not payload:
        return None
    if len(payload) == 1:
        return PROTOCOL_ERROR
    code = struct.unpack("!H", payload[:2])[0]
    if not (1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999):
        return PROTOCOL_ERROR
    return code if is_text(payload[2:]) else BAD_TEXT
