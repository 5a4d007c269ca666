"""What may be searched: the space file, its domains and its checks.

It knows no trial, no record and no request.
"""
