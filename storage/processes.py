"""Processes of ours that answer questions, so that more than one core works where one process holds the interpreter's lock.

Not multiprocessing: that runs the main script once more, and does not tell which process died. They are programs that load the code they
run; or, early in the life of a process that has loaded it and is `alone`, copies of that. A process that dies (killed, out of
memory, a fault in a C library) takes its question with it and nothing else.
"""

from __future__ import annotations

import contextlib
import copyreg
import dataclasses
import fcntl
import gc
import importlib
import operator
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import MappingProxyType
from typing import IO, Any, NamedTuple, NoReturn, TypeVar

__all__ = ["Closed", "Died", "Helper", "Helpers", "alone", "batches", "serve"]

Told = Callable[[Any], None]
"""What is done with something that a process says on the way to its answer. What it raises ends the process."""

Question = TypeVar("Question")
Answer = TypeVar("Answer")

START = """\
import gc, sys
gc.disable()
sys.path[:] = {path!r}
from {module} import {function}
gc.freeze()
gc.enable()
{function}({lifeline})
"""
"""What a process runs. Code is loaded without looking for garbage, of which there is none: that takes a sixth of the time."""


class _Ways(dict[type, Callable[[Any], Any]]):
    """How values of a type are sent: a read-only view of a mapping as what it shows, a frozen dataclass as its values (what dataclasses
    do for it takes several times as long); all else as ever."""

    def __missing__(self, kind: type) -> Callable[[Any], Any]:
        parameters = getattr(kind, "__dataclass_params__", None)
        if parameters is None or not parameters.frozen or "__slots__" not in vars(kind) or "__reduce__" in vars(kind):
            raise KeyError(kind)
        every = dataclasses.fields(kind)
        if not all(each.init and not each.kw_only for each in every):
            raise KeyError(kind)
        names = [each.name for each in every]
        if len(names) > 1:
            values = operator.attrgetter(*names)
            way = self[kind] = lambda it: (kind, values(it))
        else:
            way = self[kind] = lambda it: (kind, tuple(getattr(it, name) for name in names))
        return way


class _Pickler(pickle.Pickler):
    """See `_Ways`."""

    dispatch_table = _Ways(copyreg.dispatch_table)
    dispatch_table[MappingProxyType] = lambda view: (_view, (dict(view),))


def _view(mapping: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(mapping)


def _send(message: Any, stream: IO[bytes]) -> None:
    _Pickler(stream, pickle.HIGHEST_PROTOCOL).dump(message)
    stream.flush()


class Died(Exception):
    """The process ended before it answered. The next question is for another."""


class Closed(Died):
    """The process was ended for good before it answered, by whoever owns it: nothing was found out, and nothing can be asked any more."""


STANDARD = {0, 1, 2}
"""Descriptors of the standard streams."""


def alone() -> bool:
    """Whether this process can be copied: it has one thread, so that nothing is copied half-done (a Go runtime, which hangs in a copy, has
    more), and nothing is open but the standard streams, so that no lock, socket or database gets two owners."""
    try:
        listed = {int(name) for name in os.listdir("/proc/self/fd")}  # among them what it was read through
        return len(os.listdir("/proc/self/task")) == 1 and set(filter(_is_open, listed)) == STANDARD
    except OSError:
        return False


def _high(descriptor: int) -> int:
    """The same above the standard streams, one of which it may have become where that was closed."""
    if descriptor not in STANDARD:
        return descriptor
    try:
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 1 + max(STANDARD))
    finally:
        os.close(descriptor)


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


class _Pipes(NamedTuple):
    """The ends of a copy's pipes: for questions, for answers, and its lifeline."""

    theirs: tuple[int, int, int]
    ours: tuple[int, int, int]

    @classmethod
    def made(cls) -> _Pipes:
        ends: list[int] = []
        try:
            for _ in range(3):
                ends += os.pipe()
        except BaseException:
            cls.close(ends)
            raise
        questions, asking, answers, answering, lifeline, holding = ends
        return cls((questions, answering, lifeline), (asking, answers, holding))

    @staticmethod
    def close(ends: Iterable[int]) -> None:
        for each in ends:
            os.close(each)


def _live(serve: Callable[[int], None], pipes: _Pipes, held: Iterable[int]) -> NoReturn:
    """The life of a copy: nothing of what the process did before goes on in it; what it ``held`` of other copies is let go."""
    code = 1
    try:
        questions, answering, lifeline = pipes.theirs
        os.dup2(questions, 0)
        os.dup2(answering, 1)
        _Pipes.close((questions, answering, *pipes.ours, *held))
        gc.enable()
        serve(lifeline)
        code = 0
    except Exception:
        traceback.print_exc()
    finally:  # whatever it is, it must not go on where the process was
        os._exit(code)


class _Copy:
    """A copy of this process, as `subprocess.Popen` shows a program that was started."""

    def __init__(self, pid: int, asking: int, answers: int) -> None:
        self.pid = pid
        self.stdin: IO[bytes] = os.fdopen(asking, "wb")
        self.stdout: IO[bytes] = os.fdopen(answers, "rb")
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """How it ended; None when it did not."""
        return self._wait(os.WNOHANG)

    def kill(self) -> None:
        """End it."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # see `_wait`
                os.kill(self.pid, signal.SIGKILL)

    def communicate(self) -> None:
        """Wait until it has ended, and let go of its pipes."""
        for stream in (self.stdin, self.stdout):
            with contextlib.suppress(BrokenPipeError):
                stream.close()
        self._wait(0)

    def _wait(self, options: int) -> int | None:
        if self.returncode is None:
            try:
                pid, status = os.waitpid(self.pid, options)
            except ChildProcessError:  # whoever started us ignores the end of children, and so do we: nobody knows how it ended
                pid, status = self.pid, 0
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


class Helper:
    """One process, started when it is first needed and again after it died or what was asked came to nothing, until it is closed.
    ``entry`` is "module:function": a function that is given a descriptor, and gives it to `serve`."""

    def __init__(self, entry: str) -> None:
        self._module, _, self._function = entry.partition(":")
        self._process: subprocess.Popen[bytes] | _Copy | None = None
        self._lifeline = -1
        self._closed = False
        self._guard = threading.Lock()

    def ask(self, question: Any, told: Told) -> Any:
        """The answer to one question. What ``told`` raises ends the process, and comes through.

        Raises:
            Died: the process ended before it answered.
            Closed: so did this helper, for good.
        """
        try:
            process = self.start()
            assert process.stdin is not None
            assert process.stdout is not None
            with self._talking():
                _send(question, process.stdin)
            while True:
                with self._talking():
                    last, message = pickle.load(process.stdout)
                if last:
                    return message
                told(message)
        except BaseException:
            self._end()
            raise

    @contextlib.contextmanager
    def _talking(self) -> Iterator[None]:
        """What fails between this process and the other, in our words. Of what another thread closes meanwhile anything may be said."""
        try:
            yield
        except Exception as error:
            if self._closed:
                raise Closed from error
            if isinstance(error, (EOFError, BrokenPipeError, pickle.UnpicklingError)):
                raise Died from error
            raise

    def start(self) -> subprocess.Popen[bytes] | _Copy:
        """Start the process, unless it is there. Raises Closed."""
        with self._guard:  # who closes waits until it is there, and ends it
            if self._closed:
                raise Closed
            self._process = self._process or self._started()
            return self._process

    def load(self) -> Callable[[int], None]:
        """The function that it runs."""
        function: Callable[[int], None] = getattr(importlib.import_module(self._module), self._function)
        return function

    def copy(self, held: Iterable[int]) -> tuple[int, int, int]:
        """Start it as a copy of this process, which is `alone` but for the descriptors it ``held`` of others; those of this one, to be
        held as long. Raises OSError."""
        serve, pipes = self.load(), _Pipes.made()
        try:
            if not (pid := os.fork()):
                _live(serve, pipes, held)
        except BaseException:
            pipes.close(pipes.ours)
            raise
        finally:
            pipes.close(pipes.theirs)
        self._process, self._lifeline = _Copy(pid, *pipes.ours[:2]), pipes.ours[2]
        return pipes.ours

    def ask_all(
        self,
        items: Sequence[Question],
        ask: Callable[[Sequence[Question]], Any],
        told: Told,
        lost: Callable[[Question], Answer],
    ) -> list[Answer]:
        """The answers for ``items``, asked together (``ask`` makes the question). Where the process dies they are asked one by
        one, so that it is known at which it dies: for that one ``lost`` gives the answer. Raises Closed: then no item is lost, none was
        looked at."""
        try:
            return list(self.ask(ask(items), told))
        except Closed:
            raise
        except Died:
            if len(items) == 1:
                return [lost(items[0])]
        return [answer for item in items for answer in self.ask_all([item], ask, told, lost)]

    def _started(self) -> subprocess.Popen[bytes]:
        theirs, lifeline = map(_high, os.pipe())
        code = START.format(path=sys.path, module=self._module, function=self._function, lifeline=theirs)
        try:
            process = subprocess.Popen(
                [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=(theirs,)
            )
        except BaseException:
            os.close(lifeline)
            raise
        finally:
            os.close(theirs)
        self._lifeline = lifeline
        return process

    def close(self) -> None:
        """End the process for good, at work or not: whoever is asking in another thread, or does so later, gets Closed."""
        with self._guard:
            self._closed = True
        self._end()

    def _end(self) -> None:
        """End the process, at work or not; it may be started again. Two threads may do so at the same time."""
        with self._guard:
            process, self._process = self._process, None
            lifeline, self._lifeline = self._lifeline, -1
        if process is not None:
            process.kill()
            process.communicate()
        if lifeline >= 0:
            os.close(lifeline)


class Helpers:
    """Several processes for the same questions, each asked by one thread at a time; threads wait for a free one."""

    def __init__(self, entry: str, count: int) -> None:
        self.all = [Helper(entry) for _ in range(count)]
        self._free: queue.SimpleQueue[Helper] = queue.SimpleQueue()
        for helper in self.all:
            self._free.put(helper)

    def __len__(self) -> int:
        return len(self.all)

    def start(self) -> None:
        """Start those that are free, for who knows that there will soon be enough to ask: they are ready the sooner. Raises Closed."""
        with contextlib.ExitStack() as taken, contextlib.suppress(queue.Empty):
            while True:
                helper = self._free.get_nowait()
                taken.callback(self._free.put, helper)
                helper.start()

    def copy(self) -> None:
        """Start all as copies of this process, for who runs the same code: each program that is started would load it for itself. Where
        this process is not `alone`, they are started as ever."""
        if alone():
            for helper in self.all:
                helper.load()
        if not alone():  # what was loaded may have started a thread, or opened a file
            self.start()
            return
        gc.freeze()  # what is loaded is no garbage in any of them: who looks through it writes on it, and has to copy it
        held: list[int] = []
        with contextlib.suppress(OSError):  # no process, memory or pipe: who asks will see whether a program can be started
            for helper in self.all:
                held += helper.copy(held)

    @contextlib.contextmanager
    def one(self) -> Iterator[Helper]:
        """A helper that nobody else uses meanwhile."""
        helper = self._free.get()
        try:
            yield helper
        finally:
            self._free.put(helper)

    def close(self) -> None:
        """End the processes for good."""
        for helper in self.all:
            helper.close()


def serve(lifeline: int, answer: Callable[[Any, Told], Any]) -> None:
    """The life of a process: questions come in, answers go out, until the end of its input. It ends at once when whoever started it
    does: what another process then takes up must not be worked on here any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the caller's to handle; it closes us
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints must not get among the answers

    def say(last: bool, message: Any) -> None:
        _send((last, message), out)

    questions = os.fdopen(os.dup(0), "rb")  # not sys.stdin, of which a copy may have what another read ahead
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            say(True, answer(pickle.load(questions), lambda message: say(False, message)))


def _end_with(lifeline: int) -> None:
    os.read(lifeline, 1)  # nobody writes into it: this returns when its other end is closed
    os._exit(1)


def batches(items: Iterable[Question], full: Callable[[Sequence[Question], Question], bool]) -> Iterator[list[Question]]:
    """Runs of ``items``, in order; ``full`` says whether a batch does not take one more."""
    batch: list[Question] = []
    for item in items:
        if batch and full(batch, item):
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch
