"""How much of anything is kept: one place for the limits that telemetry has of itself.

What is cut says so where it was cut; what is left out is counted. The store's own bounds,
rows and age, are options of `start()`.
"""

MAX_TEXT = 8_192
"""Characters kept of one text value; more is cut and marked."""
MAX_ITEMS = 200
"""Entries kept of one list or dict."""
MAX_DEPTH = 8
"""Levels kept of nested values."""
MAX_VALUES = 5_000
"""Values kept in all: a list that holds itself ten times at each level is finite too."""
MAX_EVENT = 262_144
"""Characters kept of all texts of one log line, and of a span's attributes, in all."""

MAX_WAITING = 100_000
"""Spans, log lines and metric points that wait for the store, of each kind. What finds no
room is counted as dropped."""
MAX_WAITING_TEXT = 67_108_864
"""Characters in all of what waits on one way, about: a few long texts fill it too."""

# OpenTelemetry's own limits hold for spans: 128 attributes, 128 events and 128 links, the
# newest ones; its environment variables (`OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT` …) change them.
# How many went is in `otel.dropped_attributes_count`, `…_events_count`, `…_links_count`.

MAX_SERIES = 2_000
"""Combinations of labels that one metric tells apart, as OpenTelemetry's specification has
it. All beyond are one series, `otel.metric.overflow`."""
MAX_INSTRUMENTS = 1_000
"""Names that can be recorded by name (`obs_helpers.metrics`); more are rejected, and counted."""
MAX_LABEL = 100
"""Characters kept of one label value that is recorded by name."""
MAX_SESSIONS_OVER = 100_000
"""Sessions remembered for an hour after they ended. One that comes back when it is
forgotten counts twice in `agent.sessions_per_hour`."""
