"""The space of a search: its file, its domains and its checks.

It knows no trials, records or requests.
"""
