"""Which settings the scores of the trials depended on (fANOVA)."""

import optuna
from matplotlib.figure import Figure
from optuna.importance import FanovaImportanceEvaluator, get_param_importances

from analysis.figures import Caption, Drawing, NotApplicableError
from analysis.look import PLAIN, TEXT
from analysis.study import after, common_epoch, study_of
from analysis.subject import Subject
from trainables.boundary.wording import counted

GROUP = "search"
MIN_TRIALS = 6
TRIALS_A_SETTING = 3  # at least: with fewer, the trees fit chance


def draw(subject: Subject) -> Drawing:
    """Draw each setting's share of the variance of the score after the first rung."""
    search = subject.search
    epoch = common_epoch(search)
    study = study_of(search, after(epoch))
    _check_enough(study)
    importances = _importances(study)
    left_out = sorted({key for trial in study.trials for key in trial.params} - set(importances))
    figure = Figure(figsize=(7, 1.2 + 0.3 * len(importances)), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh(list(importances)[::-1], list(importances.values())[::-1], color=PLAIN)
    values = [f"{value:.2f}" for value in list(importances.values())[::-1]]
    axes.bar_label(bars, values, padding=3, fontsize=TEXT)
    axes.set(xlabel="share of the variance explained", xlim=(0, 1.1 * max(importances.values())))
    numbers = {
        "epoch": epoch,
        "trials": len(study.trials),
        "importance": importances,
        "left_out": left_out,
    }
    return Drawing(figure, numbers, _caption(subject, len(study.trials), epoch, left_out))


def _check_enough(study: optuna.Study) -> None:
    """Raise NotApplicableError unless there are several times as many trials as settings."""
    trials = [set(trial.params) for trial in study.trials]
    settings = len(set.intersection(*trials)) if trials else 0
    wanted = max(MIN_TRIALS, TRIALS_A_SETTING * settings)
    if len(trials) < wanted:
        raise NotApplicableError(
            f"too few trials ({len(trials)}) for {counted(settings, 'setting')}; it "
            f"needs {wanted}, {TRIALS_A_SETTING} per setting"
        )


def _importances(study: optuna.Study) -> dict[str, float]:
    if len({trial.value for trial in study.trials}) < 2:
        raise NotApplicableError("all trials are equally good")
    importances = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=0))
    if not importances:
        raise NotApplicableError("no setting that all trials have differs between them")
    return importances


def _caption(subject: Subject, trials: int, epoch: int, left_out: list[str]) -> Caption:
    more = f" Conditional settings are left out: {', '.join(left_out)}." if left_out else ""
    return Caption(
        f"How much of the variance in {subject.judged_by} after {counted(epoch, 'epoch')} each "
        f"setting explains alone, over {counted(trials, 'trial')}.",
        f"Optuna's fANOVA (Hutter et al. 2014) over the best value of the first {epoch} epochs, "
        f"which all these trials completed.{more}",
        f"It needs {TRIALS_A_SETTING} trials per setting. With so few, not all drawn at random, "
        "shares are rough. A setting that matters early need not matter at the end.",
    )
