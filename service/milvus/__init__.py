"""The engine whose vectors lie in Milvus: one collection a generation, for all processes alike.

Nothing imports this package unless COUPLE_INDEX is milvus: it needs the extra `milvus`.
"""
