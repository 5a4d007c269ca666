"""The shortcut audit: does a network read the picture, or the digit pasted next to it?

The audit takes any module from normalised images to logits. It knows nothing of records or figures.
``analysis.audit.report.audit`` runs all of it.

Terms: y is the label, and d the digit next to the picture. An image is aligned if d = y, else
conflicting. A cheater always predicts d; a robust network ignores it. The shortcut of a user's own
folder is treated like the digit: d is the class that it points to. An image whose shortcut points
to no class is neither aligned nor conflicting.
"""
