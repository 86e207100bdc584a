"""The log: one JSON document a line, ids bound, several processes, one file after the other."""

from __future__ import annotations

import errno
import json
import logging
import multiprocessing

import pytest

from policies.phrases import phrase
from repository import log


def lines(home, name="kho.log"):
    return [json.loads(line) for line in (home / "log" / name).read_text().splitlines()]


def test_ids_are_bound_inside_only(tmp_path):
    log.configure(tmp_path)
    logger = logging.getLogger("kho.test")
    with log.bound(job="j", deposit="d"), log.bound(job="k"):
        logger.info("inside %s", "Tệp\udcff")
    logger.warning("outside")
    first, second = lines(tmp_path)
    assert (first["job"], first["deposit"], first["message"], first["level"]) == ("k", "d", "inside Tệp\udcff", "info")
    assert "job" not in second
    assert second["time"].endswith("+00:00")


def test_phrases_are_said_in_words(tmp_path):
    log.configure(tmp_path)
    logging.getLogger("kho.test").warning("volume %s: %s", "A", f"{phrase('alert-worn')}; {phrase('tape-full')}")
    (line,) = lines(tmp_path)
    assert line["message"] == "volume A: the cartridge has reached its rated life; the cartridge is full"


def test_a_line_is_bounded_and_keeps_both_ends(tmp_path):
    log.configure(tmp_path)
    logging.getLogger("kho.test").info("begin" + "\U0001f600" * 100_000 + "end")
    (raw,) = (tmp_path / "log" / "kho.log").read_bytes().splitlines()
    assert len(raw) < log.LINE_LIMIT
    message = json.loads(raw)["message"]
    assert message.startswith("begin")
    assert message.endswith("end")


def test_another_home_gets_its_own_log(tmp_path):
    for home in ("a", "b"):
        log.configure(tmp_path / home)
        logging.getLogger("kho.test").info(home)
    assert [line["message"] for line in lines(tmp_path / "a")] == ["a"]
    assert [line["message"] for line in lines(tmp_path / "b")] == ["b"]


def _write(home, number, count):
    log.FILE_LIMIT = 8_000
    log.configure(home)
    for index in range(count):
        logging.getLogger("kho.test").info("%d %d", number, index)


def test_several_processes_lose_no_line_when_the_file_is_turned_over(tmp_path, monkeypatch):
    monkeypatch.setattr(log, "FILE_LIMIT", 8_000)
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_write, args=(tmp_path, number, 80)) for number in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    files = sorted(path.name for path in (tmp_path / "log").iterdir() if path.name.startswith("kho.log"))
    assert len(files) > 2
    found = [line["message"] for name in files for line in lines(tmp_path, name)]
    assert sorted(found) == sorted(f"{number} {index}" for number in range(3) for index in range(80))


@pytest.mark.parametrize("method", ["write", "_open"])
def test_a_log_that_cannot_be_written_stops_nothing_and_says_nothing(tmp_path, monkeypatch, capsys, method):
    log.configure(tmp_path)
    logger = logging.getLogger("kho.test")
    (handler,) = logging.getLogger("kho").handlers

    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as context:
        if method == "write":
            for _ in range(2):  # the file is opened anew for the second line
                logger.info("before")
            context.setattr(handler.stream, "write", full)
        else:
            context.setattr(handler, "_open", full)
        logger.error("lost")
    logger.info("after")
    assert [line["message"] for line in lines(tmp_path)] == [*(["before"] * 2 * (method == "write")), "after"]
    assert capsys.readouterr().err == ""


def test_a_mistake_in_a_line_is_still_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(logging, "raiseExceptions", True)  # commands let no log print anything; one may have run in this process
    log.configure(tmp_path)
    logging.getLogger("kho.test").info("%d", "no number")
    assert "Logging error" in capsys.readouterr().err
