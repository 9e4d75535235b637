"""Colours for numbers of either sign, such as those of latents and embeddings."""

from __future__ import annotations

import numpy as np

BLUE, WHITE, RED = np.array([33, 102, 172.0]), np.array([247, 247, 247.0]), np.array([178, 24, 43.0])  # js/signed.js too


def signed(values: np.ndarray, *, limit: float | None = None) -> np.ndarray:
    """Numbers (H, W) -> RGB: blue below zero, white at zero, red above; `limit` is the full colour."""
    limit = float(np.abs(values).max()) if limit is None else limit
    share = np.clip(values / (limit or 1.0), -1.0, 1.0)[..., None]
    return np.round(np.where(share < 0, WHITE + (WHITE - BLUE) * share, WHITE + (RED - WHITE) * share)).astype(np.uint8)
