import pytest

from forecasting.cli.progress import counted_progress, progress_line


def test_nothing_reaches_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_line("loading") as say:
        say("scores and tests")
    with counted_progress() as advance:
        advance("AAPL", 1, 2)
    assert capsys.readouterr() == ("", "")


def test_terminal_sees_steps_on_stderr(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress_line("loading") as say:
        say("scores and tests")
    with counted_progress() as advance:
        advance("AAPL", 1, 2)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "scores and tests" in shown.err
    assert "AAPL" in shown.err
    assert "1/2" in shown.err


def test_hidden_on_request(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress_line("loading", visible=False) as say:
        say("scores and tests")
    assert capsys.readouterr() == ("", "")
