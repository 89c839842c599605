"""What passes between the two towers and a user encoder, COUPLE's or a rival's.

Shapes: B batch, L items of a history (oldest first, padded on the right), N tags of an item,
T rows of a tag table, D dim, I interests.
"""

from typing import NamedTuple

from torch import Tensor


class Seen(NamedTuple):
    """What a user encoder sees of B histories."""

    items_BLD: Tensor  # mean of each item's tags; the domain vector added in training only
    real_BL: Tensor  # which items count: one at least, an empty history shows a zero item
    tags_BLN: Tensor  # int64, rows of `table_TD`; 0 is padding
    real_BLN: Tensor  # which tags count
    table_TD: Tensor  # tag embeddings; in training only the rows that the batch touches
    domains_BL: Tensor | None  # of each item, in training only; the number of domains is hidden
    tau: float | None  # Gumbel temperature, in training only


class Encoded(NamedTuple):
    """What it makes of them."""

    users_BID: Tensor  # not yet of length 1
    penalty: Tensor  # scalar, added to the loss
