"""Questions of the lesson: every option has a reply of its own, and nothing gives it away."""

import re

import pytest

from obs_helpers.checks.recall import QUESTIONS, Question, Recall, recall

ALL = [question for questions in QUESTIONS.values() for question in questions]


@pytest.mark.parametrize("section", QUESTIONS)
def test_a_section_has_two_questions_of_three_options(section: int) -> None:
    questions = recall(section).questions
    assert len(questions) == 2
    assert [len(question.options) for question in questions] == [3, 3]


def test_each_option_explains_itself_and_one_of_three_is_right() -> None:
    for question in ALL:
        replies = [question.reply(option) for option in question.shown]
        assert len(set(replies)) == 3
        assert all(len(reply.split()) > 6 for reply in replies)
        assert [reply.split(".")[0] for reply in sorted(replies)] == ["✓ Right", "✗ No", "✗ No"]


def test_the_place_of_an_option_does_not_tell_that_it_is_right() -> None:
    places = {question.shown.index(next(iter(question.options))) for question in ALL}
    assert len(places) > 1


def test_text_and_html_show_the_options_and_no_reply_but_folded() -> None:
    shown = recall(2)
    assert "a) error" in repr(shown)
    assert "Right" not in repr(shown)
    html = shown._repr_html_()
    assert "Right" not in re.sub(r"<details>.*?</details>", "", html)
    assert html.count("<details>") == 6
    assert "script" not in html
    assert len(shown.answers()) == 6


def test_a_question_is_text_and_not_html() -> None:
    odd = Recall((Question("a < b?", {"<b>": "a & b, of all things", "c": "d", "e": "f"}),))
    assert "<summary>&lt;b&gt;</summary>" in odd._repr_html_()


def test_a_section_without_questions_is_said_so() -> None:
    with pytest.raises(
        LookupError, match="section 9 has no questions; there are 2, 3, 4, 5, 6, 7, 8"
    ):
        recall(9)
