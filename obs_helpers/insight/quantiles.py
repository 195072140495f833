"""Quantiles read from the buckets of a histogram, as Prometheus reads them."""

from collections.abc import Sequence


def histogram_quantile(q: float, bounds: Sequence[float], counts: Sequence[float]) -> float | None:
    """Return the quantile `q` (0 to 1), None without samples.

    Samples are taken to lie evenly within their bucket, so the answer is exact only at
    a boundary. In the last bucket, which has no upper end, it is the highest boundary.

    Args:
        q: 0.95 for the p95.
        bounds: Upper ends of the buckets, ascending; the last bucket has none.
        counts: Samples in each bucket, one more than there are `bounds`.

    Raises:
        ValueError: `q` is not from 0 to 1, or the lengths do not fit.
    """
    if not 0 <= q <= 1 or len(counts) != len(bounds) + 1:
        msg = f"q={q!r} with {len(bounds)} bounds and {len(counts)} counts does not work"
        raise ValueError(msg)
    rank, below = q * sum(counts), 0.0
    lower = 0.0
    for upper, count in zip(bounds, counts, strict=False):
        if count and below + count >= rank:
            return lower + (upper - lower) * (rank - below) / count
        below, lower = below + count, upper
    return float(bounds[-1]) if sum(counts) and bounds else None
