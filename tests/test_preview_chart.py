"""The drawn preview: a picture with words that say when the rule would have fired."""

from obs_helpers.alerting.rule_tests import run_rule
from obs_helpers.alerting.rules import AlertRule
from obs_helpers.views.preview_chart import preview_chart

HIGH = AlertRule("High", "error_rate > 5%", for_="1m", keep_firing_for="1m")
PNG = b"\x89PNG"


def test_the_words_say_when_it_fires() -> None:
    """Who cannot see the picture reads the same times."""
    chart = preview_chart(run_rule(HIGH, "50ok x2, 50err x3, 50ok x9"))
    assert chart.alt == "High, error_rate > 5%: fires 1 times: 00:04 to 00:11."
    assert chart.png.startswith(PNG)


def test_a_rule_that_still_fires_and_one_that_never_does() -> None:
    """Both have words of their own."""
    assert "00:02 to the end" in preview_chart(run_rule(HIGH, "50err x4")).alt
    assert preview_chart(run_rule(HIGH, "50ok x4")).alt.endswith("fires 0 times: never.")


def test_no_data_is_a_gap_and_no_error() -> None:
    """Nothing is drawn as 0."""
    assert preview_chart(run_rule(HIGH, "_ x5")).png.startswith(PNG)


def test_several_alerts_of_one_rule_are_one_chart() -> None:
    """Any of them that fires is shown."""
    tools = AlertRule("Tools", "tool_success_rate < 90%", by=("tool",), min_samples=1)
    chart = preview_chart(run_rule(tools, "5ok:a 5err:b x2, 5ok:a 5ok:b x9"))
    assert "fires 1 times: 00:01 to 00:07" in chart.alt
