"""The barriers that the launcher puts up around a tool; read by it alone, and importing nothing but the standard library.

Each function works in the process that calls it, and for all that it starts.
"""

import _socket
import ctypes
import errno
import os
import resource
import struct
from typing import Any

__all__ = ["LIBC", "CannotConfine", "confine", "limit", "separate"]

LIBC = ctypes.CDLL(None, use_errno=True)

CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x20000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 22, 24, 38
SECCOMP_MODE_FILTER, SECCOMP_SET_MODE_FILTER, NEW_LISTENER, WAIT_KILLABLE = 2, 1, 1 << 3, 1 << 5
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY = -100, 0x8000, 1

SYS_MOUNT_SETATTR, SYS_LANDLOCK_CREATE, SYS_LANDLOCK_ADD, SYS_LANDLOCK_RESTRICT, SYS_IO_URING_SETUP = 442, 444, 445, 446, 425
"""The same on every architecture of Linux."""

CALLS: dict[str, tuple[int, int, int, int, tuple[int, ...]]] = {
    "x86_64": (0xC000003E, 317, 41, 56, (57, 58)),
    "aarch64": (0xC00000B7, 277, 198, 220, ()),
    "riscv64": (0xC00000F3, 277, 198, 220, ()),
}
"""Machine → AUDIT_ARCH and the numbers of seccomp, socket, clone, (fork, vfork)."""
SYS_CLONE3, CLONE_THREAD = 435, 0x10000

X32_CALLS = 0x40000000
"""From here on the calls of a second ABI of x86_64, which would pass a filter by number."""

ACCESS_WRITES = 1 << 1 | 0b1_1111_1111 << 4
"""Landlock: write a file; remove folders and files; make devices, folders, files, sockets, pipes and links."""
ACCESS_REFER, ACCESS_TRUNCATE = 1 << 13, 1 << 14
ON_A_FILE = 1 << 1 | ACCESS_TRUNCATE
SCOPE_ALL = 3
"""No abstract socket and no signal of the world outside (Landlock 6)."""

DEVICES = ("/dev/null", "/dev/zero", "/dev/full")


class CannotConfine(Exception):
    """This machine lacks a barrier; the text says which."""


def limit(order: dict[str, Any]) -> None:
    """What the kernel itself holds each single process to."""

    def at_most(what: int, most: int) -> None:
        _, hard = resource.getrlimit(what)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))

    at_most(resource.RLIMIT_CORE, 0)  # a core file would hold pieces of records
    at_most(resource.RLIMIT_DATA, order["memory"])
    at_most(resource.RLIMIT_FSIZE, order["written"])
    at_most(resource.RLIMIT_CPU, int(order["seconds"] * (os.cpu_count() or 1)) + 1)


def separate(folder: str) -> bool:
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


def confine(folder: str, line: Any, *, namespaces: bool) -> None:
    """No rights, writing only below ``folder``, no network, no process that nobody was asked for; over ``line`` goes the descriptor of
    whoever is asked. Raises CannotConfine."""
    if namespaces:
        for capability in range(64):
            LIBC.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    if LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise CannotConfine("PR_SET_NO_NEW_PRIVS")
    _only_writes_below(folder)
    _filter_calls(line)


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


def _filter_calls(line: Any) -> None:
    """No network; and every new process is asked for, by the descriptor that goes over ``line``, where nobody else watches already."""
    machine = os.uname().machine
    known = CALLS.get(machine)
    if known is None:
        raise CannotConfine(f"seccomp for {machine} is not known")
    for flags in (NEW_LISTENER | WAIT_KILLABLE, NEW_LISTENER):
        asks = LIBC.syscall(known[1], SECCOMP_SET_MODE_FILTER, flags, _program(known, asking=True))
        if asks >= 0:
            line.sendmsg([b"a"], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, struct.pack("i", asks))])
            os.close(asks)
            return
    if LIBC.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, _program(known, asking=False), 0, 0):
        raise CannotConfine("no seccomp")


def _program(known: tuple[int, int, int, int, tuple[int, ...]], *, asking: bool) -> bytes:
    """The filter (struct sock_fprog). clone3 is said to be missing, for its flags cannot be seen: libraries take clone then."""
    architecture, _, socket_call, clone_call, fork_calls = known
    load, equal, at_least, any_bit, give = 0x20, 0x15, 0x35, 0x45, 0x06  # BPF: ld [k]; jeq; jge; jset; ret
    af_unix, number, first_argument = 1, 0, 16
    steps: list[tuple[str, int, int, str, str]] = [
        ("", load, 4, "", ""),
        ("", equal, architecture, "", "refuse"),
        ("", load, number, "", ""),
        ("", at_least, X32_CALLS, "refuse", ""),
        ("", equal, SYS_IO_URING_SETUP, "refuse", ""),
        ("", equal, SYS_CLONE3, "missing", ""),
        *(("", equal, call, "ask", "") for call in fork_calls),
        ("", equal, clone_call, "clone", ""),
        ("", equal, socket_call, "socket", "allow"),
        ("clone", load, first_argument, "", ""),
        ("", any_bit, CLONE_THREAD, "allow", "ask"),
        ("socket", load, first_argument, "", ""),
        ("", equal, af_unix, "allow", "refuse"),
        ("allow", give, 0x7FFF0000, "", ""),
        ("refuse", give, 0x00050000 | errno.EACCES, "", ""),
        ("missing", give, 0x00050000 | errno.ENOSYS, "", ""),
        ("ask", give, 0x7FC00000 if asking else 0x7FFF0000, "", ""),
    ]
    place = {label: index for index, (label, *_) in enumerate(steps) if label}
    code = [
        struct.pack("HBBI", does, *(place[to] - index - 1 if to else 0 for to in (yes, no)), value)
        for index, (_, does, value, yes, no) in enumerate(steps)
    ]
    PROGRAM.append(ctypes.create_string_buffer(b"".join(code)))
    return struct.pack("HP", len(code), ctypes.addressof(PROGRAM[-1]))


PROGRAM: list[Any] = []
"""What the kernel is given by address: it must be there as long as the call."""
