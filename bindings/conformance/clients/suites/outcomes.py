"""A plugin of pytest that writes each test's outcome into the file named by OUTCOMES.

One line a test, as soon as it is over: `passed`, `failed` or `skipped`, and the test's name.
"""

import os

import pytest

_outcomes = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Names a test by its module: pytest's own name depends on what else is selected."""
    report = yield
    module = item.module.__name__.removeprefix("kazoo.tests.").removeprefix("aiozk.test.")
    report.test = "::".join([module, *item.nodeid.split("::")[1:]])
    return report


def pytest_runtest_logreport(report):
    """A test is setting up, the call, and tearing down; the worst of the three counts."""
    if report.when == "setup":
        _outcomes[report.test] = report.outcome
    elif report.failed:
        _outcomes[report.test] = "failed"
    elif report.skipped and _outcomes[report.test] == "passed":
        _outcomes[report.test] = "skipped"
    if report.when == "teardown":
        with open(os.environ["OUTCOMES"], "a", encoding="utf-8") as file:
            file.write(f"{_outcomes.pop(report.test)} {report.test}\n")
