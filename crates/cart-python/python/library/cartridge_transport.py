"""Connections of asyncio's own event loop on which all that is written in one turn of the loop is sent
at once.

A server of ASGI apps writes the head of an answer and its body apart. One that is killed between the two
has begun an answer, and nginx can ask nobody else for it. uvloop does the same by itself.

    send_at_once()      # before the server listens

Python 3 only.
"""

import asyncio

MOST = 64 * 1024
"""Bytes that wait for the end of the turn at most: an app that never lets the loop turn must still be
told when its client reads too slowly."""


def send_at_once():
    """Holds for every server that an event loop makes from now on."""
    create_server = asyncio.BaseEventLoop.create_server

    def create_whole_server(self, protocol_factory, *args, **kwargs):
        def protocol():
            made = protocol_factory()
            begin = made.connection_made
            made.connection_made = lambda transport: begin(Transport(transport, self))
            return made

        return create_server(self, protocol, *args, **kwargs)

    asyncio.BaseEventLoop.create_server = create_whole_server


class Transport(object):
    """`transport`, whose writes wait for the end of the turn."""

    def __init__(self, transport, loop):
        self._transport = transport
        self._loop = loop
        self._waiting = []
        self._size = 0

    def write(self, data):
        if not self._waiting:
            self._loop.call_soon(self._send)
        self._waiting.append(bytes(data))
        self._size += len(data)
        if self._size >= MOST:
            self._send()

    def writelines(self, blocks):
        for block in blocks:
            self.write(block)

    def write_eof(self):
        self._send()
        self._transport.write_eof()

    def close(self):
        self._send()
        self._transport.close()

    def abort(self):
        self._waiting = []
        self._transport.abort()

    def get_write_buffer_size(self):
        return self._size + self._transport.get_write_buffer_size()

    def _send(self):
        waiting, self._waiting, self._size = self._waiting, [], 0
        if waiting:
            self._transport.write(b"".join(waiting))

    def __getattr__(self, name):
        return getattr(self._transport, name)
