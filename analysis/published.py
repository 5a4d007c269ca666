"""What the sources print of their own trainings, for figures to stand beside."""

# By architecture: loss by epoch, from epoch 1. Source 000_82391c71948bbb2f.txt, its training log.
LOSSES: dict[str, dict[str, tuple[float, ...]]] = {
    "conv3": {
        "train_loss": (
            *(1.3924, 0.9970, 0.8385, 0.7331, 0.6504, 0.5798, 0.5257, 0.4708, 0.4343, 0.3930),
            *(0.3652, 0.3416, 0.3161, 0.3068, 0.2890, 0.2727, 0.2601, 0.2500, 0.2415, 0.2366),
        ),
        "val_loss": (
            *(1.0522, 0.8596, 0.8224, 0.7913, 0.7604, 0.7411, 0.7420, 0.7537, 0.7577, 0.8362),
            *(0.8195, 0.8504, 0.8790, 0.8802, 0.9055, 0.9306, 0.9775, 1.0439, 1.0512, 0.9610),
        ),
    }
}
