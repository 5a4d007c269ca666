"""The work of one trial: data, architectures, recipe and training, on torch alone."""
