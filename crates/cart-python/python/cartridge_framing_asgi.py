"""What cartridge_framing.py does, for ASGI apps: their answers end where they say.

    application = framed(application)

Servers with ASGI look at lengths themselves; what they let pass is left here.
"""

import sys

import cartridge_limits
from cartridge_framing import BODILESS, HOP_BY_HOP, FramingError


def framed(application):
    """`application` as an ASGI callable whose answers end where they say."""

    async def framed_application(scope, receive, send):
        if scope["type"] != "http":
            return await application(scope, receive, send)
        answer = _Answer(scope, send)
        await application(scope, receive, answer.send)

    return framed_application


class _Answer(object):
    """One answer, message by message."""

    def __init__(self, scope, send):
        self.scope = scope
        self.server_send = send
        self.silent = False
        """Whether it has no body, whatever the app sends."""
        self.left = None
        """How many bytes of body may still follow; None for as many as come."""

    async def send(self, message):
        kind = message["type"]
        if kind == "http.response.start":
            message = self.begun(message)
        elif kind == "http.response.body":
            message = self.measured(message)
        await self.server_send(message)

    def begun(self, message):
        status = message["status"]
        if status < 200:
            raise FramingError("the app answered with the status %r: 1xx is no answer" % (status,))
        self.silent = self.scope["method"] == "HEAD" or status in BODILESS
        headers = []
        for name, value in message.get("headers", ()):
            name, value = bytes(name), bytes(value)
            lower = name.decode("latin-1").lower()
            if any(byte in (0, 10, 13) for byte in name + value):
                raise FramingError("the header %r of the app's answer has a line break in it" % lower)
            if lower in HOP_BY_HOP:
                continue
            if lower == "content-length":
                digits = value.strip()
                if not digits.isdigit() or self.left not in (None, int(digits)):
                    raise FramingError("the app's Content-Length is %r, which is none" % (value,))
                if self.left is not None or status in BODILESS:
                    continue
                self.left = int(digits)
            headers.append((name, value))
        too_long = cartridge_limits.complaint_of_head(headers)
        if too_long:
            sys.stderr.write("%s %r: %s\n" % (self.scope["method"], self.scope["path"], too_long))
        if any(bytes(name).lower() == b"upgrade" for name, _ in self.scope.get("headers", ())):
            # A connection on which an upgrade was asked is never used again.
            headers.append((b"connection", b"close"))
        return dict(message, headers=headers)

    def measured(self, message):
        body = message.get("body", b"")
        if self.silent:
            return dict(message, body=b"")
        if self.left is None:
            return message
        body = body[:self.left]
        self.left -= len(body)
        if self.left and not message.get("more_body", False):
            raise FramingError(
                "the app's answer ends %d bytes before its Content-Length" % self.left
            )
        return dict(message, body=body)
