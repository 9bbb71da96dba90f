"""Help of a verb with many options: each under the heading of its panel."""

from typing import Any

from typer.core import TyperCommand


class PanelledCommand(TyperCommand):
    """A verb whose `--help` lists options by their `rich_help_panel`, the nameless first."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, then the panels in the order of their first option."""
        panels: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                default = "Arguments" if parameter.param_type_name == "argument" else "Options"
                panel = getattr(parameter, "rich_help_panel", None) or default
                panels.setdefault(panel, []).append(record)
        for heading, records in panels.items():
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)
