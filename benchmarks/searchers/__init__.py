"""Compare methods of searching on recorded trainings: how good are their proposals?"""
