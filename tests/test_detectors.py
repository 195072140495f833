"""Detectors: each finds its fault in real telemetry, and stays silent on healthy runs."""

import asyncio
import contextlib

import pytest

import obs_helpers
from obs_helpers import Session, Store, Telemetry, VirtualClock
from obs_helpers import conventions as c
from obs_helpers.agent.errors import AgentError
from obs_helpers.insight.detectors import DETECTORS, detect
from obs_helpers.schema import TABLES

QUERY = "Compare the weather in Oslo and Rome, please."


@pytest.fixture
def obs() -> Telemetry:
    return obs_helpers.start(clock=VirtualClock(), seed=4)


def run_with(obs: Telemetry, faults_on: dict[str, float], runs: int = 1) -> None:
    agent, faults = obs_helpers.travel_desk(obs.clock)
    obs_helpers.instrument(agent, obs)
    for name, rate in faults_on.items():
        faults.set(name, rate)

    async def go() -> None:
        for number in range(runs):
            with contextlib.suppress(AgentError):
                await agent.process(QUERY, Session(f"s-{number}"))

    asyncio.run(go())


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ("loop", {"repeated_tool_call", "step_limit"}),
        ("tool_error", {"tool_error_ignored"}),
        ("wrong_arguments", {"tool_error_ignored"}),
        ("empty_result", {"empty_result"}),
    ],
)
def test_a_fault_is_found(obs: Telemetry, fault: str, found: set[str]) -> None:
    """By what the agent did, not by what anybody said."""
    run_with(obs, {fault: 1.0})
    assert set(detect()["detector"]) == found


def test_a_prompt_that_grew_is_found(obs: Telemetry) -> None:
    """One prompt of a run is bloated and another is not."""
    run_with(obs, {"prompt_bloat": 0.5}, runs=10)
    found = detect()
    assert set(found["detector"]) == {"context_growth"}
    assert found["finding"].str.match(r"prompt of 6\d{3} tokens, the smallest has \d{3}").all()


def test_healthy_runs_are_not_suspicious(obs: Telemetry) -> None:
    """No finding at all in a hundred of them."""
    run_with(obs, {}, runs=100)
    assert detect().empty


def test_an_empty_store_has_no_findings() -> None:
    """The columns are there all the same."""
    found = detect(store=Store())
    assert found.columns.tolist() == ["detector", "finding", "trace_id", "span_id"]
    assert found.empty


def rows(*spans: dict[str, object]) -> Store:
    store = Store()
    for number, span in enumerate(spans):
        row: dict[str, object] = {
            "trace_id": "t", "span_id": f"s{number}", "name": "x", "status": "UNSET",
            "start_time": number * 10, "end_time": number * 10 + 5, "attributes": "{}", **span,
        }  # fmt: skip
        store.append("spans", [tuple(row.get(column) for column in TABLES["spans"])])
    return store


RUN = {"operation": c.INVOKE_AGENT, "name": "run"}
FAILED = {"operation": c.CHAT, "name": "chat m", "status": "ERROR", "parent_id": "s0"}


@pytest.mark.parametrize(("failures", "storms"), [(2, 0), (3, 1), (6, 1)])
def test_a_retry_storm_is_three_failures_of_one_call(failures: int, storms: int) -> None:
    """Twice is a retry."""
    found = detect(store=rows(RUN, *[FAILED] * failures))
    assert found["detector"].tolist() == ["retry_storm"] * storms


@pytest.mark.parametrize(("reason", "cut"), [("stop", 0), ("length", 1), ("max_tokens", 1)])
def test_an_answer_that_was_cut_is_found(reason: str, cut: int) -> None:
    """By its finish reason, whatever the provider calls it."""
    chat = {"operation": c.CHAT, "attributes": f'{{"{c.FINISH_REASONS}": ["{reason}"]}}'}
    assert len(detect(store=rows(RUN, chat))) == cut


def test_a_tool_error_that_a_second_try_mended_is_not_ignored() -> None:
    """The run is a success, and rightly so."""
    bad = {"operation": c.EXECUTE_TOOL, "tool": "a", "status": "ERROR"}
    good = {"operation": c.EXECUTE_TOOL, "tool": "a"}
    assert detect(store=rows(RUN, bad, good)).empty
    assert len(detect(store=rows(RUN, bad, {**good, "tool": "b"}))) == 1
    assert detect(store=rows({**RUN, "status": "ERROR"}, bad)).empty


def test_one_trace_can_be_asked_about_alone() -> None:
    """Findings of other traces stay out."""
    store = rows(RUN, *[FAILED] * 3, *[{**FAILED, "trace_id": "u"}] * 3)
    assert detect("u", store)["trace_id"].tolist() == ["u"]
    assert len(detect(store=store)) == 2


@pytest.mark.parametrize("name", DETECTORS)
def test_every_detector_says_what_it_means(name: str) -> None:
    """In a sentence that a learner can read."""
    assert len(DETECTORS[name].meaning.split()) >= 6
