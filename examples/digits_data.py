"""scikit-learn's handwritten digits as spikes, and the split of the samples.

An image of 8 x 8 pixels is scanned row by row, `LINE` steps a row, on 64 channels: 8 columns times 8 brightness
levels. A channel spikes at once where its pixel is well above the level, one step later where it is just above. So
time matters: what was seen in an earlier row has to be remembered, or has to arrive late.
"""

from __future__ import annotations

import numpy as np

LINE = 4
TAIL = 16
STEPS = 8 * LINE + TAIL
"""Steps of a sample: all rows, then silence in which late spikes arrive and are counted."""


def encode(images: np.ndarray) -> np.ndarray:
    """Images [n, 64] of 0…16 as spikes, uint8 [n, STEPS, 64]."""
    pixels = np.asarray(images).reshape(-1, 8, 8)
    spikes = np.zeros((len(pixels), STEPS, 8, 8), np.uint8)
    for row in range(8):
        for level in range(8):
            spikes[:, row * LINE, :, level] = pixels[:, row] >= 2 * level + 2
            spikes[:, row * LINE + 1, :, level] = pixels[:, row] == 2 * level + 1
    return spikes.reshape(len(pixels), STEPS, 64)


def split() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training images and labels, held-out images and labels: 70 and 30 %, by class, always the same."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    train, held_out = train_test_split(np.arange(len(labels)), test_size=0.3, random_state=0, stratify=labels)
    return images[train], labels[train], images[held_out], labels[held_out]


def distorted(images: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Every image turned, scaled, sheared and moved a little: more handwriting to learn from."""
    from scipy.ndimage import affine_transform

    changed = []
    for image in images.reshape(-1, 8, 8):
        angle, shear = generator.uniform(-0.2, 0.2), generator.uniform(-0.15, 0.15)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        matrix = turn @ np.diag(1 / (1 + generator.uniform(-0.12, 0.12, 2))) @ np.array([[1, shear], [0, 1]])
        centre, move = np.array([3.5, 3.5]), generator.uniform(-0.7, 0.7, 2)
        changed.append(affine_transform(image, matrix, offset=centre - matrix @ (centre + move), order=1))
    return np.rint(np.clip(np.array(changed), 0, 16)).reshape(-1, 64)
