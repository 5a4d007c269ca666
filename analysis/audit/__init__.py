"""The shortcut audit: does a network read the picture, or the digit pasted beside it?

Everything here takes any module from normalised images to logits; nothing knows of records or
figures. ``analysis.audit.report.audit`` runs the whole of it.

Words: y is the label, d the digit beside the picture. An image is aligned where d = y, else
conflicting. A cheater says d, a robust network never looks at it. The shortcut of a folder of one's
own is treated as the digit is: d is the class that it points to, and an image whose shortcut points
to none is neither aligned nor conflicting.
"""
