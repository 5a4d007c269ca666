"""How good a search's proposals are: methods compared on recorded trainings."""
