"""The launcher: ``python -I -S launcher.py ORDER``. Confines one tool, watches it, ends it, and says how it ended.

Three processes: the launcher (outside, watching), the keeper (the first process of a process namespace: when it ends, the kernel
ends everything in it, however often the tool forked) and the tool. Nothing but the standard library is imported: it starts in
some 20 ms. Barriers, each for a reason of its own:

* user, process, network, IPC and mount namespaces: children cannot outlive the keeper, no interface but a dead loopback, and every
  file system but the folder is read-only (so that modes and times outside cannot be changed either). Where the machine refuses
  namespaces (many containers do) the launcher ends the children one by one, and the next two barriers hold alone.
* Landlock: no file outside the folder can be written, made, removed or cut; no signal reaches a process outside.
* seccomp: no socket but AF_UNIX, no io_uring (which would make sockets past the filter).

Landlock and seccomp need no right at all; where one of them is missing the tool is not started. What is not prevented: reading what
the user may read, and talking to a service through a socket file that this user may write to.
"""

import contextlib
import ctypes
import errno
import json
import os
import resource
import select
import signal
import struct
import sys
import time
from typing import Any, NoReturn

LIBC = ctypes.CDLL(None, use_errno=True)

CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x20000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 22, 24, 36, 38
SECCOMP_MODE_FILTER = 2
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY = -100, 0x8000, 1

SYS_MOUNT_SETATTR, SYS_LANDLOCK_CREATE, SYS_LANDLOCK_ADD, SYS_LANDLOCK_RESTRICT, SYS_IO_URING_SETUP = 442, 444, 445, 446, 425
"""The same on every architecture of Linux."""

SOCKET_CALLS = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198), "riscv64": (0xC00000F3, 198)}
"""Machine → (AUDIT_ARCH, number of socket)."""

X32_CALLS = 0x40000000
"""From here on the calls of a second ABI of x86_64, which would pass a filter by number."""

ACCESS_WRITES = 1 << 1 | 0b1_1111_1111 << 4
"""Landlock: write a file; remove folders and files; make devices, folders, files, sockets, pipes and links."""
ACCESS_REFER, ACCESS_TRUNCATE = 1 << 13, 1 << 14
ON_A_FILE = 1 << 1 | ACCESS_TRUNCATE
SCOPE_ALL = 3
"""No abstract socket and no signal of the world outside (Landlock 6)."""

DEVICES = ("/dev/null", "/dev/zero", "/dev/full")

LOOK_SECONDS = 0.02
"""How often the tool's processes and memory are looked at: a page cannot be filled fast enough to do harm in between."""

PAGE = os.sysconf("SC_PAGE_SIZE")


class CannotConfine(Exception):
    """This machine lacks a barrier; the text says which."""


class Stopped(Exception):
    """Kho wants no more of it, or is gone itself."""


def _stop(_signal: int, _frame: object) -> None:
    raise Stopped


def main(order: dict[str, Any]) -> None:
    """Confine and watch the tool that ``order`` describes; the report pipe gets how it ended."""
    report = order["report"]
    os.set_inheritable(report, False)
    signal.signal(signal.SIGTERM, _stop)
    LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    namespaces = _separate(order["folder"])
    told, tell = os.pipe()
    keeper = os.fork()
    if keeper == 0:
        _keep(order, namespaces, tell, os.getppid() if not namespaces else 0)
    os.close(tell)
    for descriptor in (0, 1, 2):
        os.dup2(os.open(os.devnull, os.O_RDWR), descriptor)
    try:
        end, status, reason, memory = _watch(order, keeper, told, report)
    except Stopped:
        end, status, reason, memory = "stopped", -1, "", 0
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _end(keeper)
    with contextlib.suppress(BrokenPipeError):
        os.write(report, json.dumps({"end": end, "status": status, "reason": reason, "memory": memory}).encode())


# -- watching ---------------------------------------------------------------------------------------------------------------------


def _watch(order: dict[str, Any], keeper: int, told: int, report: int) -> tuple[str, int, str, int]:
    """(end, status, reason, most memory): until the keeper told how the tool ended, a limit is reached, or Kho itself ends.

    Kho's end is seen by the report pipe, which nobody reads any more; PR_SET_PDEATHSIG would tell of the end of a thread.
    """
    most, until = 0, time.monotonic() + order["seconds"]
    poll = select.poll()
    poll.register(told, select.POLLIN)
    poll.register(report, 0)
    while not (ready := dict(poll.poll(max(0.0, min(LOOK_SECONDS, until - time.monotonic())) * 1000))):
        processes, memory = _held(keeper)
        most = max(most, memory)
        if time.monotonic() >= until:
            return "time", -1, "", most
        if memory > order["memory"]:
            return "memory", -1, "", most
        if processes > order["processes"]:
            return "processes", -1, "", most
    if told not in ready:
        raise Stopped
    words = os.read(told, 4096)
    if not words:
        return "died", signal.SIGKILL, "", most
    end, status, reason = json.loads(words.splitlines()[0])  # what prevented it comes before the end of what it prevented
    return end, status, reason, most


def _held(keeper: int) -> tuple[int, int]:
    """How many processes the tool is, and how many bytes they hold in memory."""
    count = memory = 0
    waiting = _children(os.getpid())  # without namespaces, orphans of the tool become the launcher's own
    while waiting:
        process = waiting.pop()
        with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{process}/statm", "rb") as numbers:
            waiting += _children(process)
            if process != keeper:
                memory += int(numbers.read().split()[1]) * PAGE
                count += 1
    return count, memory


def _children(process: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{process}/task"):
            with contextlib.suppress(OSError), open(f"/proc/{process}/task/{thread}/children", "rb") as numbers:
                found += map(int, numbers.read().split())
    return found


def _end(keeper: int) -> None:
    """End everything. In a namespace the keeper's death does it; else each child that is left becomes ours (subreaper)."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(keeper, signal.SIGKILL)
    while True:
        for process in _children(os.getpid()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


# -- the keeper and the tool --------------------------------------------------------------------------------------------------------


def _keep(order: dict[str, Any], namespaces: bool, tell: int, launcher: int) -> NoReturn:
    """Start the tool, wait for it, tell how it ended, and end. As first process of its namespace it reaps what others leave."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
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
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        _limit(order)
        os.chdir(order["folder"])
        if namespaces:
            for capability in range(64):
                LIBC.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
        if LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
            raise CannotConfine("PR_SET_NO_NEW_PRIVS")
        _only_writes_below(order["folder"])
        _no_network()
        os.execvpe(order["command"][0], order["command"], order["environment"])
    except (CannotConfine, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else f"this machine cannot confine it ({error})"
        _tell(tell, "not started", -1, reason or str(error))
    except BaseException as error:  # whatever it is: a child of a fork must not go on as if it were its parent
        _tell(tell, "not started", -1, repr(error))
    os._exit(127)


def _limit(order: dict[str, Any]) -> None:
    def at_most(what: int, most: int) -> None:
        _, hard = resource.getrlimit(what)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))

    at_most(resource.RLIMIT_CORE, 0)  # a core file would hold pieces of records
    at_most(resource.RLIMIT_DATA, order["memory"])
    at_most(resource.RLIMIT_FSIZE, order["written"])
    at_most(resource.RLIMIT_CPU, int(order["seconds"] * (os.cpu_count() or 1)) + 1)


# -- barriers -----------------------------------------------------------------------------------------------------------------------


def _separate(folder: str) -> bool:
    """Namespaces of its own, and read-only everything but ``folder``. False: this machine refuses."""
    user, group = os.geteuid(), os.getegid()
    if LIBC.unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWNS):
        return False
    for name, words in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(words)
    place = os.fsencode(folder)
    LIBC.mount(None, b"/", None, MS_REC | MS_PRIVATE, None)
    read_only, writable = (struct.pack("4Q", *bits, 0, 0) for bits in ((MOUNT_ATTR_RDONLY, 0), (0, MOUNT_ATTR_RDONLY)))
    if LIBC.syscall(SYS_MOUNT_SETATTR, AT_FDCWD, b"/", AT_RECURSIVE, read_only, len(read_only)) == 0:
        LIBC.mount(place, place, None, MS_BIND, None)
        LIBC.syscall(SYS_MOUNT_SETATTR, AT_FDCWD, place, 0, writable, len(writable))
    return True


def _only_writes_below(folder: str) -> None:
    abi = LIBC.syscall(SYS_LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1)
    if abi < 1:
        raise CannotConfine("no Landlock")
    handled = ACCESS_WRITES | (ACCESS_REFER if abi >= 2 else 0) | (ACCESS_TRUNCATE if abi >= 3 else 0)
    attributes = struct.pack("3Q", handled, 0, SCOPE_ALL) if abi >= 6 else struct.pack("Q", handled)
    rules = LIBC.syscall(SYS_LANDLOCK_CREATE, attributes, ctypes.c_size_t(len(attributes)), 0)
    if rules < 0:
        raise CannotConfine("Landlock refuses")
    for path, access in ((folder, handled), *((device, ON_A_FILE & handled) for device in DEVICES)):
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        if LIBC.syscall(SYS_LANDLOCK_ADD, rules, 1, struct.pack("=Qi", access, place), 0):
            raise CannotConfine(f"Landlock refuses {path}")
        os.close(place)
    if LIBC.syscall(SYS_LANDLOCK_RESTRICT, rules, 0):
        raise CannotConfine("Landlock cannot be entered")
    os.close(rules)


def _no_network() -> None:
    machine = os.uname().machine
    known = SOCKET_CALLS.get(machine)
    if known is None:
        raise CannotConfine(f"seccomp for {machine} is not known")
    architecture, socket_call = known
    load, equal, at_least, give = 0x20, 0x15, 0x35, 0x06  # BPF: ld [k]; jeq; jge; ret
    allow, refuse = 0x7FFF0000, 0x00050000 | errno.EACCES
    af_unix = 1
    program = [
        (load, 0, 0, 4),  # the architecture
        (equal, 0, 7, architecture),
        (load, 0, 0, 0),  # the number of the call
        (at_least, 5, 0, X32_CALLS),
        (equal, 4, 0, SYS_IO_URING_SETUP),
        (equal, 0, 2, socket_call),
        (load, 0, 0, 16),  # its first argument: the family
        (equal, 0, 1, af_unix),
        (give, 0, 0, allow),
        (give, 0, 0, refuse),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in program))
    filter_ = struct.pack("HP", len(program), ctypes.addressof(code))
    if LIBC.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter_, 0, 0):
        raise CannotConfine("no seccomp")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
