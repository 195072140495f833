"""Channels against a real HTTP server: what arrives, what is retried, what stays secret."""

import contextlib
import email
import email.policy
import hashlib
import hmac
import io
import json
import logging
import re
import socket
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import obs_helpers
from obs_helpers import Chance, SystemClock, VirtualClock
from obs_helpers.alerting.alert import Alert, State
from obs_helpers.alerting.channels import (
    EmailFileChannel,
    LogChannel,
    NotebookChannel,
    PagerDutyChannel,
    SlackChannel,
    WebhookChannel,
    from_environment,
    signature,
    slack_text,
)
from obs_helpers.alerting.delivery import Channel, DeliveryError, Lane, attempt
from obs_helpers.alerting.notification import MAX_TEXT, Notification, one_line
from obs_helpers.alerting.notify import Notifier
from obs_helpers.alerting.posting import HttpChannel, Post, retry_after_s, web_address
from obs_helpers.alerting.routing import Route
from obs_helpers.clock import VIRTUAL_START
from obs_helpers.signals import logs

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
KEY, PATH = "not-a-real-key-0123456789", "/services/not-a-real-token"


def alert(name: str = "AgentHighErrorRate", **labels: str) -> Alert:
    labels = {"alertname": name, "severity": "critical"} | labels
    return Alert(labels, State.FIRING, {"summary": "error rate 8.3 %"}, value=0.083)


def note(*firing: Alert, **changes: Any) -> Notification:
    fields: dict[str, Any] = {"group_id": "ab" * 32, "group_labels": {"alertname": "X"}}
    fields |= {"firing": firing or (alert(),), "resolved": (), "muted": ()}
    fields |= {"status": "firing", "at": NOW, "timeout_s": 5.0}
    return Notification(**(fields | changes))


RESOLVED: dict[str, Any] = {"firing": (), "resolved": (alert(),), "status": "resolved"}


# -- A server that does as it is told --------------------------------------------------------


class Server:
    """Answers each request by the next of its `answers`, then by the last one for ever."""

    def __init__(self) -> None:
        self.answers: list[Callable[[BaseHTTPRequestHandler], None]] = [say(200)]
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.release, self.arrived = threading.Event(), threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}{PATH}"
        loop = self._http.serve_forever
        self._thread = threading.Thread(target=loop, args=(0.01,), daemon=True)
        self._thread.start()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                server.got.append((self.path, dict(self.headers), body))
                server.arrived.set()
                rest = server.answers
                (rest.pop(0) if len(rest) > 1 else rest[0])(self)

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    def hang(self, handler: BaseHTTPRequestHandler) -> None:
        self.release.wait(30)
        say(200)(handler)

    def json(self) -> Any:
        return json.loads(self.got[-1][2])

    def close(self) -> None:
        self.release.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


def say(status: int, body: bytes = b"", **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("content-length", str(len(body)))
        with contextlib.suppress(OSError):  # nobody waits for it any more
            handler.end_headers()
            handler.wfile.write(body)

    return answer


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)


def endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("content-length", str(10**12))
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(b"x" * 65_536)
    except OSError:
        handler.close_connection = True


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


class Tries:
    """A `Post` whose pauses take no time, and are kept."""

    def __init__(self, seed: int = 1, request_timeout_s: float = 2.0) -> None:
        self.clock, self.pauses = VirtualClock(), list[float]()
        self.post = Post(self.clock, self._wait, Chance(seed), request_timeout_s)

    def _wait(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.clock.advance(seconds)


def slack(server: Server, tries: Tries | None = None) -> SlackChannel:
    return SlackChannel(server.url, post=(tries or Tries()).post)


# -- Retries ---------------------------------------------------------------------------------


def test_what_is_taken_is_posted_once(server: Server) -> None:
    slack(server).send(note())
    assert len(server.got) == 1
    assert server.got[0][0] == PATH
    assert server.got[0][1]["Content-Type"] == "application/json"


@pytest.mark.parametrize("trouble", [say(500), say(503), say(429), hang_up])
def test_trouble_that_passes_is_tried_again(server: Server, trouble: Any) -> None:
    server.answers = [trouble, trouble, say(204)]
    tries = Tries()
    slack(server, tries).send(note())
    assert len(server.got) == 3
    assert len(tries.pauses) == 2


def test_trouble_that_stays_is_given_up_before_the_deadline(server: Server) -> None:
    server.answers = [say(500)]
    tries = Tries()
    with pytest.raises(DeliveryError, match=r"^answered 500$"):
        slack(server, tries).send(note(timeout_s=300.0))
    assert 3 < len(server.got) < 60
    assert 200 < sum(tries.pauses) < 300


def test_pauses_grow_with_full_jitter_and_are_capped(server: Server) -> None:
    server.answers = [say(500)]
    shares: list[list[float]] = [[] for _ in range(9)]
    for seed in range(12):
        tries = Tries(seed)
        with pytest.raises(DeliveryError):
            slack(server, tries).send(note(timeout_s=250.0))
        for n, pause in enumerate(tries.pauses[:9]):
            shares[n].append(pause / min(60, 0.5 * 2**n))
    assert all(0 <= share <= 1 for found in shares for share in found)
    assert all(min(found) < 0.4 and max(found) > 0.6 for found in shares[:6])


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_refusal_is_not_tried_again(server: Server, status: int) -> None:
    server.answers = [say(status, b"no_service")]
    with pytest.raises(DeliveryError, match=f"answered {status}: check address, key and rights"):
        slack(server).send(note())
    assert len(server.got) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(server: Server, status: int) -> None:
    server.answers = [say(status, location=server.url + "/elsewhere")]
    with pytest.raises(DeliveryError, match=f"answered {status}: give the address it moved to"):
        slack(server).send(note())
    assert [path for path, *_ in server.got] == [PATH]


def test_an_answer_without_end_is_left_unread(server: Server) -> None:
    server.answers = [endless]
    slack(server).send(note())
    assert len(server.got) == 1


def test_a_server_that_does_not_answer_is_given_up(server: Server) -> None:
    server.answers = [server.hang]
    post = Post(request_timeout_s=0.05)
    with pytest.raises(DeliveryError, match=r"^ReadTimeout$"):
        SlackChannel(server.url, post=post).send(note(timeout_s=0.2))


def test_nobody_there_is_a_connection_error() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(DeliveryError, match=r"^ConnectError$"):
        SlackChannel(url, post=Tries().post).send(note(timeout_s=1.0))


def test_retry_after_in_seconds_is_honoured(server: Server) -> None:
    server.answers = [say(429, retry_after="40"), say(200)]
    tries = Tries()
    slack(server, tries).send(note(timeout_s=300.0))
    assert tries.pauses == [40.0]


def test_retry_after_as_a_date_is_honoured(server: Server) -> None:
    when = VIRTUAL_START + timedelta(seconds=70)
    date = when.strftime("%a, %d %b %Y %H:%M:%S GMT")
    server.answers = [say(503, retry_after=date), say(200)]
    tries = Tries()
    slack(server, tries).send(note(timeout_s=300.0))
    assert tries.pauses == [70.0]


def test_a_retry_after_beyond_the_deadline_is_not_waited_for(server: Server) -> None:
    server.answers = [say(429, retry_after="86400")]
    tries = Tries()
    with pytest.raises(DeliveryError, match="answered 429"):
        slack(server, tries).send(note(timeout_s=300.0))
    assert tries.pauses == []


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        ("Mon, 05 Jan 2026 08:01:00 GMT", 60.0),
        ("Mon, 05 Jan 2026 08:01:00 -0000", 60.0),
        ("Mon, 05 Jan 2026 07:00:00 GMT", 0.0),
        ("", 0.0),
        ("soon", 0.0),
        ("-5", 0.0),
        ("1.5", 0.0),
        ("\u0663", 0.0),
        ("9" * 5000, float("inf")),
    ],
)
def test_retry_after_is_read_or_ignored(text: str, seconds: float) -> None:
    assert retry_after_s(text, NOW) == seconds


@given(st.text(max_size=40))
def test_no_header_can_break_the_reader(text: str) -> None:
    assert retry_after_s(text, NOW) >= 0


def test_the_real_clock_waits_for_real(server: Server) -> None:
    server.answers = [say(500), say(200)]
    SlackChannel(server.url, post=Post(chance=Chance(5))).send(note())
    assert len(server.got) == 2


# -- What stays secret -----------------------------------------------------------------------

HTTP_CHANNELS: list[Callable[[str, Post], HttpChannel]] = [
    lambda url, post: SlackChannel(url, post=post),
    lambda url, post: PagerDutyChannel(KEY, url=url, post=post),
    lambda url, post: WebhookChannel(url, KEY, post=post),
]
TROUBLES = [say(500), say(404), say(302, location="http://127.0.0.1/x"), hang_up]


@pytest.mark.parametrize("make", HTTP_CHANNELS)
@pytest.mark.parametrize("trouble", TROUBLES)
def test_no_error_traceback_or_repr_holds_an_address_or_key(
    server: Server, make: Callable[[str, Post], HttpChannel], trouble: Any
) -> None:
    server.answers = [trouble]
    channel = make(server.url, Tries().post)
    with pytest.raises(DeliveryError) as caught:
        channel.send(note(timeout_s=1.0))
    shown = [repr(channel), str(channel), "".join(traceback.format_exception(caught.value))]
    chain: BaseException | None = caught.value
    while chain is not None:
        shown += [repr(chain), str(vars(chain))]
        frame = chain.__traceback__
        while frame is not None:
            if frame.tb_frame.f_code.co_filename != __file__:
                shown += [repr(value) for value in frame.tb_frame.f_locals.values()]
            frame = frame.tb_next
        chain = chain.__context__
    assert not [text for text in shown if PATH in text or KEY in text]


def test_no_log_line_holds_an_address(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    lines: list[bytes] = []
    logs.configure(sinks=(lines.append,), level="debug")
    server.answers = [say(500), say(404)]
    lane = Lane(slack(server))
    with caplog.at_level(logging.DEBUG):
        lane.offer(note(), lambda _: None, timedelta())
        assert lane.wait(5)
    text = b"".join(lines).decode() + caplog.text
    assert "notification failed" in text
    assert PATH not in text


def test_the_log_of_httpx_is_quiet_for_ours_only(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    import httpx

    with caplog.at_level(logging.INFO, logger="httpx"):
        slack(server).send(note())
        assert caplog.text == ""
        httpx.post(server.url)
        assert PATH in caplog.text


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://x/secret", "has the scheme 'ftp'; it must begin with https:// or http://"),
        ("file:///secret", "has the scheme 'file'"),
        ("secret", "has the scheme ''"),
        ("javascript:secret", "has the scheme ''"),
        ("", "has the scheme ''"),
        ("https://", "the https address has no host"),
        ("http:///secret", "the http address has no host"),
        ("http://h:secret/", "or a port that is no port"),
        ("http://[secret/", "has no host"),
    ],
)
def test_only_web_addresses_are_accepted_and_none_is_shown(url: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        SlackChannel(url)
    assert "secret" not in "".join(traceback.format_exception_only(caught.value))
    assert caught.value.__context__ is None


def test_spaces_around_an_address_are_forgiven() -> None:
    assert web_address(" https://example.com/x\n") == "https://example.com/x"


def test_the_environment_configures_what_it_can_and_says_what_is_missing() -> None:
    channels, missing = from_environment({})
    assert channels == {}
    assert missing == {
        "page": "OBS_PAGERDUTY_ROUTING_KEY not set",
        "chat": "OBS_SLACK_WEBHOOK_URL not set",
        "webhook": "OBS_WEBHOOK_URL and OBS_WEBHOOK_SECRET not set",
    }
    settings = {"OBS_SLACK_WEBHOOK_URL": "ftp://secret", "OBS_PAGERDUTY_ROUTING_KEY": KEY}
    settings |= {"OBS_WEBHOOK_URL": "https://example.com"}
    channels, missing = from_environment(settings)
    assert [repr(channel) for channel in channels.values()] == ["PagerDutyChannel(name='page')"]
    assert "OBS_SLACK_WEBHOOK_URL: the address has the scheme 'ftp'" in missing["chat"]
    assert missing["webhook"] == "OBS_WEBHOOK_SECRET not set"
    assert "secret" not in missing["chat"]


def test_the_process_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBS_WEBHOOK_URL", "https://example.com/x")
    monkeypatch.setenv("OBS_WEBHOOK_SECRET", KEY)
    assert isinstance(from_environment()[0]["webhook"], WebhookChannel)


@pytest.mark.parametrize(
    "make", [lambda: PagerDutyChannel(" "), lambda: WebhookChannel("https://example.com", "")]
)
def test_an_empty_key_is_refused_with_the_remedy(make: Callable[[], Channel]) -> None:
    with pytest.raises(ValueError, match=r"set OBS_(PAGERDUTY_ROUTING_KEY|WEBHOOK_SECRET)"):
        make()


# -- Slack -----------------------------------------------------------------------------------


def test_slack_gets_a_title_and_plain_text(server: Server) -> None:
    channel = slack(server)
    channel.send(note())
    assert server.json() == {
        "text": "[FIRING:1] AgentHighErrorRate (critical)",
        "attachments": [
            {
                "color": "danger",
                "text": "firing: AgentHighErrorRate\n  error rate 8.3 %\n  value: 0.083",
            }
        ],
        "mrkdwn": False,
        "parse": "none",
        "unfurl_links": False,
    }
    channel.send(note(**RESOLVED))
    assert server.json()["attachments"][0]["color"] == "good"


@given(st.text(alphabet="<>&!@ab|", max_size=300), st.integers(1, 200))
def test_slack_text_holds_no_markup_and_keeps_to_its_limit(text: str, limit: int) -> None:
    out = slack_text(text, limit)
    assert len(out) <= limit
    assert not re.search(r"[<>]|&(?!(amp|lt|gt);)", out)
    plain = out.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert text.startswith(plain)
    assert plain == text or len(out) > limit * 0.9 - 10


def test_a_model_cannot_call_everybody_or_place_a_link_in_slack(server: Server) -> None:
    evil = "<!channel> <https://evil.example|reset your password> <@U123> & more"
    slack(server).send(note(alert(evil, tool=evil)))
    sent = server.got[0][2].decode()
    assert "<" not in sent
    assert ">" not in sent
    assert "&lt;!channel&gt;" in sent


def test_a_long_title_is_cut_for_slack_and_pagerduty(server: Server) -> None:
    long = note(*[alert("<" * 400 + str(n)) for n in range(50)])
    slack(server).send(long)
    assert len(server.json()["text"]) <= 1024
    PagerDutyChannel(KEY, url=server.url).send(long)
    assert len(server.json()["payload"]["summary"]) <= 1024


# -- PagerDuty -------------------------------------------------------------------------------


def test_pagerduty_opens_and_resolves_one_incident_per_group(server: Server) -> None:
    channel = PagerDutyChannel(KEY, url=server.url)
    channel.send(note())
    assert server.json() == {
        "routing_key": KEY,
        "dedup_key": "ab" * 32,
        "event_action": "trigger",
        "payload": {
            "summary": "[FIRING:1] AgentHighErrorRate (critical)",
            "source": "obs_helpers",
            "severity": "critical",
            "timestamp": "2026-01-05T08:00:00+00:00",
            "custom_details": {
                "text": "firing: AgentHighErrorRate\n  error rate 8.3 %\n  value: 0.083"
            },
        },
    }
    channel.send(note(**RESOLVED))
    assert server.json() == {
        "routing_key": KEY,
        "dedup_key": "ab" * 32,
        "event_action": "resolve",
    }


@pytest.mark.parametrize(
    ("severities", "expected"),
    [
        (["warning"], "warning"),
        (["info", "critical", "warning"], "critical"),
        (["catastrophic"], "error"),
        (["catastrophic", "info"], "info"),
    ],
)
def test_pagerduty_knows_four_severities(
    server: Server, severities: list[str], expected: str
) -> None:
    found = [alert(severity=severity) for severity in severities]
    PagerDutyChannel(KEY, url=server.url).send(note(*found))
    assert server.json()["payload"]["severity"] == expected


def test_what_is_muted_keeps_the_incident_open(server: Server) -> None:
    quiet = note(firing=(), resolved=(alert("A"),), muted=(alert("B"),))
    PagerDutyChannel(KEY, url=server.url).send(quiet)
    assert server.json()["event_action"] == "trigger"


def test_no_event_is_larger_than_pagerduty_takes(server: Server) -> None:
    huge = {f"note {n}": "\U0001f600" * 10_000 for n in range(50)}
    alerts = [Alert({"alertname": "X", "n": str(n)}, State.FIRING, huge) for n in range(100)]
    PagerDutyChannel(KEY, url=server.url).send(note(*alerts))
    assert len(server.got[0][2]) <= 512_000
    assert len(server.json()["payload"]["custom_details"]["text"]) == MAX_TEXT


# -- A webhook of one's own ------------------------------------------------------------------


def test_the_webhook_is_signed_over_time_and_body(server: Server) -> None:
    clock = VirtualClock()
    WebhookChannel(server.url, KEY, clock=clock).send(note(held_back=3))
    _, headers, body = server.got[0]
    seconds = str(int(VIRTUAL_START.timestamp()))
    digest = hmac.new(KEY.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers["X-Obs-Timestamp"] == seconds
    assert headers["X-Obs-Signature"] == f"sha256={digest}"
    assert signature(KEY, seconds, body) == f"sha256={digest}"
    assert signature(KEY, seconds + "1", body) != f"sha256={digest}"
    told = server.json()
    assert told["title"] == "[FIRING:1] AgentHighErrorRate (critical)"
    assert told["firing"][0]["labels"] == {
        "alertname": "AgentHighErrorRate",
        "severity": "critical",
    }
    assert (told["status"], told["held_back"], told["group_id"]) == ("firing", 3, "ab" * 32)
    assert told["at"] == "2026-01-05T08:00:00Z"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None])
def test_odd_values_reach_every_channel(server: Server, value: float | None, tmp_path: Any) -> None:
    odd = Alert({"alertname": "\ud800 X"}, State.FIRING, {"summary": "\0\ud800"}, value=value)
    channels: list[Channel] = [make(server.url, Tries().post) for make in HTTP_CHANNELS]
    channels += [NotebookChannel(), EmailFileChannel(tmp_path), LogChannel()]
    assert [attempt(channel, note(odd)) for channel in channels] == [None] * 6
    assert len(server.got) == 3


# -- In this process ---------------------------------------------------------------------------


def test_the_log_channel_writes_one_line_per_message() -> None:
    obs = obs_helpers.start()
    LogChannel().send(note())
    LogChannel().send(note(**RESOLVED))
    rows = obs.store.rows(
        "SELECT level, event, (fields->>'title'), (fields->>'status') FROM logs "
        "WHERE logger = 'alerts' ORDER BY time"
    )
    assert rows == [
        ("warning", "alert", "[FIRING:1] AgentHighErrorRate (critical)", "firing"),
        ("info", "alert resolved", "[RESOLVED:1] AgentHighErrorRate (critical)", "resolved"),
    ]


class Tags(HTMLParser):
    """Collects the tags of some HTML."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)


def test_the_notebook_shows_when_asked_and_escapes_everything(
    capsys: pytest.CaptureFixture[str],
) -> None:
    channel = NotebookChannel()
    evil = "<script>alert(1)</script><img src=x onerror='x'>"
    channel.send(note(alert(evil, tool=evil)))
    channel.send(note(**RESOLVED))
    parser = Tags()
    parser.feed(channel._repr_html_())
    assert parser.tags == {"div", "b", "pre"}
    assert "&lt;script&gt;" in channel._repr_html_()
    assert capsys.readouterr().out == ""


def test_the_notebook_keeps_the_last_messages_and_says_when_there_are_none() -> None:
    channel = NotebookChannel("<b>", keep=3)
    assert channel._repr_html_() == "<p>&lt;b&gt;: no messages</p>"
    for n in range(5):
        channel.send(note(held_back=n))
    assert [message.held_back for message in channel.messages] == [2, 3, 4]


def read_mails(folder: Path) -> list[Any]:
    files = sorted(folder.glob("*.eml"))
    policy = email.policy.default
    return [email.message_from_bytes(file.read_bytes(), policy=policy) for file in files]


def test_a_mail_file_can_be_read_back(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "mails"
    channel = EmailFileChannel(folder)
    channel.send(note())
    channel.send(note(**RESOLVED, at=NOW + timedelta(minutes=5)))
    first, second = read_mails(folder)
    assert first["Subject"] == "[FIRING:1] AgentHighErrorRate (critical)"
    assert second["Subject"] == "[RESOLVED:1] AgentHighErrorRate (critical)"
    assert (first["From"], first["To"]) == ("alerts@example.com", "on-call@example.com")
    assert first["Date"].datetime == NOW
    body = first.get_content().replace("\r\n", "\n")
    assert body == "firing: AgentHighErrorRate\n  error rate 8.3 %\n  value: 0.083\n"


@given(st.text(max_size=200))
def test_no_name_can_add_a_header_to_a_mail(name: str) -> None:
    hostile = f"X\r\nBcc: victim@example.com\r\n\r\n{name}"
    with tempfile.TemporaryDirectory() as folder:
        EmailFileChannel(folder).send(note(alert(hostile)))
        (mail,) = read_mails(Path(folder))
    assert mail["Bcc"] is None
    assert {name.lower() for name in mail} == {
        *("from", "to", "subject", "date", "mime-version"),
        *("content-type", "content-transfer-encoding"),
    }


@given(st.text(max_size=700))
def test_one_line_is_one_printable_line(text: str) -> None:
    line = one_line(text)
    assert line.isprintable()
    assert len(line) <= 500
    line.encode()
    if text.isprintable() and len(text) <= 500:
        assert line == text


# -- Side by side ------------------------------------------------------------------------------


def test_one_http_channel_hangs_and_the_others_get_their_message(server: Server) -> None:
    other = Server()
    try:
        server.answers = [server.hang]
        clock = VirtualClock()
        stuck = SlackChannel(server.url, name="stuck", post=Post(request_timeout_s=20))
        page = PagerDutyChannel(KEY, name="page", url=other.url)
        book = NotebookChannel("book")
        route = Route(channels=("stuck", "page", "book"))
        notifier = Notifier([stuck, page, book], route, clock=clock)
        notifier.update([alert()])
        clock.advance(30)
        notifier.tick()
        assert other.arrived.wait(5)
        assert server.arrived.wait(5)
        assert len(book.messages) == 1
        assert notifier.status().set_index("channel")["under_way"]["stuck"] == 1
    finally:
        server.release.set()
        assert notifier.close(5)
        other.close()


def test_a_send_that_gets_no_answer_is_left_behind_and_the_next_one_goes() -> None:
    release, clock, outcomes = threading.Event(), VirtualClock(), list[bool]()
    arrived = threading.Event()

    class Stuck(Channel):
        name = "stuck"

        def send(self, notification: Notification) -> None:
            if notification.held_back:
                arrived.set()
            else:
                threads.append(threading.current_thread())
                release.wait(30)

    threads: list[threading.Thread] = []
    lane = Lane(Stuck(), clock)
    lane.offer(note(), outcomes.append, timedelta())
    lane.offer(note(held_back=1), outcomes.append, timedelta())
    clock.advance(5)
    lane.give_up_on_hung()
    assert outcomes == []
    clock.advance(0.1)
    lane.give_up_on_hung()
    assert arrived.wait(5)
    assert lane.wait(5)
    assert outcomes == [False, True]
    assert (lane.failed, lane.sent, lane.last_error) == (1, 1, "no answer within 5 s")
    release.set()
    threads[0].join(5)
    assert threads[0].daemon, "it would keep the process from ending"
    assert outcomes == [False, True], "an answer that is too late counts for nothing"
    assert (lane.failed, lane.sent) == (1, 1)


def test_what_a_channel_raises_is_not_shown_unless_it_is_a_delivery_error() -> None:
    class Leaky(Channel):
        name = "leaky"

        def send(self, notification: Notification) -> None:
            raise RuntimeError(f"cannot reach {PATH}")

    assert attempt(Leaky(), note()) == "RuntimeError"
    assert attempt(Channel.__new__(Channel), note()) == "NotImplementedError"


def test_the_clock_of_the_machine_is_the_default() -> None:
    before = SystemClock().time_ns() // 10**9
    channel = WebhookChannel("https://example.com", KEY)
    sent = channel.request(note())
    assert before <= int(sent.headers["X-Obs-Timestamp"]) <= SystemClock().time_ns() // 10**9
    assert repr(sent) == "Request()"


def test_no_channel_writes_to_the_console(server: Server, tmp_path: Path) -> None:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        for channel in (slack(server), NotebookChannel(), EmailFileChannel(tmp_path)):
            channel.send(note())
    assert out.getvalue() + err.getvalue() == ""
