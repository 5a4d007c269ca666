"""Kinds of clusters, found by the name of their file, which a cluster's file names as its ``kind``.

A module has ``MODEL``, the pydantic model of such a file with ``kind`` as a literal, and a function
``backend(cluster) -> Backend``. It imports what only its kind needs within that function.
"""
