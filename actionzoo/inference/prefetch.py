"""Work in threads that do not keep the process from ending: an iterator ahead of its consumer, and one result."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")
_LOOK_S = 0.1


class Prefetch(Generic[T]):
    """A context manager that iterates over what `make` gives, in order; errors come out where the items would.

    Leaving it stops the thread, also in the middle. `busy_s` are the seconds that the thread worked, not waited.

    >>> with Prefetch(lambda: range(3)) as items:
    ...     list(items)
    [0, 1, 2]
    """

    def __init__(self, make: Callable[[], Iterable[T]], ahead: int = 32) -> None:
        self.busy_s = 0.0
        self._make = make
        self._queue: queue.Queue[tuple[bool, T | BaseException | None]] = queue.Queue(ahead)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="prefetch", daemon=True)

    def __enter__(self) -> Iterator[T]:
        self._thread.start()
        return self._items()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        # A source on the network may hang in a read; the thread then ends with the process.
        self._thread.join(timeout=2.0)

    def _items(self) -> Iterator[T]:
        while True:
            more, item = self._queue.get()
            if more:
                yield item  # type: ignore[misc]
            elif isinstance(item, BaseException):
                raise item
            else:
                return

    def _work(self) -> None:
        try:
            since = time.perf_counter()
            for item in self._make():
                self.busy_s += time.perf_counter() - since
                if not self._put(True, item):
                    return
                since = time.perf_counter()
            self.busy_s += time.perf_counter() - since
            self._put(False, None)
        except BaseException as error:
            self._put(False, error)

    def _put(self, more: bool, item: T | BaseException | None) -> bool:
        while not self._stop.is_set():
            try:
                self._queue.put((more, item), timeout=_LOOK_S)
                return True
            except queue.Full:
                continue
        return False


def in_thread(work: Callable[[], T]) -> Future[T]:
    """Starts `work` in a thread; returns a Future of its result."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name="model", daemon=True).start()
    return future
