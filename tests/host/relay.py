# SPDX-License-Identifier: MIT
"""tools/relay.py: COM2 of Bochs as a unix socket, with the test as Bochs and as its clients."""
import contextlib
import os
import select
import socket

from boot_box import Failure
from relay import ROOM, Relay

# More than the buffers on the way hold.
FLOOD = b"".join(b"%07d\n" % i for i in range(4 << 20))


class Ends:
    def __init__(self, relay):
        self.relay = relay
        self.machine = socket.create_connection(("127.0.0.1", relay.port), timeout=30)

    def client(self):
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(30)
        client.connect(os.path.relpath(self.relay.path))
        return client

    def expect(self, receiver, data):
        got = b""
        while len(got) < len(data):
            piece = receiver.recv(65536)
            if not piece:
                raise Failure("the end after %d of %d bytes" % (len(got), len(data)))
            got += piece
        if got != data:
            raise Failure("%r came instead of %r" % (got[:80], data[:80]))

    def greet(self, client):
        """Who has an answer is the one that the machine talks with."""
        client.sendall(b"hello\n")
        self.expect(self.machine, b"hello\n")
        self.machine.sendall(b"welcome\n")
        self.expect(client, b"welcome\n")


@contextlib.contextmanager
def joined(box):
    with Relay(os.path.relpath(os.path.join(box.folder, "door"))) as relay:
        ends = Ends(relay)
        with ends.machine:
            yield ends


def test_clients(box):
    """One after the other, the next one waiting; what one does not take is not the next one's."""
    with joined(box) as ends:
        with ends.client() as first:
            ends.greet(first)
            second = ends.client()
            second.sendall(b"later\n")
            ends.greet(first)
        with second:
            ends.expect(ends.machine, b"later\n")
            ends.greet(second)
            # It leaves without taking what it is sent.
            ends.machine.sendall(b"bye\n")
            second.recv(1, socket.MSG_PEEK)
        with ends.client() as third:
            ends.greet(third)


def flood(sender):
    """Sends until nothing more is taken; how much that was."""
    sent = 0
    while select.select([], [sender], [], 1)[1]:
        sent += sender.send(FLOOD[sent:sent + ROOM])
        if sent == len(FLOOD):
            raise Failure("%d bytes went nowhere" % sent)
    return sent


def test_flood(box):
    """Whoever takes nothing holds the other one, and nothing is lost; until it leaves."""
    with joined(box) as ends:
        with ends.client() as client:
            ends.greet(client)
            ends.expect(client, FLOOD[:flood(ends.machine)])
            ends.expect(ends.machine, FLOOD[:flood(client)])
            flood(ends.machine)
        if not select.select([], [ends.machine], [], 30)[1]:
            raise Failure("a client that has left holds the machine")


def test_end(box):
    """A machine that ends is its client's end of file; and the socket goes."""
    with joined(box) as ends:
        with ends.client() as client:
            ends.greet(client)
            ends.machine.close()
            if client.recv(1):
                raise Failure("a client is not told of the machine's end")
        path = ends.relay.path
    if os.path.exists(path):
        raise Failure("%s is left" % path)
    # A socket that is left over from a run that was killed is no obstacle.
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(path)
    with joined(box) as ends, ends.client() as client:
        ends.greet(client)
