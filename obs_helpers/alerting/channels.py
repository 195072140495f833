"""Channels: the log, the notebook, a mail folder, Slack, PagerDuty, a webhook.

Their addresses and keys come from the environment and stay secret:

- `OBS_SLACK_WEBHOOK_URL`: an incoming webhook of Slack.
- `OBS_PAGERDUTY_ROUTING_KEY`: the integration key of a PagerDuty service, Events API v2.
- `OBS_WEBHOOK_URL` and `OBS_WEBHOOK_SECRET`: a receiver of your own, and the key to sign with.
"""

import hashlib
import hmac
import html
import os
from collections import deque
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import orjson

from obs_helpers.alerting.delivery import Channel
from obs_helpers.alerting.notification import FIRING, RESOLVED, Notification
from obs_helpers.alerting.posting import HttpChannel, Post, Request
from obs_helpers.clock import NS_PER_S, Clock, SystemClock
from obs_helpers.safe_json import dumps
from obs_helpers.signals.logs import get_logger

SLACK_URL = "OBS_SLACK_WEBHOOK_URL"
PAGERDUTY_KEY = "OBS_PAGERDUTY_ROUTING_KEY"
WEBHOOK_URL, WEBHOOK_SECRET = "OBS_WEBHOOK_URL", "OBS_WEBHOOK_SECRET"
PAGERDUTY_URL = "https://events.pagerduty.com/v2/enqueue"
MAX_TITLE = 1024
"""Characters of a title in Slack and of a summary in PagerDuty."""
_JSON = {"Content-Type": "application/json"}
_SLACK_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_PAGERDUTY_SEVERITIES = ("critical", "error", "warning", "info")

logger = get_logger("alerts")


class LogChannel(Channel):
    """One log line per message, the whole message in it."""

    blocking = False
    max_per_hour = None

    def __init__(self, name: str = "log") -> None:
        """Answer to `name` in routes."""
        self.name = name

    def send(self, notification: Notification) -> None:
        """Log it: a warning while something fires, else for information."""
        resolved = notification.status == RESOLVED
        level, event = (logger.info, "alert resolved") if resolved else (logger.warning, "alert")
        level(event, **notification.to_dict())


class NotebookChannel(Channel):
    """Keeps the last messages; a notebook shows them when asked to, `display(channel)`."""

    blocking = False
    max_per_hour = None

    def __init__(self, name: str = "chat", keep: int = 100) -> None:
        """Answer to `name` in routes; keep that many messages."""
        self.name = name
        self.messages: deque[Notification] = deque(maxlen=keep)

    def send(self, notification: Notification) -> None:
        """Keep it."""
        self.messages.append(notification)

    def _repr_html_(self) -> str:
        return "".join(map(_html, self.messages)) or f"<p>{html.escape(self.name)}: no messages</p>"


def _html(message: Notification) -> str:
    color = "#b00020" if message.status == FIRING else "#1b7f3b"
    head = f"{message.at:%Y-%m-%d %H:%M:%S} UTC {message.title}"
    return (
        f'<div class="mathjax_ignore" style="border-left: 4px solid {color}; padding-left: 8px; '
        f'margin: 6px 0; overflow-wrap: anywhere"><b>{html.escape(head)}</b>'
        f'<pre style="white-space: pre-wrap">{html.escape(message.text)}</pre></div>'
    )


class EmailFileChannel(Channel):
    """Writes each message as an .eml file, for a mail program or a test to open."""

    blocking = False
    max_per_hour = None

    def __init__(
        self,
        folder: str | Path,
        name: str = "email",
        sender: str = "alerts@example.com",
        recipient: str = "on-call@example.com",
    ) -> None:
        """Write into `folder`, which is made when it is needed."""
        self.name, self.folder = name, Path(folder)
        self.sender, self.recipient = sender, recipient

    def send(self, notification: Notification) -> None:
        """Write the file; its name begins with the time, so files sort by it."""
        mail = EmailMessage(policy=SMTP)
        mail["From"], mail["To"] = self.sender, self.recipient
        mail["Subject"] = notification.title  # one printable line: it cannot end the header
        mail["Date"] = format_datetime(notification.at)
        mail.set_content(notification.text)
        self.folder.mkdir(parents=True, exist_ok=True)
        stem = f"{notification.at:%Y%m%dT%H%M%S%f}-{notification.group_id[:12]}"
        (self.folder / f"{stem}.eml").write_bytes(mail.as_bytes())


class SlackChannel(HttpChannel):
    """Posts to an incoming webhook of Slack."""

    def __init__(self, url: str, name: str = "chat", post: Post | None = None) -> None:
        """Post to `url`, which is a secret.

        Raises:
            ValueError: `url` is no http(s) address.
        """
        super().__init__(name, url, post)

    def request(self, notification: Notification) -> Request:
        """Return it as plain text."""
        color = "danger" if notification.status == FIRING else "good"
        details = {"text": slack_text(notification.text, 30_000), "color": color}
        title = slack_text(notification.title, MAX_TITLE)
        plain = {"mrkdwn": False, "parse": "none", "unfurl_links": False}
        message = {"text": title, "attachments": [details], **plain}
        return Request(self._url, orjson.dumps(message), _JSON)


def slack_text(text: str, limit: int) -> str:
    """Escape by Slack's rules and cut: no text of a model makes a link or calls @channel."""
    parts = [_SLACK_ESCAPES.get(char, char) for char in text[:limit]]
    while sum(map(len, parts)) > limit:
        del parts[-max(1, len(parts) // 50) :]  # by whole characters, never inside of `&amp;`
    return "".join(parts)


class PagerDutyChannel(HttpChannel):
    """Pages by PagerDuty's Events API v2: one incident per group, opened and resolved."""

    def __init__(
        self,
        routing_key: str,
        name: str = "page",
        url: str = PAGERDUTY_URL,
        post: Post | None = None,
    ) -> None:
        """Send events with `routing_key`, which is a secret.

        Raises:
            ValueError: the key is empty, or `url` is no http(s) address.
        """
        if not routing_key.strip():
            msg = f"the routing key is empty; set {PAGERDUTY_KEY}"
            raise ValueError(msg)
        super().__init__(name, url, post)
        self._key = routing_key.strip()

    def request(self, notification: Notification) -> Request:
        """Return the event that triggers the group's incident, or resolves it."""
        event: dict[str, Any] = {"routing_key": self._key, "dedup_key": notification.group_id}
        if notification.status == RESOLVED:
            event["event_action"] = "resolve"
        else:
            found = {alert.severity for alert in notification.alerts}
            worst = next((s for s in _PAGERDUTY_SEVERITIES if s in found), "error")
            event["event_action"] = "trigger"
            event["payload"] = {
                "summary": notification.title[:MAX_TITLE],
                "source": "obs_helpers",
                "severity": worst,
                "timestamp": notification.at.isoformat(),
                "custom_details": {"text": notification.text},
            }
        return Request(self._url, orjson.dumps(event), _JSON)


class WebhookChannel(HttpChannel):
    """Posts the message as JSON to a receiver of your own, signed.

    The header `X-Obs-Timestamp` has the time in seconds since 1970, `X-Obs-Signature` what
    `signature` returns. A receiver computes it again, compares with `hmac.compare_digest`,
    and refuses what is older than ten minutes: somebody may have recorded it.
    """

    def __init__(
        self,
        url: str,
        secret: str,
        name: str = "webhook",
        post: Post | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Post to `url`, signed with `secret`; `clock` gives the timestamp.

        Raises:
            ValueError: `url` is no http(s) address, or the secret is empty.
        """
        if not secret:
            msg = f"a webhook without a secret cannot be trusted; set {WEBHOOK_SECRET}"
            raise ValueError(msg)
        super().__init__(name, url, post)
        self._secret, self._clock = secret, clock or SystemClock()

    def request(self, notification: Notification) -> Request:
        """Return it as signed JSON."""
        body = dumps(notification.to_dict())
        seconds = str(self._clock.time_ns() // NS_PER_S)
        signed = signature(self._secret, seconds, body)
        headers = {**_JSON, "X-Obs-Timestamp": seconds, "X-Obs-Signature": signed}
        return Request(self._url, body, headers)


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return `sha256=` and the HMAC-SHA256, in hex, of the timestamp, a dot and the body."""
    signed = timestamp.encode() + b"." + body
    return "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def from_environment(
    environ: Mapping[str, str] | None = None,
) -> tuple[dict[str, Channel], dict[str, str]]:
    """Return the channels that are configured, and why the others are not, by name."""
    settings = os.environ if environ is None else environ
    makers: dict[str, tuple[Callable[..., Channel], tuple[str, ...]]] = {
        "page": (PagerDutyChannel, (PAGERDUTY_KEY,)),
        "chat": (SlackChannel, (SLACK_URL,)),
        "webhook": (WebhookChannel, (WEBHOOK_URL, WEBHOOK_SECRET)),
    }
    channels, missing = {}, {}
    for name, (make, names) in makers.items():
        absent = [variable for variable in names if not settings.get(variable)]
        if absent:
            missing[name] = f"{' and '.join(absent)} not set"
            continue
        try:
            channels[name] = make(*(settings[variable] for variable in names))
        except ValueError as error:
            missing[name] = f"{' or '.join(names)}: {error}"
    return channels, missing
