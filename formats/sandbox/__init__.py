"""The sandbox: foreign tools run here, and nowhere else in Kho.

A tool gets one folder to write in (its HOME and temporary folder lie there), no network, and limits on time, memory, processes, the
size of a file and of all files; it ends with all its children when it is done, when a limit is reached, and when Kho ends. What it did is a
return value: a tool that hangs, eats memory or dies is a fact about a file, not an error of Kho.
"""

from __future__ import annotations

from formats.sandbox.limits import GIB, MIB, SandboxLimits
from formats.sandbox.outcome import End, Outcome
from formats.sandbox.running import Running, run, start
from formats.sandbox.workers import Reply, Workers
from formats.sandbox.workspace import left, workspace

__all__ = ["GIB", "MIB", "End", "Outcome", "Reply", "Running", "SandboxLimits", "Workers", "left", "run", "start", "workspace"]
