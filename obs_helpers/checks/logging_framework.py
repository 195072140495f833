"""Exercise 1: build a logging framework. Its steps, with their checks and hints."""

from obs_helpers.checks import answers_1
from obs_helpers.checks.exercise import Exercise, Step
from obs_helpers.checks.logging_context import check_handle, check_submit
from obs_helpers.checks.logging_files import check_open_log
from obs_helpers.checks.logging_lines import check_make_logger, check_to_line
from obs_helpers.checks.logging_outcomes import check_ask, check_exception_fields
from obs_helpers.checks.logging_privacy import check_redact

STEPS = (
    Step(
        "one line of JSON",
        ("to_line",),
        check_to_line,
        (
            "Look at one field at a time: which kind of value can JSON not hold? And what "
            "happens to the other fields when one of them is of that kind?",
            "`json.dumps` takes `default=`, a function for objects it does not know, and "
            "`allow_nan=False`, which raises where it would write NaN. Try each value by itself, "
            "and put a text in its place when that raises. The text is `repr(value)`; where that "
            "raises, too, `type(value).__name__` is left.",
            "def text_of(value):\n"
            "    …  # repr(value); if that raises, the name of the type\n\n"
            "for name, value in event.items():\n"
            "    try:\n"
            "        json.dumps(value, default=text_of, …)     # only to see whether it raises\n"
            "        fields[name] = value\n"
            "    except Exception:\n"
            "        fields[name] = …\n"
            "return json.dumps(fields, default=text_of)",
        ),
        "Every event is one line that any tool can parse, and no log call breaks the agent.",
    ),
    Step(
        "a logger with levels",
        ("make_logger",),
        check_make_logger,
        (
            "Compare your line with the list above the cell, field by field. Then log a field "
            "named `level` yourself, and look for both values.",
            "Write one processor of your own that builds the dictionary anew: your fields, and "
            "the caller's under another name where they collide. In front of it belongs "
            "structlog's processor that merges context variables; behind it come the processors "
            "you were given. `structlog.make_filtering_bound_logger(minimum)` makes a class that "
            "drops what is below a level. `structlog.configure` would change all loggers: give "
            "everything to `structlog.wrap_logger`.",
            "def envelope(_, level, event):\n"
            "    for name in ('timestamp', 'level'):\n"
            "        if name in event:\n"
            "            …  # find a free name: add '_' while it is in event\n"
            "            event[…] = event.pop(name)\n"
            "    return {'timestamp': …, 'level': level, **event}\n\n"
            "return structlog.wrap_logger(\n"
            "    output,\n"
            "    processors=[…, envelope, *processors],\n"
            "    wrapper_class=structlog.make_filtering_bound_logger(…),\n"
            ")",
        ),
        "Each line says when and how much it matters, and nobody can forge that by accident.",
    ),
    Step(
        "the level of an outcome",
        ("ask",),
        check_ask,
        (
            "Ask of each event: did the request fail, or only one call in it? The table of "
            "levels in section 2 of the lesson has one row for each event here.",
            "A loop over the sources with try, except and else. After the first answer the "
            "function returns, so what stands behind the loop happens only if nobody answered. "
            "Some errors have no message: name the type. `except Exception` leaves alone what "
            "means *stop*.",
            "for tool, source in sources.items():\n"
            "    try:\n"
            "        answer = source()\n"
            "    except Exception as error:\n"
            "        log.…('tool call failed', tool=tool, error=…)\n"
            "    else:\n"
            "        …  # two lines, then return\n"
            "log.…('run failed')",
        ),
        "How many calls failed, and how many requests: two numbers, and only one wakes you up.",
    ),
    Step(
        "context in tasks",
        ("handle",),
        check_handle,
        (
            "The lines inside `work()` come from code that does not know your session. And what "
            "is bound in the line after `handle` has ended, or has failed?",
            "structlog has a context manager that binds fields for the length of a block, and "
            "afterwards puts back what was there before. Within it: a line, the work, a line.",
            "with bound_contextvars(…):\n"
            "    log.info('asked')\n"
            "    answer = … work()\n"
            "    log.info('answered')\n"
            "    …",
        ),
        "Which lines belong to one session, although many sessions run side by side.",
    ),
    Step(
        "context in threads",
        ("submit",),
        check_submit,
        (
            "A thread of a pool begins with an empty context, and serves many callers one after "
            "another. When is the right moment to look at the context: at the call, or in the "
            "thread?",
            "`contextvars.copy_context()` returns a copy of the whole context. Such a copy has a "
            "method `run`, which calls a function within it. Each job needs a copy of its own.",
            "context = …\nreturn pool.submit(context.…, function, …)",
        ),
        "Lines from threads carry their session too, and no thread keeps another's.",
    ),
    Step(
        "errors as fields",
        ("exception_fields",),
        check_exception_fields,
        (
            "`exc_info` comes in three kinds: nothing at all, True, or an exception. What do you "
            "know in each case, and what must the event look like afterwards?",
            "`sys.exc_info()[1]` is the exception that is being handled just now, or None. All "
            "exceptions, `KeyboardInterrupt` too, are instances of `BaseException`. "
            "`traceback.format_exception(error)` gives the lines of the whole story, causes "
            "included, for any exception, also after its except block.",
            "error = event.pop('exc_info', None)\n"
            "if error is True:\n"
            "    error = …\n"
            "if isinstance(error, BaseException):\n"
            "    event['error_type'] = …\n"
            "    event['error_message'] = …  # in a try of its own: str may raise\n"
            "    event['stack'] = ''.join(…)\n"
            "return …",
        ),
        "Which types of errors occur how often, and where each one came from.",
    ),
    Step(
        "rotation",
        ("open_log",),
        check_open_log,
        (
            "Open a small log, write thirty lines at all levels, and look into the folder: which "
            "files are there, and which lines? Then run your cell once more and write again.",
            "`RotatingFileHandler` has arguments for the size and for the number of old files; "
            "give them by name. A logger of Python's `logging` needs a name that is made of the "
            "whole path, a level that lets everything through, no propagation to the root logger, "
            "and no handler left from an earlier call.",
            "output = logging.getLogger(f'log of {path}')\n"
            "for old in output.handlers[:]:\n"
            "    …\n"
            "output.addHandler(RotatingFileHandler(path, maxBytes=…, …, encoding='utf-8'))\n"
            "output.setLevel(…)\n"
            "output.propagate = …\n"
            "return output",
        ),
        "What happened most recently, on a disk that never fills up.",
    ),
    Step(
        "challenge, personal data",
        ("is_card", "redact"),
        check_redact,
        (
            "Personal data hides in dictionaries in lists, in keys, in numbers and in "
            "exceptions. Which of these has parts, and what do you do with a value without parts?",
            "`is_card`: `digits[-2::-2]` are the digits to double, `digits[::-2]` the others; do "
            "not forget how many there may be. `redact`: an inner function that calls itself for "
            "the parts of dictionaries and lists and returns new ones. For any other value, `mask` "
            "its text, and keep the value itself if there was nothing to replace.",
            "def clean(value):\n"
            "    if isinstance(value, Mapping):\n"
            "        return {clean(key): … for key, item in value.items()}\n"
            "    if isinstance(value, list | set):\n"
            "        return […]\n"
            "    …  # a tuple stays one: it may be a key\n"
            "    text = value if isinstance(value, str) else repr(value)\n"
            "    masked = …\n"
            "    return value if masked == text else …",
        ),
        "Whether an address or a card was logged: it was not, wherever it stood.",
    ),
)

exercise = Exercise("01-logging-framework", STEPS, vars(answers_1))
