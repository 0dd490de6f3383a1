"""How much a Python client does: PROGRAM ADDRESS WINDOW BYTES WARM SECONDS.

Every reply is looked at; one that is wrong or an error ends the program without a figure.
"""

import json
import sys
import time

PATH = "/bench"


class Meter:
    """Counts batches until the time is over, those of the beginning not at all."""

    def __init__(self) -> None:
        self.address = sys.argv[1]
        self.window, self._bytes = int(sys.argv[2]), int(sys.argv[3])
        self.payload = b"x" * self._bytes
        self._warm, self._seconds = float(sys.argv[4]), float(sys.argv[5])
        self._operations = 0
        self._until = time.monotonic() + self._warm
        self._mark: tuple[int, float, float] | None = None

    def goes_on(self) -> bool:
        """Whether another batch is due. Prints the figures when none is."""
        now = time.monotonic()
        if now < self._until:
            return True
        spent = time.process_time()
        if self._mark is None:
            self._mark = self._operations, now, spent
            self._until = now + self._seconds
            return True
        operations, begun, spent_before = self._mark
        figures = {
            "operations": self._operations - operations,
            "seconds": now - begun,
            "processor": spent - spent_before,
        }
        print(json.dumps(figures))
        return False

    def count(self, data: bytes) -> None:
        """A reply has come."""
        if len(data) != self._bytes:
            sys.exit(f"{len(data)} bytes instead of {self._bytes}")
        self._operations += 1
