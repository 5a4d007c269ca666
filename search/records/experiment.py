"""MLflow's experiments: their names, and how MLflow's pages show them."""

import json

from trainables.data import EMBEDDED

LEADERBOARDS = "convoy/leaderboard"
VIEW = "convoy"  # the name of the saved view with an experiment's columns
_COLUMNS = (
    "metrics.`baseline_val_accuracy`",
    "metrics.`best_val_accuracy`",
    "metrics.`winner_val_accuracy_mean`",
    "metrics.`winner_val_accuracy_std`",
    "params.`lr`",
    "params.`optimizer`",
)
_STATE = {
    "searchFilter": "",
    "orderByKey": "attributes.start_time",
    "orderByAsc": False,
    "startTime": "ALL",
    "lifecycleFilter": "Active",
    "datasetsFilter": [],
    "modelVersionFilter": "All Runs",
    "selectedColumns": list(_COLUMNS),
}
# MLflow's pages treat an experiment without a kind as one of language models. The second tag is a
# view as the "Share" button of these pages makes it.
TAGS = {
    "mlflow.experimentKind": "custom_model_development",
    f"mlflow.sharedViewState.{VIEW}": json.dumps(_STATE),
}


def experiment_name(space: str, source: str) -> str:
    """``convoy/SPACE``, or ``convoy/SPACE-embedded`` for the embedded data."""
    return f"convoy/{space}{'-embedded' if source == EMBEDDED else ''}"
