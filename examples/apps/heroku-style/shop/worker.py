"""The `worker` process: does what visitors have ordered. The queue is a folder here."""

import os
import signal
import threading
from pathlib import Path

ORDERS = Path(os.environ.get("OPENSHIFT_DATA_DIR", ".")) / "orders"


def work():
    ending = threading.Event()
    # What is at hand is finished; the rest is left to the next worker.
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    while not ending.wait(0.1):
        for order in sorted(ORDERS.glob("*.new")):
            print("sent", order.stem)
            order.rename(order.with_suffix(".sent"))
            if ending.is_set():
                break


if __name__ == "__main__":
    work()
