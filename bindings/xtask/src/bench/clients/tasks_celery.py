"""Celery with Redis for its broker and its results: tasks to results, by four workers."""

import subprocess
import sys

from celery import Celery
from meter import Meter

# The worker imports this file under its name, and is told the address by its surroundings.
meter = Meter()
redis = f"redis://{meter.address}"
app = Celery("tasks_celery", broker=f"{redis}/0", backend=f"{redis}/1")


@app.task(name="upper")
def upper(payload: str) -> str:
    return payload.upper()


def main() -> None:
    if len(sys.argv) > 6:
        app.worker_main(["worker", "--concurrency=4", "--loglevel=ERROR"])
        return
    worker = subprocess.Popen([sys.executable, *sys.argv, "worker"], stdout=subprocess.DEVNULL)
    try:
        payload = meter.payload.decode()
        while meter.goes_on():
            for task in [upper.delay(payload) for _ in range(meter.window)]:
                meter.count(task.get().encode())
    finally:
        worker.terminate()
        worker.wait()


main()
