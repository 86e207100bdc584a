"""The barriers that the launcher puts up around a tool; read by it alone, and importing nothing but the standard library.

Each function works in the process that calls it, and for all that it starts.
"""

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
SECCOMP_MODE_FILTER = 2
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY = -100, 0x8000, 1

SYS_MOUNT_SETATTR, SYS_LANDLOCK_CREATE, SYS_LANDLOCK_ADD, SYS_LANDLOCK_RESTRICT, SYS_IO_URING_SETUP = 442, 444, 445, 446, 425
"""The same on every architecture of Linux."""

SOCKET_CALLS = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198), "riscv64": (0xC00000F3, 198)}
"""Machine → AUDIT_ARCH and the number of its socket call."""

X32_CALLS = 0x40000000
"""From here on the calls of a second ABI of x86_64, which would pass a filter by number."""

ACCESS_WRITES = 1 << 1 | 0b1_1111_1111 << 4
"""Landlock: write a file; remove folders and files; make devices, folders, files, sockets, pipes and links."""
ACCESS_REFER, ACCESS_TRUNCATE = 1 << 13, 1 << 14
ON_A_FILE = 1 << 1 | ACCESS_TRUNCATE
SCOPE_ALL = 3
"""No abstract socket and no signal of the world outside (Landlock 6)."""

THREADS = 1024
"""How many threads a tool may have beside its processes: the kernel counts them as one."""

DEVICES = ("/dev/null", "/dev/zero", "/dev/full")


class CannotConfine(Exception):
    """This machine lacks a barrier; the text says which."""


def limit(order: dict[str, Any], *, namespaces: bool) -> None:
    """What the kernel itself holds each single process to; and, where the tool has a namespace of users for itself, all of them."""

    def at_most(what: int, most: int) -> None:
        _, hard = resource.getrlimit(what)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))

    at_most(resource.RLIMIT_CORE, 0)  # a core file would hold pieces of records
    at_most(resource.RLIMIT_DATA, order["memory"])
    at_most(resource.RLIMIT_FSIZE, order["written"])
    at_most(resource.RLIMIT_CPU, int(order["seconds"] * (os.cpu_count() or 1)) + 1)
    if namespaces:  # elsewhere all that the user runs would count; and root is bound nowhere
        at_most(resource.RLIMIT_NPROC, order["processes"] + THREADS)


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


def confine(folder: str, *, namespaces: bool) -> None:
    """No rights, writing only below ``folder``, no network. Raises CannotConfine."""
    if namespaces:
        for capability in range(64):
            LIBC.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    if LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise CannotConfine("PR_SET_NO_NEW_PRIVS")
    _only_writes_below(folder)
    _filter_calls()


def _only_writes_below(folder: str) -> None:
    abi = LIBC.syscall(SYS_LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1)
    if abi < 1:
        raise CannotConfine("Landlock")
    handled = ACCESS_WRITES | (ACCESS_REFER if abi >= 2 else 0) | (ACCESS_TRUNCATE if abi >= 3 else 0)
    attributes = struct.pack("3Q", handled, 0, SCOPE_ALL) if abi >= 6 else struct.pack("Q", handled)
    rules = LIBC.syscall(SYS_LANDLOCK_CREATE, attributes, ctypes.c_size_t(len(attributes)), 0)
    if rules < 0:
        raise CannotConfine("landlock_create_ruleset")
    for path, access in ((folder, handled), *((device, ON_A_FILE & handled) for device in DEVICES)):
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        if LIBC.syscall(SYS_LANDLOCK_ADD, rules, 1, struct.pack("=Qi", access, place), 0):
            raise CannotConfine(f"landlock_add_rule: {path}")
        os.close(place)
    if LIBC.syscall(SYS_LANDLOCK_RESTRICT, rules, 0):
        raise CannotConfine("landlock_restrict_self")
    os.close(rules)


def _filter_calls() -> None:
    """No network."""
    machine = os.uname().machine
    known = SOCKET_CALLS.get(machine)
    if known is None:
        raise CannotConfine(f"seccomp: {machine}")
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
        raise CannotConfine("seccomp")
