"""What tests of several packages share."""

from __future__ import annotations

import functools
import gc
import signal
from collections.abc import Generator, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from storage.retrying import Again
from tests.builders_archive import SharedIdentifier
from tests.seaweed import Seaweed, running

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Run in the background by a shell: what tests start would never hear of Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)


# No test depends on timing: machines that run tests are shared, and one slow moment in an example says nothing of the code.
settings.register_profile("kho", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("kho")

LONGEST = (
    "test_flow_s3.py",
    "test_campaigns_resumed.py",
    "test_office_comparison.py",
    "test_bounded_work.py",
    "test_api_schema.py",
    "test_flow_cold.py",
    "test_jobs_processes.py",
    "test_s3_outages.py",
    "test_api_serving.py",
    "test_outages.py",
    "test_flow_crashes.py",
    "test_cli_failures.py",
    "test_real_input.py",
    "test_jobs_postgresql.py",
    "test_cli_corridor.py",
    "test_signature_vectors.py",
    "test_ocfl_check.py",
    "test_ocfl_fixtures.py",
    "test_three_tiers.py",
    "test_eark_corpus.py",
    "test_killed_and_failing.py",
    "test_other_kinds.py",
    "test_films.py",
    "test_migrator.py",
    "test_flow_damage.py",
    "test_layouts.py",
    "test_doc.py",
    "test_reasons.py",
    "test_cli_review.py",
    "test_s3.py",
    "test_bounded_containers.py",
    "test_workforce.py",
    "test_packaging.py",
)
"""Files that run for twenty seconds and more, the longest first: each stays in one process, so they are begun first; whichever came
last would run alone, and all other processors would wait for it. What is not named here is only begun later."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    place = {name: index for index, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.name, len(LONGEST)))


def pytest_collection_finish() -> None:
    """What was collected (thousands of tests, all their modules) lives to the end: nobody needs to look through it for garbage again."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """Tests run in several processes, which send their reports as UTF-8: a log that shows a name of other bytes must not end the run."""
    return _sendable((yield))


def _sendable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_sendable(key): _sendable(each) for key, each in value.items()}
    return type(value)(map(_sendable, value)) if type(value) in (list, tuple) else value


@pytest.fixture(scope="session")
def identifier() -> Iterator[SharedIdentifier]:
    """One identification worker for the session."""
    shared = SharedIdentifier()
    yield shared
    shared.really_close()


@pytest.fixture(scope="session")
def seaweed_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    """One S3 store for the session: a bucket for every test is enough of its own."""
    with running(tmp_path_factory.mktemp("seaweed")) as server:
        yield server


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that is away is asked again at once, as often as else: each of many calls to one that is down waits for 1.4 seconds."""
    monkeypatch.setattr("storage.s3.tier.Again", functools.partial(Again, pause=0.01))


@pytest.fixture
def seaweed(seaweed_server: Seaweed, monkeypatch: pytest.MonkeyPatch) -> Seaweed:
    """The store, with its profiles known to this process and those it starts."""
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(seaweed_server.credentials))
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return seaweed_server
