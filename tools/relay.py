# SPDX-License-Identifier: MIT
"""Joins a serial port of Bochs' with a unix socket, so that tools/plinthctl drives Plinth as in QEMU.

Bochs connects to a TCP port, once, at its start. To the unix socket clients come and go, one at a
time; what the machine says while there is none is lost, as on a cable that ends nowhere.
"""
import os
import select
import socket
import threading

# When a client does not take so much, the machine is not read any more: Bochs then stands still.
ROOM = 1 << 16


class Relay:
    """`port` and `path` are there at once, for Bochs and for clients; a thread does the work."""

    def __init__(self, path):
        self.path = path
        self.door = socket.socket(socket.AF_UNIX)
        if os.path.exists(path):
            os.unlink(path)  # an earlier run's
        self.door.bind(path)
        self.door.listen()
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.line = self.client = None
        self.to_line = self.to_client = b""
        # The thread ends when the other end of this is closed.
        self.alive, self.end = socket.socketpair()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.end.close()
        self.thread.join()
        for each in (self.server, self.line, self.door, self.client, self.alive):
            if each:
                each.close()
        os.unlink(self.path)

    def run(self):
        if self.server in select.select([self.server, self.alive], [], [])[0]:
            self.line = self.server.accept()[0]
            self.line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.line.setblocking(False)
            while self.step():
                pass
        # Whoever waits for an answer learns that there will be none.
        self.drop()
        self.door.close()

    def step(self):
        """Waits, and moves what can be moved; False at the end."""
        read, write = [self.alive], []
        if len(self.to_client) < ROOM:
            read.append(self.line)
        if self.to_line:
            write.append(self.line)
        if not self.client:
            read.append(self.door)
        elif len(self.to_line) < ROOM:
            read.append(self.client)
        if self.to_client:
            write.append(self.client)
        read, write, _ = select.select(read, write, [])
        if self.alive in read or not self.serve_line(self.line in read, self.line in write):
            return False
        if self.door in read:
            self.client = self.door.accept()[0]
            self.client.setblocking(False)
        elif self.client and not self.serve_client(self.client in read, self.client in write):
            self.drop()
        return True

    def serve_line(self, read, write):
        """False: the machine is gone."""
        try:
            if write:
                self.to_line = self.to_line[self.line.send(self.to_line):]
            data = self.line.recv(ROOM) if read else b""
        except OSError:
            return False
        if self.client:
            self.to_client += data
        return bool(data or not read)

    def serve_client(self, read, write):
        """False: it is gone."""
        try:
            if write:
                self.to_client = self.to_client[self.client.send(self.to_client):]
            data = self.client.recv(ROOM) if read else b""
        except OSError:
            return False
        self.to_line += data
        return bool(data or not read)

    def drop(self):
        if self.client:
            self.client.close()
        self.client, self.to_client = None, b""
