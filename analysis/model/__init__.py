"""The folder ``model/`` of an analysis: a network that is used without Convoy."""
