"""Four workers in processes of their own: the same program, told to be one of them."""

import subprocess
import sys
from contextlib import contextmanager
from collections.abc import Iterator

WORKERS = 4


def number() -> int | None:
    """Which worker this process is; None for the one that submits."""
    return int(sys.argv[6]) if len(sys.argv) > 6 else None


@contextmanager
def crew() -> Iterator[None]:
    """Starts the workers, and ends them."""
    # Programs and arguments are the same; the number comes last.
    workers = [
        subprocess.Popen([sys.executable, *sys.argv, str(number)]) for number in range(WORKERS)
    ]
    try:
        yield
        if any(worker.poll() is not None for worker in workers):
            sys.exit("a worker ended too early")
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
