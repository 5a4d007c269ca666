"""From the options of ``search.ablate`` to a request, checked before anything is written."""

from dataclasses import replace

from search.proposals.planned import Planned
from search.records.run_reader import spec_and_space
from search.request.flags import (
    assignments,
    check_address,
    check_free,
    new_name,
    out_folder,
    tracking_uri,
)
from search.request.methods import space_in
from search.request.options import AblationOptions
from search.request.planning import limits, recorded
from search.request.request import Request
from search.selection.ablation import Variant, points, variants
from search.space.budget import Budget
from search.space.domain import values_of
from search.space.reader import space_file
from search.trials.spec import Job, TrialSpec
from trainables import scores
from trainables.boundary.errors import UsageError
from trainables.data import load, resolve
from trainables.recipe import Setting
from trainables.training import check_fits


def ablation(options: AblationOptions) -> tuple[Request, list[Variant]]:
    """The request, and the combinations that its trials train.

    Raises:
        UsageError: a flag, file or record is wrong.
    """
    check_address(options.address)
    if options.metric is not None:
        scores.check_name(options.metric, "--metric")
    task, space_name = setting(options)
    combinations = variants(task.job.architecture, task.values, options.toggle)
    return _request(options, task, space_name, combinations), combinations


def setting(options: AblationOptions) -> tuple[TrialSpec, str]:
    """The setting to take apart, as a trial's spec, and the name of its space."""
    if (options.space is None) is (options.run is None):
        raise UsageError("give --space NAME or --run RUN_ID")
    task, space_name = _of_run(options, options.run) if options.run else _of_space(options)
    asked = {key: getattr(options, key) for key in ("train_limit", "val_limit", "epochs", "metric")}
    changes = {key: value for key, value in asked.items() if value is not None}
    return replace(task, job=replace(task.job, seed=options.seed, **changes)), space_name


def _of_run(options: AblationOptions, run_id: str) -> tuple[TrialSpec, str]:
    task, space_name = spec_and_space(tracking_uri(options), run_id)
    source = resolve(options.data or task.job.source)
    values = {**task.values, **values_of(assignments(options.set), task.job.architecture)}
    return replace(task, job=replace(task.job, source=source), values=values), space_name


def _of_space(options: AblationOptions) -> tuple[TrialSpec, str]:
    path, source = space_file(str(options.space)), resolve(options.data)
    space = space_in(path).with_keys(assignments(options.set))
    epochs = space.budget_on(source).epochs
    data = space.data_on(source)
    job = Job(
        space.architecture, data, source, None, None, epochs, options.seed, 1, metric=space.metric
    )
    fixed = space.fixed_on(source, assignments(options.set))
    return TrialSpec(job, 0, space.baseline_with(fixed)), path.stem


def _request(
    options: AblationOptions, task: TrialSpec, space_name: str, combinations: list[Variant]
) -> Request:
    job, out = task.job, out_folder(options)
    name = new_name(options.name, f"ablate-{space_name}")
    if options.resume is None:
        check_free(name, out)
    planned = points(combinations, options.seeds)
    dataset = load(job.data, job.source).limited(job.train_limit, job.val_limit)
    scores.images_behind(job.metric, dataset.val)
    for variant in combinations:
        check_fits(Setting.of(job.architecture, variant.values, 1, 0), dataset)
    return Request(
        name=name,
        kind="ablation",
        space_name=space_name,
        space_file=None,
        reference=None,
        architecture=job.architecture,
        data=job.data,
        proposals=Planned(planned),
        source=job.source,
        dataset=dataset,
        train_limit=job.train_limit,
        val_limit=job.val_limit,
        budget=Budget(trials=len(planned), epochs=job.epochs, finalists=0),
        seed=job.seed,
        limits=limits(options),
        out=out,
        tracking_uri=tracking_uri(options),
        quiet=options.quiet,
        about=_about(options),
        flags=recorded(options.model_copy(update={"name": name, "data": job.source})),
        resumed=options.resume is not None,
        metric=job.metric,
    )


def _about(options: AblationOptions) -> dict[str, str]:
    of = {"of_run": options.run} if options.run else {"of_baseline": str(options.space)}
    return {"toggles": " ".join(options.toggle), "seeds": str(options.seeds), **of}
