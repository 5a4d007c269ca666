"""The files that ``search.new`` copies, with every TEMPLATE replaced by the new network's name."""
