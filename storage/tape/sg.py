"""SCSI over Linux's generic devices: ``/dev/sgN`` and the SG_IO ioctl (linux/scsi/sg.h)."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os

from policies.phrases import os_phrase, phrase
from storage.errors import Unavailable
from storage.tape.errors import TransportError
from storage.tape.transport import Reply

__all__ = ["SgTransport"]

SG_IO = 0x2285
_NONE, _TO_DEVICE, _FROM_DEVICE = -1, -2, -3
_SENSE_BYTES = 252
_DRIVER_SENSE = 0x08


class _Header(ctypes.Structure):
    """struct sg_io_hdr."""

    _fields_ = [
        ("interface_id", ctypes.c_int),
        ("dxfer_direction", ctypes.c_int),
        ("cmd_len", ctypes.c_ubyte),
        ("mx_sb_len", ctypes.c_ubyte),
        ("iovec_count", ctypes.c_ushort),
        ("dxfer_len", ctypes.c_uint),
        ("dxferp", ctypes.c_void_p),
        ("cmdp", ctypes.c_void_p),
        ("sbp", ctypes.c_void_p),
        ("timeout", ctypes.c_uint),
        ("flags", ctypes.c_uint),
        ("pack_id", ctypes.c_int),
        ("usr_ptr", ctypes.c_void_p),
        ("status", ctypes.c_ubyte),
        ("masked_status", ctypes.c_ubyte),
        ("msg_status", ctypes.c_ubyte),
        ("sb_len_wr", ctypes.c_ubyte),
        ("host_status", ctypes.c_ushort),
        ("driver_status", ctypes.c_ushort),
        ("resid", ctypes.c_int),
        ("duration", ctypes.c_uint),
        ("info", ctypes.c_uint),
    ]


class SgTransport:
    """One generic device. Raises Unavailable when it cannot be opened."""

    def __init__(self, path: str) -> None:
        self.name = path
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise Unavailable(path, os_phrase(error)) from error

    def execute(
        self, cdb: bytes, *, send: bytes | bytearray | None = None, receive: bytearray | None = None, timeout: float
    ) -> Reply:
        if self._descriptor < 0:
            raise TransportError(self.name, phrase("tape-closed"))
        command, sense = ctypes.create_string_buffer(cdb, len(cdb)), ctypes.create_string_buffer(_SENSE_BYTES)
        data, length, direction = _buffer(send, receive)
        header = _Header(
            interface_id=ord("S"),
            dxfer_direction=direction,
            cmd_len=len(cdb),
            mx_sb_len=_SENSE_BYTES,
            dxfer_len=length,
            dxferp=ctypes.addressof(data) if data is not None else None,
            cmdp=ctypes.addressof(command),
            sbp=ctypes.addressof(sense),
            timeout=int(timeout * 1000),
        )
        try:
            fcntl.ioctl(self._descriptor, SG_IO, header)
        except OSError as error:
            raise TransportError(self.name, os_phrase(error)) from error
        if header.host_status or header.driver_status & ~_DRIVER_SENSE:
            raise TransportError(
                self.name, phrase("tape-host-status", host=f"{header.host_status:#x}", driver=f"{header.driver_status:#x}")
            )
        return Reply(header.status, sense.raw[: header.sb_len_wr], max(length - header.resid, 0) if receive is not None else 0)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            if self._descriptor >= 0:
                os.close(self._descriptor)
        self._descriptor = -1


def _buffer(send: bytes | bytearray | None, receive: bytearray | None) -> tuple[ctypes.Array[ctypes.c_char] | None, int, int]:
    """The buffer as C sees it (kept alive by the caller), its length, and the direction."""
    if receive is not None:
        return (ctypes.c_char * len(receive)).from_buffer(receive), len(receive), _FROM_DEVICE
    if isinstance(send, bytearray):
        return (ctypes.c_char * len(send)).from_buffer(send), len(send), _TO_DEVICE
    if send is not None:
        return ctypes.create_string_buffer(send, len(send)), len(send), _TO_DEVICE
    return None, 0, _NONE
