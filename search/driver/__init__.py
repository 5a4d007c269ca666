"""One search from start to end: Ray, Tune's callbacks, signals, the terminal."""
