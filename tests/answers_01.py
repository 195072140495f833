"""Answers to exercise 1: right ones of many kinds, and slips that learners make."""

RIGHT: dict[int, list[str]] = {
    1: [
        """
def to_line(logger, level, event):
    fields = {}
    for name, value in event.items():
        try:
            json.loads(json.dumps(value, default=str), parse_constant=int)
            fields[name] = value
        except Exception:
            fields[name] = f"unreadable {type(value).__name__}"
    return json.dumps(fields, default=str)
""",
        """
import orjson

def to_line(logger, level, event):
    def written(value):
        try:
            assert "nan" not in repr(value) and "inf" not in repr(value)
            return orjson.dumps(value, default=repr, option=orjson.OPT_NON_STR_KEYS)
        except Exception:
            return json.dumps("not for JSON: " + type(value).__name__).encode()
    parts = [json.dumps(name).encode() + b": " + written(each) for name, each in event.items()]
    return (b"{" + b", ".join(parts) + b"}").decode()
""",
        """
import math, reprlib

def to_line(logger, level, event):
    def plain(value, depth=0):
        if isinstance(value, str):
            return value.encode(errors="backslashreplace").decode()
        if value is None or isinstance(value, int):
            return value if value is None or abs(value) < 2**64 else "int, too long"
        if isinstance(value, float):
            return value if math.isfinite(value) else str(value)
        if depth < 8 and isinstance(value, Mapping):
            return {str(key): plain(item, depth + 1) for key, item in value.items()}
        if depth < 8 and isinstance(value, (list, tuple, set)):
            return [plain(item, depth + 1) for item in value]
        return reprlib.repr(value)
    return json.dumps(plain(event), ensure_ascii=False)
""",
        """
class Render:
    def one(self, value):
        try:
            return json.dumps(value, default=repr, allow_nan=False)
        except Exception:
            return json.dumps(str(type(value)))

    def __call__(self, logger, level, event):
        return "{%s}" % ",".join(f"{json.dumps(name)}:{self.one(event[name])}" for name in event)

to_line = Render()
""",
    ],
    2: [
        """
def rename(event, name):
    new = f"caller_{name}"
    while new in event:
        new = f"_{new}"
    if name in event:
        event[new] = event.pop(name)

def make_logger(output, now, processors, minimum="info"):
    def stamp(_, __, event):
        rename(event, "timestamp")
        event["timestamp"] = now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return event
    def keep(_, __, event):
        rename(event, "level")
        return event
    chain = [merge_contextvars, keep, structlog.processors.add_log_level, stamp]
    wrapper = structlog.make_filtering_bound_logger(getattr(logging, minimum.upper()))
    return structlog.wrap_logger(output, chain + list(processors), wrapper_class=wrapper)
""",
        """
def make_logger(output, now, processors, minimum="info"):
    order = ["debug", "info", "warning", "error"]
    def envelope(_, level, event):
        if order.index(level) < order.index(minimum):
            raise structlog.DropEvent
        own = {"event": event.pop("event"), "level": level,
               "timestamp": now().astimezone(UTC).isoformat()}
        prefix = "caller_"
        while any(name.startswith(prefix) for name in event):
            prefix = f"the_{prefix}"
        return {**{(f"{prefix}{k}" if k in own else k): v for k, v in event.items()}, **own}
    return structlog.wrap_logger(output, processors=[merge_contextvars, envelope, *processors])
""",
        """
class Logger:
    ORDER = ("debug", "info", "warning", "error")

    def __init__(self, output, now, processors, minimum):
        self.parts = output, now, processors
        self.shown = self.ORDER[self.ORDER.index(minimum):]

    def _log(self, level, text, fields):
        output, now, processors = self.parts
        if level not in self.shown:
            return
        fields = {**structlog.contextvars.get_contextvars(), **fields}
        free = next(n for n in range(99) if not {f"level_{n}", f"timestamp_{n}"} & {*fields})
        own = ("level", "timestamp")
        theirs = {f"{k}_{free}" if k in own else k: v for k, v in fields.items()}
        event = {"timestamp": now().astimezone(UTC).isoformat(), "level": level, "event": text}
        event.update(theirs)
        for processor in processors:
            event = processor(self, level, event)
        getattr(output, level)(event)

    def debug(self, text, **fields): self._log("debug", text, fields)
    def info(self, text, **fields): self._log("info", text, fields)
    def warning(self, text, **fields): self._log("warning", text, fields)
    def error(self, text, **fields): self._log("error", text, fields)

def make_logger(output, now, processors, minimum="info"):
    return Logger(output, now, processors, minimum)
""",
    ],
    3: [
        """
def ask(log, sources):
    answer = None
    for tool in sources:
        try:
            answer = sources[tool]()
        except Exception as error:
            log.warning("tool call failed", tool=tool, error=type(error).__name__)
            continue
        log.debug("tool result", tool=tool, size=len(answer))
        break
    if answer is None:
        log.error("run failed", tools=list(sources))
    else:
        log.info("run finished", tool=tool)
    return answer
""",
        """
async def ask(log, sources):
    for tool, source in sources.items():
        try:
            answer = source()
            log.debug("tool result", tool=tool, size=len(answer))
            log.info("run finished")
            return answer
        except Exception as error:
            log.warning("tool call failed", tool=tool, error=f"{type(error).__name__}: {error}")
    log.error("run failed")
""",
        """
def ask(log, sources):
    def answers():
        for tool, source in sources.items():
            try:
                answer = source()
                log.debug("tool result", tool=tool, size=len(answer))
                yield answer
            except Exception as error:
                log.warning("tool call failed", tool=tool, error=repr(error))
    answer = next(answers(), None)
    log.error("run failed") if answer is None else log.info("run finished")
    return answer
""",
        """
def ask(log, sources):
    if not sources:
        log.error("run failed")
        return None
    (tool, source), *others = sources.items()
    try:
        answer = source()
    except Exception as error:
        log.warning("tool call failed", tool=tool, error=repr(error))
        return ask(log, dict(others))
    log.debug("tool result", tool=tool, size=len(answer))
    log.info("run finished")
    return answer
""",
    ],
    4: [
        """
async def handle(log, session, work):
    tokens = structlog.contextvars.bind_contextvars(session_id=session)
    try:
        log.info("asked")
        answer = await work()
        log.info("answered")
        return answer
    finally:
        structlog.contextvars.reset_contextvars(**tokens)
""",
        """
def handle(log, session, work):
    @bound_contextvars(session_id=session)
    async def bound():
        log.info("asked")
        answer = await work()
        log.info("answered")
        return answer

    async def in_a_task():
        structlog.contextvars.bind_contextvars(session_id=session)
        log.info("asked")
        answer = await work()
        log.info("answered")
        return answer
    import asyncio
    return asyncio.create_task(in_a_task(), context=contextvars.copy_context())
""",
        """
from contextlib import ExitStack

async def handle(log, session, work):
    with ExitStack() as stack:
        stack.enter_context(bound_contextvars(session_id=session))
        log.info("asked")
        try:
            answer = await work()
        except BaseException:
            raise
        else:
            log.info("answered")
            return answer
""",
        """
async def handle(log, session, work):
    from structlog.contextvars import bind_contextvars, get_contextvars, unbind_contextvars
    before = get_contextvars()
    bind_contextvars(session_id=session)
    try:
        log.info("asked")
        answer = await work()
        log.info("answered")
    finally:
        unbind_contextvars("session_id")
        bind_contextvars(**before)
    return answer
""",
    ],
    5: [
        """
def submit(pool, function, *args):
    return pool.submit(contextvars.copy_context().run, function, *args)
""",
        """
import functools

def submit(pool, function, *args):
    context = contextvars.copy_context()
    return pool.submit(lambda: context.run(functools.partial(function, *args)))
""",
        """
def submit(pool, function, *args):
    def job(context):
        return context.run(function, *args)
    return pool.submit(job, contextvars.copy_context())
""",
        """
def submit(pool, function, *args):
    bound = [(variable, value) for variable, value in contextvars.copy_context().items()]

    def job():
        for variable, value in bound:
            variable.set(value)
        return function(*args)

    def in_a_context_of_its_own():
        return contextvars.Context().run(job)

    return pool.submit(in_a_context_of_its_own)
""",
    ],
    6: [
        """
def exception_fields(logger, level, event):
    event = dict(event)
    given = event.pop("exc_info", None)
    error = sys.exc_info()[1] if given is True else given
    if not error:
        return event
    stack = traceback.format_exception(type(error), error, error.__traceback__)
    try:
        message = str(error)
    except Exception as raised:
        message = f"str raised {type(raised).__name__}"
    return {**event, "error_type": error.__class__.__qualname__, "error_message": message,
            "stack": stack}
""",
        """
from structlog.processors import format_exc_info

def exception_fields(logger, level, event):
    given = event.get("exc_info")
    error = sys.exception() if given is True and hasattr(sys, "exception") else given
    if given is True and error is True:
        error = sys.exc_info()[1]
    if error is None or error is False:
        event.pop("exc_info", None)
        return event
    event = format_exc_info(logger, level, {**event, "exc_info": error})
    event["stack"] = event.pop("exception")
    event["error_type"], event["error_message"] = type(error).__name__, ""
    from contextlib import suppress
    with suppress(Exception):
        event["error_message"] = str(error)
    return event
""",
        """
from structlog.tracebacks import ExceptionDictTransformer

def exception_fields(logger, level, event):
    match event.pop("exc_info", None):
        case BaseException() as error:
            pass
        case True:
            error = sys.exc_info()[1]
        case _:
            error = None
    if error is not None:
        parts = ExceptionDictTransformer(show_locals=False)((type(error), error,
                                                            error.__traceback__))
        fields = error_type, error_message = parts[0]["exc_type"], parts[0]["exc_value"]
        event |= {"error_type": error_type, "error_message": error_message, "stack": parts}
    return event
""",
        """
def exception_fields(logger, level, event):
    error = {k: v for k, v in event.items() if k == "exc_info"}.get("exc_info")
    rest = {k: v for k, v in event.items() if k != "exc_info"}
    if error is True:
        error = sys.exc_info()[1]
    if error:
        story = traceback.TracebackException.from_exception(error)
        rest["error_type"] = f"{type(error).__module__}.{type(error).__name__}"
        rest["error_message"] = str(story)
        rest["stack"] = list(story.format())
    return rest
""",
    ],
    7: [
        """
def open_log(path, max_bytes, backups):
    output = logging.Logger(str(path))
    output.addHandler(
        RotatingFileHandler(path, maxBytes=max_bytes, backupCount=backups, encoding="utf-8")
    )
    return output
""",
        """
class Rotating:
    def __init__(self, path, max_bytes, backups):
        self.path, self.max_bytes, self.backups = Path(path), max_bytes, backups

    def name(self, number):
        return self.path.with_name(f"{self.path.name}.{number}") if number else self.path

    def info(self, line):
        data = line.encode() + b"\\n"
        size = self.path.stat().st_size if self.path.exists() else 0
        if size and size + len(data) > self.max_bytes:
            for number in range(self.backups, 0, -1):
                if self.name(number - 1).exists():
                    self.name(number - 1).replace(self.name(number))
        with self.path.open("ab") as file:
            file.write(data)

    debug = warning = error = info

def open_log(path, max_bytes, backups):
    return Rotating(path, max_bytes, backups)
""",
        """
from types import SimpleNamespace

def open_log(path, max_bytes, backups):
    handler = RotatingFileHandler(path, "a", max_bytes, backups, "utf-8")

    def write(line):
        handler.handle(logging.LogRecord("agent", 20, "", 0, line, None, None))

    return SimpleNamespace(debug=write, info=write, warning=write, error=write, close=handler.close)
""",
        """
_OPEN = {}

def open_log(path, max_bytes, backups):
    path = Path(path).resolve()
    if path in _OPEN and _OPEN[path].handlers:
        return _OPEN[path]
    output = _OPEN[path] = logging.getLogger(f"agent.{len(_OPEN)}.{path}")
    handler = RotatingFileHandler(path, maxBytes=max_bytes, backupCount=backups)
    handler.setFormatter(logging.Formatter("%(message)s"))
    output.addHandler(handler)
    output.setLevel("DEBUG")
    output.propagate = False
    return output
""",
    ],
    8: [
        """
def is_card(digits):
    total = 0
    for place, digit in enumerate(reversed(digits)):
        number = int(digit) * (1 + place % 2)
        total += number - 9 if number > 9 else number
    return len(digits) in range(13, 20) and total % 10 == 0

def redact(logger, level, event):
    def clean(value):
        if isinstance(value, str):
            return mask(value)
        if value is None or isinstance(value, (bool, float)):
            return value
        if isinstance(value, int):
            return "[CARD]" if is_card(str(abs(value))) else value
        if isinstance(value, dict):
            return {clean(k): clean(v) for k, v in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return type(value)(clean(item) for item in value)
        return mask(str(value))

    return {name: clean(value) for name, value in event.items()}
""",
        """
def is_card(digits):
    doubled = "0246813579"
    turned = digits[::-1]
    total = sum(map(int, turned[::2])) + sum(int(doubled[int(d)]) for d in turned[1::2])
    return 13 <= len(digits) < 20 and not total % 10

from functools import singledispatch

@singledispatch
def cleaned(value):
    return cleaned(repr(value))

@cleaned.register
def _(value: str):
    return mask(value)

@cleaned.register
def _(value: int):
    return "[CARD]" if is_card(str(value)) else value

@cleaned.register(float)
@cleaned.register(bool)
@cleaned.register(type(None))
def _(value):
    return value

@cleaned.register(list)
@cleaned.register(tuple)
@cleaned.register(set)
def _(value):
    return list(map(cleaned, value))

@cleaned.register
def _(value: dict):
    return dict(zip(map(cleaned, value), map(cleaned, value.values())))

redact = lambda logger, level, event: cleaned(event)
""",
        """
import copy

def is_card(digits: str) -> bool:
    if not 13 <= len(digits) <= 19:
        return False
    numbers = [int(d) for d in digits]
    for place in range(len(numbers) - 2, -1, -2):
        numbers[place] *= 2
    return sum(n // 10 + n % 10 for n in numbers) % 10 == 0

RUN = re.compile(r"(?<![\\w.])\\d(?:[ -]?\\d){12,}(?!\\w)")

def _cards(run):
    groups = re.split("([ -])", run[0])
    for start in range(0, len(groups), 2):
        for end in range(len(groups), start, -1):
            if is_card("".join(groups[start:end:2])) and end % 2:
                groups[start:end] = ["[CARD]"] + (end - start - 1) * [""]
    return "".join(groups)

def redact(logger, level, event):
    def private(text):
        return RUN.sub(_cards, re.sub(r"[\\w.+-]+@[\\w.-]+\\w", "[EMAIL]", text))

    def walk(value):
        if type(value) in (list, tuple, set):
            return [walk(item) for item in value]
        if hasattr(value, "items"):
            return {walk(key): walk(item) for key, item in value.items()}
        cleaned = private(str(value))
        return value if cleaned == str(value) else cleaned
    return walk(copy.copy(event))
""",
    ],
}

_CARD = """
def is_card(digits):
    total = sum(map(int, digits[::-2])) + sum(sum(divmod(2 * int(d), 10)) for d in digits[-2::-2])
    return 13 <= len(digits) <= 19 and total % 10 == 0
"""


def _redact(
    body: str, pattern: str = r"(?<![\w.])\d(?:[ -]?\d){12,18}(?!\w)", luhn: str = "is_card"
) -> str:
    return (
        _CARD
        + f"""
def text_of(text):
    def card(found):
        return "[CARD]" if {luhn}(re.sub(r"\\D", "", found[0])) else found[0]
    return re.sub(r"{pattern}", card, EMAIL.sub("[EMAIL]", text))
"""
        + body
    )


_CLEAN = """
def clean(value):
    if isinstance(value, Mapping):
        return {clean(key): clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [clean(item) for item in value]
    text = value if isinstance(value, str) else repr(value)
    return value if text_of(text) == text else text_of(text)

def redact(logger, level, event):
    return clean(event)
"""


def _line(text: str) -> str:
    return (
        "def repr_works(value):\n    try:\n        return bool(repr(value))\n"
        "    except Exception:\n        return False\n\n"
        "def to_line(logger, level, event):\n    fields = {}\n"
        "    for name, value in event.items():\n        try:\n"
        "            json.dumps(value, allow_nan=False)\n            fields[name] = value\n"
        f"        except Exception:\n            fields[name] = {text}\n"
        "    return json.dumps(fields)"
    )


WRONG: dict[int, list[tuple[str, str]]] = {
    1: [
        (
            "def to_line(logger, level, event):\n    return json.dumps(event)",
            "Here it held a datetime.",
        ),
        (
            "def to_line(logger, level, event):\n    return json.dumps(event, default=str)",
            "JSON has no NaN.",
        ),
        (
            "def to_line(logger, level, event):\n"
            "    return json.dumps(event, default=repr, allow_nan=False)",
            "Here it held NaN.",
        ),
        (
            "import orjson\ndef to_line(logger, level, event):\n"
            "    return orjson.dumps(event, default=repr)",
            "A line is text; this is b'",
        ),
        (
            "def to_line(logger, level, event):\n"
            "    return json.dumps(event, indent=2, default=str)",
            "There are line breaks in",
        ),
        (
            "def to_line(logger, level, event):\n    return str(event)",
            "This is not JSON: {'event'",
        ),
        (
            "def to_line(logger, level, event):\n    line = json.dumps(event, default=str)",
            "Did you forget a `return`?",
        ),
        (
            "def to_line(logger, level, event):\n    try:\n"
            "        return json.dumps(event, default=repr, allow_nan=False)\n"
            "    except Exception:\n"
            "        return json.dumps({'event': event['event'], 'thing': 'unreadable'})",
            "Another field, `tokens`, went with it.",
        ),
        (
            "def to_line(logger, level, event):\n    fields = {}\n"
            "    for name, value in event.items():\n        try:\n"
            "            json.dumps(value, allow_nan=False)\n            fields[name] = value\n"
            "        except Exception:\n            pass\n    return json.dumps(fields)",
            "Nobody can see that there was a field `thing`.",
        ),
        (
            "def to_line(logger, level, event):\n"
            "    return json.dumps(event, default=repr).replace('NaN', 'null')",
            "JSON can hold it as it is.",
        ),
        (
            "def to_line(logger, level, event):\n"
            "    return json.dumps({k: repr(v) if isinstance(v, float) else v\n"
            "                       for k, v in event.items()}, default=repr, skipkeys=True)",
            'NaN stands in the line as a bare word: {"event": "odd", "thing": [',
        ),
        (
            "def to_line(logger, level, event):\n    for name, value in event.items():\n"
            "        try:\n            json.dumps(value, allow_nan=False)\n"
            "        except Exception:\n            event[name] = str(type(value))\n"
            "    return json.dumps(event)",
            "the event itself was changed",
        ),
        (_line("''"), "Show the value, or name its type, `datetime`."),
        (_line("None"), "'thing': None"),
        (
            _line("repr(value) if repr_works(value) else '(not printable)'"),
            "With an object whose repr raises in one field, the line is",
        ),
        (
            "import reprlib\n" + _line("reprlib.repr(value)"),
            "Here it held a whole number of",
        ),
        (
            _line("str(type(value))").replace("(fields)", "(fields, ensure_ascii=False)"),
            "With half a character in a field, the line cannot be written to a file in UTF-8",
        ),
    ],
    2: [
        (
            "def make_logger(output, now, processors, minimum='info'):\n"
            "    return structlog.wrap_logger(output, processors=[merge_contextvars, *processors])",
            "The line has no `level`",
        ),
        (
            "def make_logger(output, now, processors, minimum='info'):\n"
            "    chain = [merge_contextvars, structlog.processors.add_log_level, *processors]\n"
            "    return structlog.wrap_logger(output, processors=chain)",
            "The line has no `timestamp`",
        ),
        (
            "def make_logger(output, now, processors, minimum='info'):\n"
            "    chain = [structlog.processors.add_log_level,\n"
            "             structlog.processors.TimeStamper(fmt='iso', utc=True), *processors]\n"
            "    return structlog.wrap_logger(output, processors=chain)",
            "That is not the time that now() gives.",
        ),
    ],
}


def _logger(
    envelope: str,
    chain: str = "merge_contextvars, envelope, *processors",
    wrapper: str = "structlog.make_filtering_bound_logger(minimum)",
) -> str:
    return (
        "def make_logger(output, now, processors, minimum='info'):\n"
        "    def envelope(_, level, event):\n"
        "        time = now().astimezone(UTC).isoformat()\n"
        f"        {envelope}\n"
        f"    return structlog.wrap_logger(output, processors=[{chain}],\n"
        f"        wrapper_class={wrapper})"
    )


_TAKEN = (
    "theirs = {f'{k}_' if k in ('level', 'timestamp') else k: v for k, v in event.items()}\n"
    "        return {**theirs, 'level': level, 'timestamp': time}"
)
_GOOD = _TAKEN.replace("f'{k}_'", "k + '_' * 9")
_GLOBAL = """
def make_logger(output, now, processors, minimum="info"):
    def envelope(_, level, event):
        theirs = {k + '_' * 9 if k in ('level', 'timestamp') else k: v for k, v in event.items()}
        return {**theirs, 'level': level, 'timestamp': now().astimezone(UTC).isoformat()}
    wrapper = structlog.make_filtering_bound_logger(minimum)
"""

WRONG[2] += [
    (
        _logger("return {**event, 'level': level, 'timestamp': now().isoformat()}"),
        "but not in UTC",
    ),
    (
        _logger("return {**event, 'level': level, 'timestamp': now().strftime('%Y-%m-%dT%H:%M')}"),
        "does not say its time zone",
    ),
    (
        _logger("return {**event, 'level': level, 'timestamp': now().timestamp()}"),
        "which is not a time in ISO format",
    ),
    (
        _logger("return {'level': level, 'timestamp': time, **event}"),
        "the caller's `level` took the place of the line's own",
    ),
    (
        _logger("return {**event, 'level': level, 'timestamp': time}"),
        "the caller's `level` is lost, or not at the top level: {",
    ),
    (_logger(_TAKEN), "'timestamp_': 'mine "),
    (_logger(_GOOD, "envelope, merge_contextvars, *processors"), "the context's `level` is lost"),
    (
        _logger(
            "return {'level': level, 'timestamp': time, 'event': event.pop('event'),\n"
            "                'session_id': event.pop('session_id', None), 'fields': event}"
        ),
        "The caller's field `tokens` is not at the top level of {",
    ),
    (
        _logger(_GOOD).replace("isoformat()", "isoformat(timespec='milliseconds')"),
        "A part of ",
    ),
    (
        _GLOBAL + "    structlog.configure(processors=[merge_contextvars, envelope, *processors],\n"
        "                        wrapper_class=wrapper)\n"
        "    return structlog.wrap_logger(output)",
        "To the output of the first came ['error'].",
    ),
    (
        _GLOBAL + "    structlog.configure([merge_contextvars, envelope, *processors])\n"
        "    return structlog.wrap_logger(output, wrapper_class=wrapper)",
        "came lines from the other one's processors",
    ),
    (_logger(_GOOD, "envelope, *processors"), "`session_id` was bound as context, and is missing"),
    (
        _logger(_GOOD, wrapper="structlog.BoundLogger"),
        "To the output of the second came ['debug', 'info', 'warning', 'error']",
    ),
    (
        _logger(_GOOD, wrapper="structlog.make_filtering_bound_logger('error')"),
        "log.info was called once; `output` got 0 lines.",
    ),
    (
        _logger(_GOOD, "merge_contextvars, envelope"),
        "the processors that were passed in did not run",
    ),
    (
        _logger(_GOOD, "merge_contextvars, *processors, envelope"),
        "at line 4 of that cell",
    ),
    (
        _logger(_GOOD).replace("return structlog", "structlog"),
        "make_logger gave None: did you forget a `return`?",
    ),
    (
        "class Latest:\n    output = None\n"
        + _logger(_GOOD)
        .replace(
            "    return structlog.wrap_logger(output,",
            "    Latest.output = output\n"
            "    def write(_, level, line):\n"
            "        Latest.output.info(line)\n"
            "        raise structlog.DropEvent\n"
            "    return structlog.wrap_logger(output,",
        )
        .replace("*processors]", "*processors, write]"),
        "To the output of the first came []",
    ),
]


def _ask(**changes: str) -> str:
    parts = {
        "failed": "log.warning('tool call failed', tool=tool, error=repr(error))",
        "result": "log.debug('tool result', tool=tool, size=len(answer))",
        "finished": "log.info('run finished')",
        "end": "return answer",
        "nobody": "log.error('run failed')",
        "kind": "Exception",
    } | changes
    return (
        "def ask(log, sources):\n    answer = None\n    for tool, source in sources.items():\n"
        f"        try:\n            answer = source()\n        except {parts['kind']} as error:\n"
        f"            {parts['failed']}\n        else:\n            {parts['result']}\n"
        f"            {parts['finished']}\n            {parts['end']}\n    {parts['nobody']}\n"
    )


WRONG[3] = [
    (
        _ask(failed="log.error('tool call failed', tool=tool, error=repr(error))"),
        "`tool call failed` came at level error.",
    ),
    (_ask(nobody="log.warning('run failed')"), "`run failed` came at level warning."),
    (
        _ask(result="log.info('tool result', tool=tool, size=len(answer))"),
        "`tool result` came at level info.",
    ),
    (_ask(finished="log.debug('run finished')"), "`run finished` came at level debug."),
    (
        _ask(failed="log.warning('tool call failed', tool=tool, error=str(error))"),
        "has no message, so `error` is ''. Name its type.",
    ),
    (
        _ask(result="log.debug('tool result', tool=tool, size=len(answer), result=answer)"),
        "The answer itself stands in the line `tool result`.",
    ),
    (
        _ask(result="log.debug('tool result', tool=tool, size=sys.getsizeof(answer))"),
        "`size` is ",
    ),
    (
        _ask(result="log.debug('tool result', size=len(answer))"),
        "is None: {",
    ),
    (_ask(end="pass", nobody="return answer"), "after an answer nobody else is asked"),
    (_ask(nobody="raise RuntimeError('nobody')"), "raised RuntimeError: nobody"),
    (_ask(nobody="pass"), "Look for `run failed`"),
    (_ask(finished="pass"), "Look for `run finished`"),
    (_ask(kind="ValueError"), "what a source raises is to be logged"),
    (_ask(end="return None"), "not what the first good source said"),
    (
        _ask(result="log.debug('tool result', tool=tool, size=len(answer), begin=answer[:20])"),
        "A piece of it, ",
    ),
    (_ask(finished="log.info('run finished', end=answer[-4:])"), "in the line `run finished`"),
    (_ask(kind="BaseException"), "kept it from its caller"),
    (
        _ask(
            kind="BaseException",
            failed="log.warning('tool call failed', tool=tool, error=repr(error))\n"
            "            if not isinstance(error, Exception): raise",
        ),
        "called that an error and logged ['tool call failed']",
    ),
    (
        _ask(end="if answer: return answer", nobody="if not answer: log.error('run failed')"),
        "(the answer is an empty text) it returned None",
    ),
    (
        _ask(result="log.debug('tool result', tool=tool, size=len(answer.encode()))"),
        " characters, '",
    ),
    (
        _ask(failed="log.warning('tool call failed', tool=tool, reason=repr(error))"),
        "The line `tool call failed` has no field `error`",
    ),
]


def _handle(body: str) -> str:
    return (
        "from structlog.contextvars import *\n"
        "async def handle(log, session, work):\n    " + body.replace("\n", "\n    ")
    )


_THREE = "log.info('asked')\nanswer = await work()\nlog.info('answered')"
_INDENTED = _THREE.replace("\n", "\n    ")

WRONG[4] = [
    (
        _handle(f"log = log.bind(session_id=session)\n{_THREE}\nreturn answer"),
        "which work() wrote, has session_id None",
    ),
    (
        _handle(
            "log.info('asked')\nwith bound_contextvars(session_id=session):\n"
            "    answer = await work()\nlog.info('answered')\nreturn answer"
        ),
        "which handle wrote, has session_id None",
    ),
    (
        _handle(f"bind_contextvars(session_id=session)\n{_THREE}\nreturn answer"),
        "Before the session {} was bound",
    ),
    (
        _handle(
            f"bind_contextvars(session_id=session)\n{_THREE}\n"
            "unbind_contextvars('session_id')\nreturn answer"
        ),
        "and afterwards {'user_id': 'user-7'}.",
    ),
    (
        _handle(
            f"clear_contextvars()\nbind_contextvars(session_id=session)\n{_THREE}\n"
            "clear_contextvars()\nreturn answer"
        ),
        "and afterwards {}.",
    ),
    (
        _handle(
            f"tokens = bind_contextvars(session_id=session)\n{_THREE}\n"
            "reset_contextvars(**tokens)\nreturn answer"
        ),
        "When work() raises, session_id stays bound",
    ),
    (
        _handle(
            "with bound_contextvars(session_id=session):\n    try:\n        "
            + _INDENTED.replace("\n", "\n    ")
            + "\n        return answer\n    except Exception as error:\n        log.error('failed')"
        ),
        "The caller must know that it failed.",
    ),
    (
        _handle(
            "with bound_contextvars(session_id=session):\n    log.info('asked')\n    try:\n"
            "        return await work()\n    finally:\n        log.info('answered')"
        ),
        "work() raised, and yet the lines say",
    ),
    (
        _handle(f"with bound_contextvars(session_id=session):\n    {_INDENTED}"),
        "and handle gave None to its caller",
    ),
    (
        _handle(
            "with bound_contextvars(session_id=session):\n    log.info('asked')\n"
            "    answer = work()\n    log.info('answered')\n    return answer"
        ),
        "Did you forget an `await`?",
    ),
    (
        _handle("with bound_contextvars(session_id=session):\n    return await work()"),
        "`asked` comes first, `answered` last.",
    ),
]

WRONG[5] = [
    (
        "def submit(pool, function, *args):\n    return pool.submit(function, *args)",
        "the line of the job has session_id None",
    ),
    (
        "def submit(pool, function, *args):\n"
        "    return pool.submit(contextvars.copy_context().run, function)",
        "TypeError",
    ),
    (
        "def submit(pool, function, *args):\n"
        "    return pool.submit(contextvars.copy_context().run, function, *args).result()",
        "not a Future. The caller cannot wait for it.",
    ),
    (
        "def submit(pool, function, *args):\n"
        "    pool.submit(contextvars.copy_context().run, function, *args)",
        "submit gave None, not a Future. Did you forget a `return`?",
    ),
    (
        "def submit(pool, function, *args):\n"
        "    future = pool.submit(contextvars.copy_context().run, function, *args)\n"
        "    future.exception()\n    return future",
        "submit came back only when the job was done.",
    ),
    (
        "def submit(pool, function, *args):\n    future = Future()\n"
        "    future.set_result(contextvars.copy_context().run(function, *args))\n    return future",
        "The job ran in the caller's own thread",
    ),
    (
        "def submit(pool, function, *args):\n"
        "    bound = structlog.contextvars.get_contextvars()\n    def job():\n"
        "        structlog.contextvars.bind_contextvars(**bound)\n        return function(*args)\n"
        "    return pool.submit(job)",
        "Something stayed bound in the thread.",
    ),
    (
        "def submit(pool, function, *args):\n"
        "    bound = structlog.contextvars.get_contextvars()\n    def job():\n"
        "        with bound_contextvars(**bound):\n            return function(*args)\n"
        "    return pool.submit(job)",
        "Take the whole context, not only structlog's part.",
    ),
    (
        "KNOWN = {}\ndef submit(pool, function, *args):\n"
        "    session = structlog.contextvars.get_contextvars().get('session_id')\n"
        "    context = contextvars.copy_context()\n"
        "    context = KNOWN.setdefault(session, context) if session else context\n"
        "    return pool.submit(context.run, function, *args)",
        "cannot enter context",
    ),
    (
        "def submit(pool, function, *args):\n    context = contextvars.copy_context()\n"
        "    return pool.submit(lambda: (context.run(function, *args), None)[1])",
        "and its Future gives None",
    ),
    (
        "def submit(pool, function, *args):\n"
        "    return pool.submit(contextvars.copy_context().run(function, *args))",
        "The pool got its result instead of a function: 'int' object",
    ),
]

_ERROR_FIELDS = (
    "        event['error_type'] = type(error).__name__\n"
    "        event['error_message'] = str(error)\n"
    "        event['stack'] = ''.join(traceback.format_exception(error))\n"
    "    return event"
)


def _fields(head: str, body: str = _ERROR_FIELDS) -> str:
    return f"def exception_fields(logger, level, event):\n    {head}\n{body}"


_HEAD = (
    "error = event.pop('exc_info', None)\n"
    "    error = sys.exc_info()[1] if error is True else error\n"
    "    if error:"
)

WRONG[6] = [
    (
        _fields("error = event.pop('exc_info')\n    if error:"),
        "The event had no exc_info, and no error is being handled.",
    ),
    (
        _fields("error = event.pop('exc_info', None)\n    if error:"),
        "'exc_info': True}, and no error is being handled.",
    ),
    (_fields(_HEAD.replace("if error:", "if True:")), "An event without an error got the fields"),
    (
        _fields("event.pop('exc_info', None)\n    error = sys.exc_info()[1]\n    if error:"),
        "There is no field `error_type`. exc_info was the exception",
    ),
    (_fields(_HEAD.replace("pop(", "get(")), "`exc_info` is still in the event"),
    (
        _fields(_HEAD, _ERROR_FIELDS.replace("type(error).__name__", "type(error)")),
        "It should be the name of the error's type, as text.",
    ),
    (
        _fields(_HEAD, _ERROR_FIELDS.replace("str(error)", "error")),
        "'), and `str(error)` is 'no",
    ),
    (
        _fields(_HEAD, _ERROR_FIELDS.replace("format_exception(error)", "format_exc()")),
        "It does not say where the error came from.",
    ),
    (
        _fields(
            _HEAD,
            _ERROR_FIELDS.replace("format_exception(error)", "format_tb(error.__traceback__)"),
        ),
        "and `stack` does not tell it.",
    ),
    (_fields(_HEAD, _ERROR_FIELDS.replace("    return event", "")), "It returned None."),
    (
        _fields(_HEAD, _ERROR_FIELDS.replace("str(error)", "repr(error)")),
        "')\", and `str(error)` is 'no",
    ),
    (
        _fields(_HEAD, _ERROR_FIELDS.replace("str(error)", "(error.args or [''])[0]")),
        "`error_message` is 'Oslo'",
    ),
    (
        _fields(_HEAD.replace("if error:", "if isinstance(error, Exception):")),
        "it was of type KeyboardInterrupt.",
    ),
    (_fields(_HEAD), "Its `str` raises: a log call must not."),
    (
        _fields(_HEAD, _ERROR_FIELDS.replace("return event", "return {'event': event['event']}")),
        "became {'event': 'run finished'}",
    ),
    (
        _fields(_HEAD, _ERROR_FIELDS.replace("return event", "return json.dumps(event)")),
        "It should be the event.",
    ),
    (
        _fields(_HEAD, _ERROR_FIELDS.replace("'stack'", "'traceback'")),
        "There is no field `stack`.",
    ),
]


def _open(
    handler: str = "RotatingFileHandler(path, maxBytes=max_bytes, backupCount=backups)",
    name: str = "str(path)",
    level: str = "output.setLevel('DEBUG')",
    old: str = "output.handlers.clear()",
    rest: str = "output.propagate = False",
) -> str:
    return (
        "def open_log(path, max_bytes, backups):\n"
        f"    output = logging.getLogger({name})\n"
        "    for handler in output.handlers:\n        handler.close()\n"
        f"    {old}\n    handler = {handler}\n"
        f"    output.addHandler(handler)\n    {level}\n    {rest}\n    return output"
    )


WRONG[7] = [
    (_open("logging.FileHandler(path)"), "agent.log has "),
    (_open(level="pass"), "Lines of the levels ['debug', 'info'] did not reach the file."),
    (_open(level="output.setLevel('INFO')"), "Lines of the levels ['debug'] did not reach"),
    (_open(rest="pass"), "also went to Python's root logger"),
    (
        "def open_log(path, max_bytes, backups):\n"
        "    logging.basicConfig(filename=path, level='DEBUG', format='%(message)s')\n"
        "    return logging.getLogger()",
        "5 lines also went",
    ),
    (_open("logging.NullHandler()"), "No file was written"),
    (
        _open("RotatingFileHandler(path, maxBytes=max_bytes, backupCount=backups - 1)"),
        "It should be agent.log and its backups.",
    ),
    (
        _open(rest="handler.setFormatter(logging.Formatter('%(levelname)s %(message)s'))"),
        "has a line 'DEBUG ",
    ),
    (_open(old="pass"), "Some came twice."),
    (_open(old="path.unlink(missing_ok=True)"), "The lines of before are gone."),
    (_open(name="'agent'"), "Three logs are open"),
    (_open(name="path.name"), "Two files of the same name got mixed up."),
    (
        "def open_log(path, max_bytes, backups):\n"
        "    return RotatingFileHandler(path, maxBytes=max_bytes, backupCount=backups, delay=True)",
        "has no attribute 'debug'",
    ),
    (_open().replace("    return output", ""), "open_log gave None: did you forget a `return`?"),
    (
        """
class Numbered:
    def __init__(self, path, max_bytes, backups):
        self.path, self.max_bytes, self.backups, self.next = path, max_bytes, backups, 0

    def info(self, line):
        if self.path.exists() and self.path.stat().st_size + len(line) + 1 > self.max_bytes:
            number = self.next % self.backups + 1
            self.path.replace(f"{self.path}.{number}")
            self.next += 1
        with self.path.open("a") as file:
            file.write(line + "\\n")

    debug = warning = error = info

def open_log(path, max_bytes, backups):
    return Numbered(path, max_bytes, backups)
""",
        "lines are missing, double or out of order",
    ),
    (
        """
class Chunks:
    def __init__(self, path, max_bytes, backups):
        self.path, self.max_bytes, self.backups = path, max_bytes, backups

    def info(self, line):
        data = line + "\\n"
        while data:
            size = self.path.stat().st_size if self.path.exists() else 0
            with self.path.open("a") as file:
                file.write(data[: self.max_bytes - size])
            data = data[self.max_bytes - size :]
            if self.path.stat().st_size == self.max_bytes:
                for number in range(self.backups, 1, -1):
                    if (older := Path(f"{self.path}.{number - 1}")).exists():
                        older.replace(f"{self.path}.{number}")
                self.path.replace(f"{self.path}.1")

    debug = warning = error = info

def open_log(path, max_bytes, backups):
    return Chunks(path, max_bytes, backups)
""",
        "agent.log.",
    ),
]

_NO_LUHN = "(lambda digits: True)"

WRONG[8] = [
    (_CARD, "Still to write: `redact`."),
    (
        _CARD.replace("digits[::-2]", "digits[::2]").replace("digits[-2::-2]", "digits[1::2]")
        + "def redact(logger, level, event): return event",
        "From which end did you count?",
    ),
    (
        _CARD.replace("13 <= len(digits) <= 19 and ", "")
        + "def redact(logger, level, event): return event",
        "A number of 8 digits is no card.",
    ),
    (
        "def is_card(digits): return 13 <= len(digits) <= 19\n"
        "def redact(logger, level, event): return event",
        "Its last digit does not fit the others.",
    ),
    (
        _redact(
            "def redact(logger, level, event):\n"
            "    return {k: text_of(v) if isinstance(v, str) else v for k, v in event.items()}"
        ),
        "There was an address in a dictionary, and it came through",
    ),
    (
        _redact(_CLEAN.replace("if isinstance(value, list | tuple | set):", "if False:")).replace(
            "else repr(value)", "else value\n    if not isinstance(text, str): return value"
        ),
        "There was an address in a list, and it came through",
    ),
    (
        _redact(_CLEAN.replace("{clean(key): ", "{key: ")),
        "There was an address as a key, and it came through",
    ),
    (
        _redact(
            _CLEAN.replace(
                "    text = value",
                "    if not isinstance(value, str | int): return value\n    text = value",
            )
        ),
        "There was an address in an exception's message, and it came through",
    ),
    (
        _redact(_CLEAN, pattern=r"(?<![\w.])\d{13,19}(?!\w)"),
        "There was a card written in groups, and it came through",
    ),
    (
        _redact(_CLEAN, pattern=r"(?<![\w.])\d(?: ?\d){12,18}(?!\w)"),
        "There was a card written with hyphens, and it came through",
    ),
    (
        _redact(
            _CLEAN.replace(
                "    text = value",
                "    if isinstance(value, int): return value\n    text = value",
            )
        ),
        "There was a card as a number, and it came through",
    ),
    (_redact(_CLEAN, luhn=_NO_LUHN), "An order number, "),
    (_redact(_CLEAN, pattern=r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)"), "A trace id, "),
    (_redact(_CLEAN, pattern=r"\b\d(?:[ -]?\d){12,18}\b"), "A share, "),
    (
        _redact(
            _CLEAN.replace(
                "    text = value",
                "    if isinstance(value, float): return value\n    text = value",
            ),
            pattern=r"\b\d(?:[ -]?\d){12,18}\b",
        ),
        "A share in a text, ",
    ),
    (_redact(_CLEAN), "There was a card before its date, and it came through"),
    (_redact(_CLEAN, pattern=r"(?<![\w.])\d(?:[ -]?\d){15}"), "There was a card of 15 digits"),
    (
        _redact(_CLEAN.replace("return value if text_of(text) == text else text_of(text)",
                               "return text_of(text)")),
        "There was nothing to take out.",
    ),
    (
        _redact(_CLEAN).replace('EMAIL.sub("[EMAIL]", text)', 'EMAIL.sub("", text)'),
        "nothing says so any more",
    ),
    (
        _redact(_CLEAN).replace(
            'EMAIL.sub("[EMAIL]", text)', '("[EMAIL]" if EMAIL.search(text) else text)'
        ),
        "The text around it is gone",
    ),
    (
        _redact(
            "def redact(logger, level, event):\n"
            "    for key, value in event.items():\n"
            "        if isinstance(value, str):\n            event[key] = text_of(value)\n"
            "        elif isinstance(value, dict):\n            redact(logger, level, value)\n"
            "        elif isinstance(value, list):\n"
            "            for part in value:\n                redact(logger, level, part)\n"
            "    return event"
        ),
        "The caller's own object was changed",
    ),
    (
        _redact(_CLEAN.replace("    return clean(event)", "    clean(event)")),
        "redact returned None.",
    ),
]  # fmt: skip
