"""The launcher: ``python -I -S launcher.py ORDER``. Confines one tool, watches it, ends it, and says how it ended.

Three processes: the launcher (outside, watching), the keeper (the first process of a process namespace: when it ends, the kernel
ends everything in it, however often the tool forked) and the tool. Nothing but the standard library is imported: it starts in
some 20 ms. Barriers, each for a reason of its own:

* user, process, network, IPC and mount namespaces: children cannot outlive the keeper, no interface but a dead loopback, and every
  file system but the folder is read-only (so that modes and times outside cannot be changed either). Where the machine refuses
  namespaces (many containers do) the launcher ends the children one by one, and the next two barriers hold alone.
* Landlock: no file outside the folder can be written, made, removed or cut; no signal reaches a process outside.
* seccomp: no socket but AF_UNIX, no io_uring (which would make sockets past the filter).

Landlock and seccomp need no right at all; where one of them is missing the tool is not started. Processes are counted, and stopped before
they are ended: what forks without end is more than it may be for as long as a look takes. (To be asked for each new process, as seccomp
could, breaks shells: a signal takes the question back, and they do not ask again.) What is not prevented: reading what the user may
read, and talking to a service through a socket file that this user may write to.
"""

import contextlib
import json
import os
import select
import signal
import sys
import time
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from formats.sandbox import barriers
else:  # the packages would cost more to import than the tool takes to run
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import barriers

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36

LOOK_SECONDS = 0.02
"""How often the tool's processes, memory and disk are looked at: a page cannot be filled fast enough to do harm in between."""

SELDOM = 20
"""A folder is gone through again after so many times what the last time took, unless the disk filled up meanwhile."""

ENTRY = 512
"""Bytes that a name takes on the disk at least, whatever the file holds: its inode, and its line in the folder."""

PAGE = os.sysconf("SC_PAGE_SIZE")


class Stopped(Exception):
    """Kho wants no more of it, or is gone itself."""


def _stop(_signal: int, _frame: object) -> None:
    raise Stopped


def main(order: dict[str, Any]) -> None:
    """Confine and watch the tool that ``order`` describes; the report pipe gets how it ended."""
    report = order["report"]
    os.set_inheritable(report, False)
    signal.signal(signal.SIGTERM, _stop)
    barriers.LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    namespaces = barriers.separate(order["folder"])
    told, tell = os.pipe()
    keeper = os.fork()
    if keeper == 0:
        _keep(order, namespaces, tell, os.getppid() if not namespaces else 0)
    os.close(tell)
    for descriptor in (0, 1, 2):
        os.dup2(os.open(os.devnull, os.O_RDWR), descriptor)
    watch = Watch(order, keeper)
    try:
        end, status, reason = watch.wait(told, report)
    except Stopped:
        end, status, reason = "stopped", -1, ""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    watch.end()
    with contextlib.suppress(BrokenPipeError):
        os.write(report, json.dumps({"end": end, "status": status, "reason": reason, "memory": watch.memory}).encode())


# -- watching ---------------------------------------------------------------------------------------------------------------------


class Watch:
    """One tool under watch; ``memory`` is the most that it was seen to hold, in bytes."""

    def __init__(self, order: dict[str, Any], keeper: int) -> None:
        self.order, self.keeper = order, keeper
        self.memory = 0
        self.disk = Disk(order["folder"], order["disk"], order["room"])

    def wait(self, told: int, report: int) -> tuple[str, int, str]:
        """(end, status, reason): until the keeper told how the tool ended, a limit is reached, or Kho itself ends.

        Kho's end is seen by the report pipe, which nobody reads any more; PR_SET_PDEATHSIG would tell of the end of a thread.
        """
        until = time.monotonic() + self.order["seconds"]
        poll = select.poll()
        poll.register(told, select.POLLIN)
        poll.register(report, 0)
        while True:
            ready = dict(poll.poll(max(0.0, min(LOOK_SECONDS, until - time.monotonic())) * 1000))
            if told in ready:
                return _end_of(os.read(told, 4096))
            if report in ready:
                raise Stopped
            if over := self._over():
                return over
            if time.monotonic() >= until:
                return "time", -1, ""

    def _over(self) -> tuple[str, int, str] | None:
        """Which limit is passed."""
        processes, memory = self._held()
        self.memory = max(self.memory, memory)
        if memory > self.order["memory"]:
            return "memory", -1, ""
        if processes > self.order["processes"]:
            return "processes", -1, ""
        reason = self.disk.over()
        return ("disk", -1, reason) if reason else None

    def _held(self) -> tuple[int, int]:
        """How many processes the tool is, and how many bytes they hold in memory. Above the limit they are not counted on: whoever
        follows them all, while they grow faster than they can be followed, comes to no end."""
        count = memory = 0
        waiting = _children(os.getpid())  # without namespaces, orphans of the tool become the launcher's own
        while waiting and count <= self.order["processes"]:
            process = waiting.pop()
            with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{process}/statm", "rb") as numbers:
                waiting += _children(process)
                if process != self.keeper:
                    memory += int(numbers.read().split()[1]) * PAGE
                    count += 1
        return count, memory

    def end(self) -> None:
        """End everything. In a namespace the keeper's death does it; else each child that is left becomes ours (subreaper).

        Who is stopped forks no more.
        """
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.keeper, signal.SIGKILL)
        _stop_all()
        while True:
            for process in _children(os.getpid()):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            try:
                os.waitpid(-1, 0)
            except ChildProcessError:
                return


def _end_of(words: bytes) -> tuple[str, int, str]:
    if not words:
        return "died", signal.SIGKILL, ""
    end, status, reason = json.loads(words.splitlines()[0])  # what prevented it comes before the end of what it prevented
    return end, status, reason


def _children(process: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{process}/task"):
            with contextlib.suppress(OSError), open(f"/proc/{process}/task/{thread}/children", "rb") as numbers:
                found += map(int, numbers.read().split())
    return found


def _stop_all() -> None:
    """Stop every process below this one, parents first, until a whole round finds none that was not stopped."""
    stopped: set[int] = set()
    found = True
    while found:
        found = False
        waiting = _children(os.getpid())
        while waiting:
            process = waiting.pop()
            if process not in stopped:
                found = True
                stopped.add(process)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGSTOP)
            waiting += _children(process)


class Disk:
    """What a folder may hold, and what must stay free beside it, for others: deposits come to the same disk."""

    def __init__(self, folder: str, most: int, room: int) -> None:
        self.folder, self.most = folder, most
        self.free = free = self._free()
        self.room = min(room, free // 2)
        self.held = 0
        self.next = 0.0

    def _free(self) -> int:
        state = os.statvfs(self.folder)
        return state.f_bavail * state.f_frsize

    def over(self) -> str:
        """Which bound is passed: "most" or "room"; "" for none."""
        free = self._free()
        if free < self.room:
            return "room"
        began = time.monotonic()
        if began < self.next and self.held + max(0, self.free - free) <= self.most:
            return ""
        self.free, self.held = free, self._sum()
        ended = time.monotonic()
        self.next = ended + SELDOM * (ended - began)
        return "most" if self.held > self.most else ""

    def _sum(self) -> int:
        """Bytes on the disk of all that lies in the folder; not counted on above the bound."""
        total, waiting = 0, [self.folder]
        while waiting and total <= self.most:
            with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    with contextlib.suppress(OSError):
                        total += entry.stat(follow_symlinks=False).st_blocks * 512 + ENTRY
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(entry.path)
        return total


# -- the keeper and the tool --------------------------------------------------------------------------------------------------------


def _keep(order: dict[str, Any], namespaces: bool, tell: int, launcher: int) -> NoReturn:
    """Start the tool, wait for it, tell how it ended, and end. As first process of its namespace it reaps what others leave."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    barriers.LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if launcher and os.getppid() != launcher:
        os._exit(1)
    tool = os.fork()
    if tool == 0:
        _become(order, namespaces, tell)
    for descriptor in (0, 1, 2):
        os.close(descriptor)
    while True:
        process, status = os.wait()
        if process == tool:
            break
    code = os.waitstatus_to_exitcode(status)
    _tell(tell, "exited" if code >= 0 else "died", abs(code), "")
    os._exit(0)


def _tell(tell: int, end: str, status: int, reason: str) -> None:
    os.write(tell, json.dumps([end, status, reason[:1000]]).encode() + b"\n")


def _become(order: dict[str, Any], namespaces: bool, tell: int) -> NoReturn:
    """Put up the barriers and become the tool; what prevents that is told instead of an end."""
    try:
        barriers.LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        barriers.limit(order, namespaces=namespaces)
        os.chdir(order["folder"])
        barriers.confine(order["folder"], namespaces=namespaces)
        os.execvpe(order["command"][0], order["command"], order["environment"])
    except (barriers.CannotConfine, OSError) as error:
        _tell(tell, "not started", -1, f"errno {error.errno}" if isinstance(error, OSError) else f"confine {error}")
    except BaseException as error:  # whatever it is: a child of a fork must not go on as if it were its parent
        _tell(tell, "not started", -1, repr(error))
    os._exit(127)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
