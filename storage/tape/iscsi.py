"""SCSI over iSCSI without a kernel driver: libiscsi (LGPL, unmodified, loaded when first used), by ctypes.

``iscsi://HOST:PORT/TARGET/LUN``; no authentication: for bridges on a storage network of their own, and for virtual libraries.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import threading
from typing import Any

from policies.phrases import phrase
from storage.errors import Unavailable
from storage.tape.errors import TransportError
from storage.tape.transport import Reply

__all__ = ["IscsiTransport"]

LIBRARY = "libiscsi.so.7"
INITIATOR = b"iqn.2026-11.vn.kho:initiator"
_NORMAL_SESSION = 2
_NO_DIGEST = 0
_READ, _WRITE = 1, 2
_UNDERFLOW = 1
_CHECK_CONDITION = 0x02


class _Task(ctypes.Structure):
    """The beginning of struct scsi_task, as far as it is read here."""

    _fields_ = [
        ("status", ctypes.c_int),
        ("cdb_size", ctypes.c_int),
        ("xfer_dir", ctypes.c_int),
        ("expxferlen", ctypes.c_int),
        ("cdb", ctypes.c_ubyte * 16),
        ("residual_status", ctypes.c_int),
        ("residual", ctypes.c_size_t),
        ("sense_error_type", ctypes.c_ubyte),
        ("sense_key", ctypes.c_int),
        ("sense_ascq", ctypes.c_int),
        ("sense_bits", ctypes.c_ubyte),
        ("sense_bit_pointer", ctypes.c_ubyte),
        ("sense_field_pointer", ctypes.c_uint16),
        ("datain_size", ctypes.c_int),
        ("datain_data", ctypes.POINTER(ctypes.c_ubyte)),
    ]


class _Data(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("data", ctypes.c_void_p)]


@functools.cache
def _library() -> Any:
    """The library with the types of what is called. Raises Unavailable."""
    try:
        library = ctypes.CDLL(LIBRARY)
    except OSError as error:
        raise Unavailable(LIBRARY, phrase("tape-no-libiscsi")) from error
    task, pointer, text, number = ctypes.POINTER(_Task), ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    for name, result, arguments in (
        ("iscsi_create_context", pointer, [text]),
        ("iscsi_destroy_context", number, [pointer]),
        ("iscsi_set_targetname", number, [pointer, text]),
        ("iscsi_set_session_type", number, [pointer, number]),
        ("iscsi_set_header_digest", number, [pointer, number]),
        ("iscsi_set_timeout", number, [pointer, number]),
        ("iscsi_set_noautoreconnect", None, [pointer, number]),
        ("iscsi_full_connect_sync", number, [pointer, text, number]),
        ("iscsi_logout_sync", number, [pointer]),
        ("iscsi_get_error", text, [pointer]),
        ("iscsi_scsi_command_sync", task, [pointer, number, task, ctypes.POINTER(_Data)]),
        ("scsi_create_task", task, [number, text, number, number]),
        ("scsi_free_scsi_task", None, [task]),
        ("scsi_task_add_data_in_buffer", number, [task, number, pointer]),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


LOGIN_TIMEOUT = 30
"""Seconds. A target that does not answer a login by then is not there."""


class IscsiTransport:
    """One logical unit, with a session of its own. Raises Unavailable when the target does not let us in.

    Never reconnects by itself: a drive behind a new session may stand elsewhere, and that has to be noticed.
    """

    def __init__(self, address: str) -> None:
        self.name = address
        portal, _, rest = address.removeprefix("iscsi://").partition("/")
        target, _, lun = rest.rpartition("/")
        if not (portal and target and lun.isdecimal()):
            raise Unavailable(address, phrase("tape-iscsi-address"))
        self._lun = int(lun)
        self._calls = _library()
        self._guard = threading.Lock()
        self._context = self._calls.iscsi_create_context(INITIATOR)
        self._calls.iscsi_set_targetname(self._context, target.encode())
        self._calls.iscsi_set_session_type(self._context, _NORMAL_SESSION)
        self._calls.iscsi_set_header_digest(self._context, _NO_DIGEST)
        self._calls.iscsi_set_noautoreconnect(self._context, 1)
        self._calls.iscsi_set_timeout(self._context, LOGIN_TIMEOUT)
        if self._calls.iscsi_full_connect_sync(self._context, portal.encode(), self._lun) != 0:
            reason = self._reason()
            self._calls.iscsi_destroy_context(self._context)
            self._context = None
            raise Unavailable(address, reason)
        self._logged_in = True

    def execute(
        self, cdb: bytes, *, send: bytes | bytearray | None = None, receive: bytearray | None = None, timeout: float
    ) -> Reply:
        with self._guard:
            if not self._logged_in:
                raise TransportError(self.name, phrase("tape-session-ended"))
            self._calls.iscsi_set_timeout(self._context, max(int(timeout), 1))
            size = len(receive) if receive is not None else len(send) if send is not None else 0
            direction = _READ if receive is not None else _WRITE if send is not None else 0
            task = self._calls.scsi_create_task(len(cdb), cdb, direction, size)
            keep, data = self._data(task, send, receive)
            answered = self._calls.iscsi_scsi_command_sync(self._context, self._lun, task, data)
            del keep
            try:
                status = int(task.contents.status)
                if not answered or not 0 <= status <= 0xFF:  # beyond a byte: libiscsi's own (cancelled, timed out, error)
                    self._logged_in = False  # after this nothing is known of the session
                    raise TransportError(self.name, self._reason())
                return _reply(task.contents, size if receive is not None else 0)
            finally:
                self._calls.scsi_free_scsi_task(task)

    def _data(self, task: Any, send: bytes | bytearray | None, receive: bytearray | None) -> tuple[Any, Any]:
        """What keeps the buffer in its place, and the argument that tells of it."""
        if receive is not None:
            buffer = (ctypes.c_char * len(receive)).from_buffer(receive)
            self._calls.scsi_task_add_data_in_buffer(task, len(receive), ctypes.addressof(buffer))
            return buffer, None
        if send is None:
            return None, None
        if isinstance(send, bytearray):
            sent: Any = (ctypes.c_char * len(send)).from_buffer(send)
            place = ctypes.addressof(sent)
        else:
            sent = ctypes.c_char_p(send)
            place = ctypes.cast(sent, ctypes.c_void_p).value or 0
        return sent, ctypes.pointer(_Data(len(send), place))

    def _reason(self) -> str:
        words: bytes | None = self._calls.iscsi_get_error(self._context)
        return " ".join((words or b"no answer").decode("utf-8", "replace").split())

    def close(self) -> None:
        with self._guard:
            if self._context is None:
                return
            if self._logged_in:
                with contextlib.suppress(OSError):
                    self._calls.iscsi_set_timeout(self._context, 2)
                    self._calls.iscsi_logout_sync(self._context)
            self._calls.iscsi_destroy_context(self._context)
            self._context, self._logged_in = None, False


def _reply(task: _Task, size: int) -> Reply:
    received = size - min(int(task.residual), size) if task.residual_status == _UNDERFLOW else size
    if task.status != _CHECK_CONDITION:
        return Reply(task.status, b"", received if task.status == 0 else 0)
    raw = ctypes.string_at(task.datain_data, task.datain_size) if task.datain_size and task.datain_data else b""
    return Reply(task.status, raw[2:], received)  # two bytes of length come before the sense (RFC 7143 §11.4.7.2)
