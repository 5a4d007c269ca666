"""What one trial does: data, architectures, recipe and training, on torch alone."""
