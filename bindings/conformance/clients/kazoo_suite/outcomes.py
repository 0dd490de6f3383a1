"""A plugin of pytest that writes each test's outcome into the file named by OUTCOMES.

One line a test, as soon as it is over: `passed`, `failed` or `skipped`, and the test's name.
"""

import os

_outcomes = {}


def pytest_runtest_logreport(report):
    """A test is setting up, the call, and tearing down; the worst of the three counts."""
    if report.when == "setup":
        _outcomes[report.nodeid] = report.outcome
    elif report.failed:
        _outcomes[report.nodeid] = "failed"
    elif report.skipped and _outcomes[report.nodeid] == "passed":
        _outcomes[report.nodeid] = "skipped"
    if report.when == "teardown":
        # Without the folder that the package happens to be installed in.
        name = report.nodeid.split("kazoo/tests/")[-1].replace(".py::", "::")
        with open(os.environ["OUTCOMES"], "a", encoding="utf-8") as file:
            file.write(f"{_outcomes.pop(report.nodeid)} {name}\n")
