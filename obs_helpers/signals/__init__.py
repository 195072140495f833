"""How telemetry is made: logs, metrics, traces, and the redaction all of them pass."""
