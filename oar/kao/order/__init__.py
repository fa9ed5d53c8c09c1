"""The order in which waiting jobs are planned: first come, fair share, weights, or a site's own. Pure."""

from oar.kao.order.choice import BY_POLICY, UNRANKED, Orders, Ranking, combine, rank
from oar.kao.order.custom import CustomOrder
from oar.kao.order.facts import JobOrder, OrderFacts
from oar.kao.order.fair_share import FairShare
from oar.kao.order.fifo import Fifo
from oar.kao.order.multifactor import Multifactor

__all__ = [
    "BY_POLICY",
    "UNRANKED",
    "CustomOrder",
    "FairShare",
    "Fifo",
    "JobOrder",
    "Multifactor",
    "OrderFacts",
    "Orders",
    "Ranking",
    "combine",
    "rank",
]
