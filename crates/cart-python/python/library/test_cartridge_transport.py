"""Run by the crate's tests: `python -m unittest test_cartridge_transport`."""

import asyncio
import socket
import unittest

from cartridge_transport import MOST, Transport, send_at_once


class Written(object):
    """What a transport was asked, in order."""

    def __init__(self):
        self.asked = []

    def write(self, data):
        self.asked.append(data)

    def close(self):
        self.asked.append("close")

    def is_closing(self):
        return self.asked[-1:] == ["close"]


class Answers(asyncio.Protocol):
    """Writes an answer in pieces to whoever connects, and closes."""

    def connection_made(self, transport):
        for piece in (b"head ", b"body"):
            transport.write(piece)
        transport.close()


class Turns(unittest.TestCase):
    def setUp(self):
        self.loop = asyncio.new_event_loop()
        self.addCleanup(self.loop.close)
        self.under = Written()
        self.transport = Transport(self.under, self.loop)

    def turn(self):
        self.loop.run_until_complete(asyncio.sleep(0))

    def test_what_is_written_in_one_turn_is_sent_at_once(self):
        self.transport.write(b"head ")
        self.transport.write(bytearray(b"body"))
        self.assertEqual(self.under.asked, [])
        self.turn()
        self.assertEqual(self.under.asked, [b"head body"])
        self.transport.writelines([b"more"])
        self.turn()
        self.assertEqual(self.under.asked, [b"head body", b"more"])

    def test_much_waits_for_no_turn(self):
        self.transport.write(b"x" * MOST)
        self.assertEqual(self.under.asked, [b"x" * MOST])
        self.turn()
        self.assertEqual(len(self.under.asked), 1)

    def test_what_was_written_goes_before_the_end(self):
        self.transport.write(b"last")
        self.transport.close()
        self.turn()
        self.assertEqual(self.under.asked, [b"last", "close"])
        self.assertTrue(self.transport.is_closing())

    def test_servers_of_every_loop_have_it(self):
        create_server = asyncio.BaseEventLoop.create_server
        self.addCleanup(setattr, asyncio.BaseEventLoop, "create_server", create_server)
        send_at_once()
        transports = []

        class Noted(Answers):
            def connection_made(self, transport):
                transports.append(transport)
                Answers.connection_made(self, transport)

        async def ask():
            server = await self.loop.create_server(Noted, "127.0.0.1", 0)
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            answer = await reader.read()
            writer.close()
            server.close()
            return answer

        self.assertEqual(self.loop.run_until_complete(ask()), b"head body")
        self.assertIsInstance(transports[0], Transport)
        self.assertEqual(transports[0].get_extra_info("socket").family, socket.AF_INET)
