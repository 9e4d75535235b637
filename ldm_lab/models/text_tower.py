"""A small sentence encoder: factorised token table, a few transformer layers with positions, mean pool.

It is distilled from all-MiniLM-L6-v2 (`ldm_lab.training.distil`) and takes 10 MB in float16. The token table is most of
that, hence narrow (as in ALBERT, Lan et al. 2020, section 3.1) and widened by one matrix.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from ldm_lab.config import ClapConfig


class TextBlock(nn.Module):
    """Pre-norm transformer layer: self-attention over the tokens that exist, then a two-layer MLP."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))

    def forward(self, h: Tensor, mask: Tensor) -> Tensor:
        """h (B, L, W), mask (B, L) with 1 = token -> (B, L, W)."""
        batch, length, width = h.shape
        qkv = self.qkv(self.norm1(h)).view(batch, length, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (B, heads, L, W / heads)
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None, :].bool())
        h = h + self.proj(attended.transpose(1, 2).reshape(batch, length, width))
        return h + self.mlp(self.norm2(h))


class TextTower(nn.Module):
    """Token numbers to a unit sentence embedding in the teacher's space."""

    def __init__(self, config: ClapConfig) -> None:
        super().__init__()
        width = config.text_width
        self.tokens = nn.Embedding(config.text_vocab, config.text_token_dim)
        self.widen = nn.Linear(config.text_token_dim, width)
        self.positions = nn.Embedding(config.max_tokens, width)
        self.blocks = nn.ModuleList(
            TextBlock(width, config.text_heads, config.text_hidden) for _ in range(config.text_layers)
        )
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, config.text_out)
        nn.init.normal_(self.positions.weight, std=0.02)
        for block in self.blocks:  # each layer starts as the identity: the tower is a bag of words that learns order
            nn.init.zeros_(block.proj.weight)
            nn.init.zeros_(block.mlp[-1].weight)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """ids (B, L), mask (B, L) -> (B, text_out) of unit length."""
        h = self.widen(self.tokens(ids)) + self.positions.weight[: ids.shape[1]]  # (B, L, W)
        for block in self.blocks:
            h = block(h, mask)
        weight = mask[..., None].to(h)
        pooled = (self.norm(h) * weight).sum(1) / weight.sum(1).clamp(min=1.0)  # (B, W): padding has no say
        return F.normalize(self.out(pooled), dim=-1)
