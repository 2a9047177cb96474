#!/usr/bin/env python3
"""A peer: the select loop of the tutorials, with a queue of output for each connection.

    select_loop.py PORT

Two things are put right that tutorials get wrong: what send() did not take stays in the
queue, and a connection whose end was read is closed only once its queue is empty.
"""

import collections
import select
import signal
import socket
import sys

RECEIVE = 1024  # as in the tutorials


class Echo:
    def __init__(self, port):
        self.listener = socket.create_server(("127.0.0.1", port), backlog=4096)
        self.listener.setblocking(False)
        self.inputs = [self.listener]
        self.outputs = []
        self.queues = {}  # by connection
        self.ended = set()  # connections whose end of stream was read

    def accept(self):
        try:
            connection, _ = self.listener.accept()
        except OSError:  # it went, or descriptors ran out
            return
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.inputs.append(connection)
        self.queues[connection] = collections.deque()

    def close(self, connection):
        for watched in (self.inputs, self.outputs):
            if connection in watched:
                watched.remove(connection)
        self.ended.discard(connection)
        del self.queues[connection]
        connection.close()

    def read(self, connection):
        data = connection.recv(RECEIVE)
        if data:
            self.queues[connection].append(data)
            if connection not in self.outputs:
                self.outputs.append(connection)
            return
        if not self.queues[connection]:
            self.close(connection)
            return
        self.ended.add(connection)
        self.inputs.remove(connection)

    def write(self, connection):
        queue = self.queues[connection]
        sent = connection.send(queue[0])
        if sent < len(queue[0]):
            queue[0] = queue[0][sent:]
            return
        queue.popleft()
        if queue:
            return
        self.outputs.remove(connection)
        if connection in self.ended:
            self.close(connection)

    def attempt(self, action, connection):
        if connection not in self.queues:
            return  # closed earlier in this round
        try:
            action(connection)
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            self.close(connection)

    def serve(self):
        while True:
            readable, writable, _ = select.select(self.inputs, self.outputs, self.inputs)
            for ready in readable:
                if ready is self.listener:
                    self.accept()
                else:
                    self.attempt(self.read, ready)
            for ready in writable:
                self.attempt(self.write, ready)


def main():
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    echo = Echo(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    print("listening", echo.listener.getsockname()[1], flush=True)
    echo.serve()


if __name__ == "__main__":
    main()
