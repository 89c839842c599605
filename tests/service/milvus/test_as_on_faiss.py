"""What is claimed of the service on faiss, tried on Milvus: the same tests, another engine.

Left out by name is what looks at an index of each process's own, counts keys or calls of Redis, of
which the lease has some, or times calls.
"""

# ruff: noqa: F403
# mypy: disable-error-code="assignment"
from tests.service.test_batch import *
from tests.service.test_degraded import *
from tests.service.test_events import *
from tests.service.test_items import *
from tests.service.test_recommend import *
from tests.service.test_similar import *
from tests.service.test_tail import *
from tests.service.test_versions import *

OTHERWISE = (
    "test_a_log_trimmed_past_a_replica_makes_it_synchronise",
    "test_all_keys_of_a_user_share_a_slot",
    "test_all_users_are_read_in_one_round_trip",
    "test_an_item_that_cannot_be_read_stops_nobody",
    "test_the_largest_call_holds_up_nobody",
    "test_writes_during_a_synchronisation_are_not_lost",
)
for name in OTHERWISE:
    del globals()[name]
