"""A leak audit for people: a page of Markdown."""

from forecasting.evaluation.audit.audit import Audit

_PAGE = """\
# {headline}

{subject}, {when} UTC, in {seconds:g} s.

| test | stage | outcome | measured |
|---|---|---|---|
{rows}

Version {version}, commit {commit}; prices `{vintage}`; weights `{weights}`.
The stamp counts for these weights and this version only.
"""


def audit_text(made: Audit) -> str:
    """The page of an audit."""
    rows = [
        f"| {each.test} | {each.stage} | {each.outcome.value} | {_cell(each.measured)} |"
        for each in made.findings
    ]
    return _PAGE.format(
        headline=made.headline,
        subject=made.subject,
        when=made.when.replace("T", " "),
        seconds=made.seconds,
        rows="\n".join(rows),
        version=made.version,
        commit=made.commit,
        vintage=made.vintage[:16],
        weights=made.weights[:16] or "none",
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
