"""What the paper itself reports (arXiv 2112.03667, Tables 4 and 5), to stand beside our numbers.

Its data sets are others than anyone's here: only the order of the models can be compared.
"""

from types import MappingProxyType

COLUMNS = ("HR@5", "HR@10", "NDCG@5", "NDCG@10")

# Table 4: Taobao product → micro-video (TPMV), then Amazon Books → Movies & TV.
TPMV = MappingProxyType({
    "dssm": (0.07764, 0.12490, 0.05397, 0.06908),
    "deepconn": (0.19080, 0.27351, 0.13435, 0.16062),
    "youtube": (0.19705, 0.28187, 0.13899, 0.16627),
    "ican": (0.20610, 0.28502, 0.14711, 0.17248),
    "sasrec": (0.20145, 0.28491, 0.14709, 0.17154),
    "comirec": (0.20171, 0.28539, 0.14418, 0.17110),
    "couple": (0.22444, 0.30625, 0.16433, 0.19062),
})  # fmt: skip
AMAZON = MappingProxyType({
    "dssm": (0.05119, 0.09463, 0.03093, 0.04658),
    "deepconn": (0.05352, 0.10278, 0.03319, 0.04800),
    "youtube": (0.06777, 0.12398, 0.04174, 0.05970),
    "ican": (0.07431, 0.13071, 0.04601, 0.06405),
    "sasrec": (0.06918, 0.12410, 0.04352, 0.06109),
    "comirec": (0.07036, 0.12684, 0.04322, 0.06127),
    "couple": (0.07753, 0.13358, 0.04920, 0.06711),
})  # fmt: skip

# Table 5, on TPMV: HR@10, NDCG@10.
ABLATION = MappingProxyType(
    {
        "table5/base": (0.28411, 0.17042),
        "table5/content": (0.28928, 0.17531),
        "table5/tree": (0.29554, 0.18392),
        "table5/batch": (0.3011, 0.18787),
        "table5/queue": (0.30625, 0.19062),
    }
)
