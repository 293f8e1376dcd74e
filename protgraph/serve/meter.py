"""What a server counts of itself, in the text format of Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

TYPE = CONTENT_TYPE_LATEST
"""Of the text that `Meter.text` gives."""

BATCH = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Meter:
    """Counters of one server, beside memory and processor time of its process.

    Parameters
    ----------
    waiting : callable
        Gives the number of rows that wait.

    Examples
    --------
    >>> meter = Meter(lambda: 3)
    >>> meter.answered([True, False], residues=70)
    >>> meter.text().decode().count('protgraph_rows_total{result="refused"} 1.0')
    1
    """

    def __init__(self, waiting: Callable[[], float]) -> None:
        self._kept = kept = CollectorRegistry()
        self._requests = Counter(
            "protgraph_requests", "Requests for predictions, by status.", ["status"], registry=kept
        )
        self._seconds = Histogram(
            "protgraph_request_seconds", "From a request to its answer.", registry=kept
        )
        self._rows = Counter(
            "protgraph_rows", "Rows that were scored, or could not be.", ["result"], registry=kept
        )
        self._residues = Counter("protgraph_residues", "Residues of the rows.", registry=kept)
        self._batch = Histogram(
            "protgraph_batch_rows", "Rows that were scored together.", registry=kept, buckets=BATCH
        )
        Gauge("protgraph_rows_waiting", "Rows that wait.", registry=kept).set_function(waiting)
        ProcessCollector(registry=kept)

    def request(self, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(str(status)).inc()
        self._seconds.observe(seconds)

    def answered(self, good: Sequence[bool], *, residues: int) -> None:
        """Count a batch: for each row whether it was scored, and the residues of all."""
        self._rows.labels("answered").inc(sum(good))
        self._rows.labels("refused").inc(len(good) - sum(good))
        self._residues.inc(residues)
        self._batch.observe(len(good))

    def text(self) -> bytes:
        """Write all that was counted."""
        return bytes(generate_latest(self._kept))
