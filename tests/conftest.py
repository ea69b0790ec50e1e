"""What holds for the whole suite: repeatable properties, logging as it was, no unplanned skip."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.examples import PROFILE, register_profiles

ALLOWED = "VIDEOSEG_ALLOWED_SKIPS"
"""Names the environment, in ``skips.txt``, whose skips are allowed; unset: every skip is."""
LIST = Path(__file__).with_name("skips.txt")

register_profiles()
settings.load_profile(PROFILE)


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """Commands set up the logging of their process, and ``--quiet`` silences what comes later."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def allowed_reasons(environment: str, lines: Iterable[str]) -> list[re.Pattern[str]]:
    """Patterns of the reasons for which an environment may skip tests."""
    rows = (line.split(maxsplit=1) for line in lines if line.strip() and line[0] != "#")
    return [re.compile(reason.strip()) for where, reason in rows if where in (environment, "any")]


class UnplannedSkips:
    """Fails a run in which a test was skipped for a reason that is not on the list."""

    def __init__(self, environment: str) -> None:
        text = LIST.read_text(encoding="utf-8")
        self._allowed = allowed_reasons(environment, text.splitlines())
        self._found: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._look_at(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._look_at(report)

    def _look_at(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.skipped and isinstance(report.longrepr, tuple):
            reason = report.longrepr[2].removeprefix("Skipped: ")
            if not any(pattern.search(reason) for pattern in self._allowed):
                self._found[report.nodeid] = reason

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._found and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for test, reason in self._found.items():
            terminalreporter.write_line(f"skip that is not in {LIST.name}: {test}: {reason}")


def pytest_configure(config: pytest.Config) -> None:
    """Watch skips in the process that reports."""
    environment = os.environ.get(ALLOWED)
    if environment and not hasattr(config, "workerinput"):
        config.pluginmanager.register(UnplannedSkips(environment))
