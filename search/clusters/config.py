"""The keys that the files of all kinds of clusters share, and the types of their values."""

import re
from typing import Annotated

from pydantic import Field, field_validator

from trainables.boundary.secrets import masked
from trainables.boundary.validation import ClosedModel

Name = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
Quantity = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?(k|M|G|T|Ki|Mi|Gi|Ti)?$")]
# No backslash: sbatch reads it in a path as an escape.
Absolute = Annotated[str, Field(pattern=r"^/[^\x00-\x1f\x7f\\]*$")]
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Line = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]+$")]
Megabytes = Annotated[
    str, Field(pattern=r"^[0-9]+[KMGT]?$")
]  # or in the unit that the letter names
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.,:+@=-]*$")]
_SECRET = re.compile("PASSWORD|PASSWD|TOKEN|SECRET|RAY_AUTH", re.IGNORECASE)


class Cluster(ClosedModel):
    """The keys of every kind of cluster.

    Attributes:
        kind: name of a file in ``search/clusters/kinds``, with ``-`` for ``_``.
        out: folder of all searches, on storage that every node reaches at this path.
        data: data folder on the nodes, or ``embedded``.
        tracking_uri: address of the tracking server for the nodes; None for a file in ``out``.
        environment: variables of the search. They are shown, so they must hold no secrets.
    """

    kind: str
    out: Absolute
    data: Line | None = None
    tracking_uri: Line | None = None
    environment: dict[Variable, Line] = Field(default={})

    @field_validator("tracking_uri")
    @classmethod
    def _without_password(cls, uri: str | None) -> str | None:
        if uri is not None and masked(uri) != uri:
            raise ValueError(
                "holds a password, and this file is shown; set MLFLOW_TRACKING_PASSWORD on the "
                "nodes instead"
            )
        return uri

    @field_validator("environment")
    @classmethod
    def _without_secrets(cls, environment: dict[str, str]) -> dict[str, str]:
        for name in filter(_SECRET.search, environment):
            raise ValueError(
                f"{name} sounds like a secret, and this file is shown; set it on the nodes instead"
            )
        return environment
