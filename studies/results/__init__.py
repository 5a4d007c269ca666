"""The results of the sources' networks: declared in ``rows.yaml``, measured, and repeated."""
