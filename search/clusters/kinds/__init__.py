"""The kinds of clusters, one in each file. A cluster's file names its ``kind`` by the file's name.

A module has ``MODEL``, the pydantic model of a cluster's file with ``kind`` as a literal, and a
function ``backend(cluster) -> Backend``, which imports what only this kind needs.
"""
