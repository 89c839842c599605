"""Recommendations for nobody, which a worker makes before it listens.

The first of anything takes longer: it opens the connection to Redis, and the towers and the index
touch their memory. So no caller is the first.
"""

from dataclasses import replace

from service.recommender import Ask, Recommender

NOBODY = ""  # no caller's id is empty
SIZES = (1, 8, 32)  # of what meets in one turn of the loop
K = 100


async def rehearse(recommender: Recommender) -> None:
    """Leave everything as if a few had been answered, and nothing counted."""
    uncounted = replace(recommender, metrics=None)
    for size in SIZES:
        await uncounted.recommend_all([Ask(NOBODY, K)] * size)
