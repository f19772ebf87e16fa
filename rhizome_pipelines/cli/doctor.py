"""`rhizome doctor`."""

import typer

from rhizome_pipelines.cli import context
from rhizome_pipelines.cli.output import EXIT_FAILED, console, show_json, told
from rhizome_pipelines.deployment.diagnosis import Finding, diagnose


def doctor(*, as_json: bool) -> None:
    """Tell what was found; fail if any of it is bad."""
    with told():
        findings = diagnose(context.settings())
    if as_json:
        show_json([vars(finding) for finding in findings])
    else:
        for finding in findings:
            _show(finding)
    if not all(finding.good for finding in findings):
        raise typer.Exit(EXIT_FAILED)


def _show(finding: Finding) -> None:
    mark = "[green]✓[/green]" if finding.good else "[red]✗[/red]"
    console.print(f"{mark} {finding.what:<16} ", end="")
    console.print(finding.told, markup=False, soft_wrap=True)
