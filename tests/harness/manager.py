"""A service manager that keeps descriptors for whoever it restarts (sd_notify(3), FDSTORE=1)."""

import array
import os
import signal
import socket
import threading

import activation
from echod import listener
from patience import eventually

PARCEL = "echod-parcel"

# What a daemon serves and has besides, so that any load may ask; what the next one says.
BOTH = (listener(), listener("udp", protocol="udp"))
OPTIONS = {"limits.datagram_rate_per_source": 0}
TOOK = r"^notice: took over (\d+) connections? from the service manager, unserved for \d+ ms$"

RESTARTS = 75  # EX_TEMPFAIL


class _Kept:
    def __init__(self, descriptor):
        self._descriptor = descriptor

    def fileno(self):
        return self._descriptor


class Manager(threading.Thread):
    """Reads what a daemon tells it; close() ends it.

    refuses   how many times it keeps nothing of what it is given
    answers   False: it takes messages, and does nothing
    """

    def __init__(self, workdir, refuses=0):
        super().__init__(daemon=True)
        self.refuses = refuses
        self.answers = True
        self.told = []  # the fields of each message, by name
        self.kept = []  # descriptors
        self.held = []  # those of messages that it did not answer
        self._end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._end.bind(os.path.join(workdir, "manager"))
        self.start()

    def environment(self):
        return {"NOTIFY_SOCKET": self._end.getsockname()}

    def run(self):
        while True:
            text, rights, _, _ = self._end.recvmsg(65536, socket.CMSG_SPACE(4 * 8))
            if text == b"close":
                return
            descriptors = array.array("i")
            for _, _, data in rights:
                descriptors.frombytes(data)
            fields = dict(line.split("=", 1) for line in text.decode().splitlines())
            self._do(fields, list(descriptors))
            self.told.append(fields)

    def _do(self, fields, descriptors):
        if not self.answers:
            self.held += descriptors
            return
        if "FDSTOREREMOVE" in fields:
            assert fields["FDNAME"] == PARCEL
            self.forget()
        if "FDSTORE" in fields:
            assert (fields["FDNAME"], fields["FDPOLL"]) == (PARCEL, "0")
            if self.refuses == 0:
                self.kept += descriptors
                descriptors = []
            else:
                self.refuses -= 1
        for each in descriptors:
            os.close(each)

    def memory(self):
        """The bytes of the parcel that it keeps, as a descriptor."""
        with socket.socket(fileno=os.dup(self.kept[0])) as end:
            _, rights, _, _ = end.recvmsg(8, socket.CMSG_SPACE(4 * 253), socket.MSG_PEEK)
        descriptors = array.array("i")
        for _, _, data in rights:
            descriptors.frombytes(data)
        for each in descriptors[1:]:
            os.close(each)
        return descriptors[0]

    def forget(self):
        while self.kept:
            os.close(self.kept.pop())

    def close(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.sendto(b"close", self._end.getsockname())
        self.join()
        self._end.close()
        self.forget()
        for each in self.held:
            os.close(each)

    def heard(self, after=0, **fields):
        """Waits until it was told that, in a message that is not one of the first so many."""
        eventually(lambda: any(fields.items() <= told.items() for told in self.told[after:]),
                   str(fields))

    def passing(self, *sockets, names=None, before=(), limits=()):
        """Named arguments of Echod: as activation.passing(), with what is kept.

        limits      a command that executes echod, after all has been passed
        """
        kept = [_Kept(each) for each in self.kept]
        names = (names or ["echod.socket"] * len(sockets)) + [PARCEL] * len(kept)
        if not names:
            return {"environment": self.environment(), "prefix": [*before, *limits]}
        passed = activation.passing(*sockets, *kept, names=names, before=before)
        passed["prefix"] += limits
        return {"environment": self.environment(), **passed}

    def stop(self, daemon):
        """What `systemctl restart` does first; returns once it is gone."""
        daemon.signal(signal.SIGUSR2)
        self.wait_gone(daemon)

    def wait_gone(self, daemon):
        """It has ended as one does that is to be started again."""
        daemon.status = RESTARTS
        status = daemon.wait_exit()
        assert status == RESTARTS, (status, "\n".join(daemon.log.lines))

    def restart(self, launch, daemon, *arguments, sockets=(), names=None, before=(), **named):
        """Returns the next one, once it serves."""
        self.stop(daemon)
        after = len(self.told)
        passed = self.passing(*sockets, names=names, before=before)
        successor = launch(*arguments, **{**named, **passed})
        successor.wait_serving()
        self.heard(after, READY="1")
        successor.go_on_from(daemon)
        assert not self.kept
        return successor
