"""``search.ablate``: train every combination of a setting's parts, and compare them."""

from rich.console import Console

from search import environment
from search.commands.left_out import print_left_out
from search.request.parser import ablation_options
from search.request.resume import resumed


def run(argv: list[str]) -> int:
    """Run the command line ``argv``; its exit status, with the meaning of ``search.run``'s.

    Raises:
        trainables.boundary.errors.UsageError: a flag, file or record is wrong.
        KeyboardInterrupt: before Tune takes over, or while the records are closed.
    """
    options = resumed(ablation_options(argv))
    environment.prepare(loopback=options.address is None)
    # Only now, as these import Ray and MLflow.
    from search.commands.ablation_report import conclude
    from search.commands.report import report_briefly
    from search.driver.engine import run_search
    from search.request.ablation import ablation

    console = Console(highlight=False, markup=False)
    request, combinations = ablation(options)
    if not options.quiet:
        print_left_out(request.data, request.source, console, request.dataset)
    outcome = run_search(request, console)
    status = report_briefly(outcome, request, console)
    if outcome.stop is None:
        conclude(options, request, combinations, outcome, console)
    return status
