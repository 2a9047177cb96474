"""Daemons that take over from each other, and whoever stands between the two of them."""

import array
import contextlib
import os
import select
import socket
import struct
import threading

import peers
from patience import PATIENCE
from traffic import Comers, Datagrams

MIB = 1 << 20
STREAMS = int(os.environ.get("TAKE_OVER_STREAMS", "8"))

HELLO, SOCKETS, READY, PARCEL, TAKEN, NO = range(6)
NAMES = ("hello", "sockets", "ready", "parcel", "taken", "no")
FRAME = struct.Struct("=8sII112s")  # handover/word.c
FDS_MOST = 6


def place(workdir):
    return f"{workdir}/take-over.sock"


def options(workdir, **more):
    """What a daemon is given that a successor can take over from, and that any load may ask."""
    return {"take_over.path": place(workdir), "limits.datagram_rate_per_source": 0, **more}


def succeed(launch, daemon, *arguments, **named):
    """Starts a successor of `daemon`; returns it once it serves and the other one has ended well.

    Both have the same configuration file, which Echod() writes.
    """
    successor = launch(*arguments, **{**named, "arguments": ["--take-over",
                                                             *named.get("arguments", ())]})
    successor.wait_serving()
    handed_over(daemon)
    successor.go_on_from(daemon)
    return successor


def handed_over(daemon):
    """It has ended, as one does that has handed over; returns how many connections."""
    assert daemon.wait_exit() == 0, "\n".join(daemon.log.lines)
    return handed(daemon)[0]


def handed(daemon):
    """How many connections it has handed over, and in how many milliseconds."""
    match = daemon.wait_log(r"^notice: handed over (\d+) connections? in (\d+) ms$")
    return int(match[1]), int(match[2])


def see_through(daemon, succeed, times):
    """Has one follow the other so many times, each by succeed(), and nobody notices: streams, some of
    which half-close between, others that do not read, new ones, datagrams."""
    streams = [peers.Stream(daemon.connect()) for _ in range(STREAMS)]
    data = peers.payload(16 * MIB)
    slow = [daemon.connect(receive_buffer=65536) for _ in range(2)]
    sent = [peers.fill(peer, data) for peer in slow]
    slow[1].shutdown(socket.SHUT_WR)
    with Comers(daemon.at()) as comers, Datagrams(daemon.at("udp")) as datagrams:
        for stream in streams:
            stream.start()
        for _ in range(times):
            half = peers.Stream(daemon.connect())
            half.start()
            half.wait_moved(MIB)
            comers.wait_rounds(3)
            datagrams.wait_rounds(10)
            for stream in streams:
                stream.wait_moved(MIB)
            daemon = succeed(daemon)
            half.finish()
            comers.wait_rounds(3)
    for stream in streams:
        stream.wait_moved(MIB)
        stream.finish()
    for peer, size in zip(slow, sent):
        peers.assert_same(peers.receive(peer, size), data[:size])
    assert slow[1].recv(1) == b""
    peers.echo(slow[0], b"and on")


# --- words --------------------------------------------------------------------------------------


def say(end, word, text="", descriptors=()):
    frame = FRAME.pack(b"echod", 1, word, text.encode())
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
    end.sendmsg([frame], rights if descriptors else [])


def hear(end):
    """Returns a word, its text and its descriptors; None at the end."""
    frame, rights, _, _ = end.recvmsg(1024, socket.CMSG_SPACE(4 * FDS_MOST))
    if not frame:
        return None
    descriptors = array.array("i")
    for _, _, data in rights:
        descriptors.frombytes(data)
    _, _, word, text = FRAME.unpack(frame)
    return word, text.rstrip(b"\0").decode(), list(descriptors)


class Flight:
    """Of a parcel: handover/flight.h."""

    def __init__(self):
        self.memory = os.memfd_create("parcel")
        self.sending, self.receiving = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sending.setblocking(False)
        self.receiving.setblocking(False)

    def descriptors(self):
        return [self.memory, self.sending.fileno(), self.receiving.fileno()]

    def take(self):
        """Whether it was there."""
        taken = False
        with contextlib.suppress(BlockingIOError):
            while self.receiving.recv(1):
                taken = True
        return taken

    def close(self):
        os.close(self.memory)
        self.sending.close()
        self.receiving.close()


class Successor:
    """One that says what it should, as far as a test wants it to, and takes nothing."""

    def __init__(self, workdir):
        self.end = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.end.settimeout(PATIENCE)
        self.end.connect(place(workdir))
        self.flights = [Flight(), Flight()]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end.close()
        for flight in self.flights:
            flight.close()

    def hello(self):
        descriptors = [each for flight in self.flights for each in flight.descriptors()]
        say(self.end, HELLO, "test", descriptors)

    def expect(self, word):
        heard = hear(self.end)
        assert heard is not None and heard[0] == word, heard
        return heard[1]

    def go_to(self, word):
        """As far as to the moment when that is said."""
        self.hello()
        if word == HELLO:
            return
        self.expect(SOCKETS)
        if word == SOCKETS:
            return
        say(self.end, READY)
        if word == PARCEL:
            self.expect(PARCEL)

    def hear_end(self):
        """It is refused; returns why."""
        why = self.expect(NO)
        assert hear(self.end) is None
        return why


class Between(threading.Thread):
    """Stands between a daemon and its successor, and passes on what they say.

    Who is to be hurt, and when, `meddle` does, a callable: it is given each word before it is passed
    on, and whoever is `daemon` or `successor` is its matter.  Where it returns True nothing is passed
    on any more.  The successor finds it at the path of the daemon, which is moved to another one for
    it; what is said to the successor besides goes to `successor`.
    """

    def __init__(self, workdir, meddle):
        super().__init__(daemon=True)
        self.heard = []
        self.successor = None
        self._meddle = meddle
        self._path = place(workdir) + ".moved"
        os.rename(place(workdir), self._path)
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listening.bind(place(workdir))
        self._listening.listen()
        self._place = place(workdir)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._listening.close()
        self.join(PATIENCE)
        with contextlib.suppress(FileNotFoundError):
            os.rename(self._path, self._place)

    def run(self):
        successor, _ = self._listening.accept()
        self.successor = successor
        os.rename(self._path, self._place)
        daemon = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        daemon.connect(self._place)
        with successor, daemon:
            self._pass_on({successor: daemon, daemon: successor})

    def _pass_on(self, ends):
        while True:
            ready, _, _ = select.select(list(ends), [], [], PATIENCE)
            if not ready:
                return
            for end in ready:
                with contextlib.suppress(ConnectionError):
                    heard = hear(end)
                    if heard is None:
                        return
                    word, text, descriptors = heard
                    self.heard.append(word)
                    is_over = self._meddle(word)
                    if not is_over:
                        say(ends[end], word, text, descriptors)
                    for each in descriptors:
                        os.close(each)
                    if is_over:
                        return
