"""The rows of a batch, and Adam on them alone."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from trainer.errors import CheckpointError
from trainer.optimiser import BLOCK, RowAdam, gather


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    """Also as training sets it: an operation that threads could reorder would raise."""
    torch.manual_seed(0)
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(before)


def tables(rows: int, dim: int = 8) -> tuple[Tensor, torch.nn.Parameter]:
    start = torch.randn(rows, dim)
    return start.clone(), torch.nn.Parameter(start.clone())


def test_every_tag_is_found_again_at_its_place() -> None:
    """In every tensor given, an empty one among them; each row stands once, ascending."""
    parts = [torch.randint(0, 500, shape) for shape in ((7, 3, 5), (7, 5), (0, 5))]
    rows, places = gather(*parts)
    assert (rows[1:] > rows[:-1]).all()
    assert all(torch.equal(rows[p], t) for p, t in zip(places, parts, strict=True))
    assert set(rows.tolist()) == {0}.union(*(t.flatten().tolist() for t in parts))


def test_padding_is_row_zero_even_where_there_is_none() -> None:
    """A mask `tags > 0` reads the same in places as in ids."""
    rows, places = gather(torch.tensor([9, 4, 9]))
    assert rows.tolist() == [0, 4, 9]
    assert places[0].tolist() == [2, 1, 2]
    rows, places = gather(torch.tensor([[0, 7]]))
    assert (rows.tolist(), places[0].tolist()) == ([0, 7], [[0, 1]])


def test_it_is_adam_when_every_row_is_touched() -> None:
    """With a learning rate that changes, in one block of rows and in several."""
    for count in (5, 2 * BLOCK + 1):
        ours, theirs = tables(count)
        rows, whole = RowAdam(ours), torch.optim.Adam([theirs], lr=0.1)
        for step in range(20):
            theirs.grad = torch.randn_like(theirs)
            whole.param_groups[0]["lr"] = rate = 0.1 / (1 + step)
            whole.step()
            order = torch.randperm(count)
            rows.step(order, theirs.grad[order], rate)
        torch.testing.assert_close(ours, theirs.detach(), rtol=0, atol=1e-6)


def test_untouched_rows_and_their_moments_rest() -> None:
    """Bit by bit, while the others move."""
    weight, start = tables(50)
    rows, few = RowAdam(weight), torch.tensor([3, 40, 17])
    rows.step(torch.arange(50), torch.randn(50, 8), 0.1)
    state = rows.state_dict()
    before = [t.clone() for t in (weight, state["exp_avg"], state["exp_avg_sq"])]
    rows.step(few, torch.randn(3, 8), 0.1)
    for was, now in zip(before, (weight, state["exp_avg"], state["exp_avg_sq"]), strict=True):
        moved = (was != now).any(1)
        assert moved.nonzero().flatten().tolist() == sorted(few.tolist())
    assert not torch.equal(weight, start)


def test_saved_and_loaded_it_goes_on_bit_for_bit() -> None:
    """A killed run ends with the weights of one that was not."""
    grads = torch.randn(6, 4, 8)
    chosen = [torch.randperm(20)[:4] for _ in grads]
    straight, _ = tables(20)
    broken = straight.clone()
    whole, first = RowAdam(straight), RowAdam(broken)
    for number, (rows, grad) in enumerate(zip(chosen, grads, strict=True)):
        whole.step(rows, grad, 0.1)
        if number == 3:
            saved = {name: t.clone() for name, t in first.state_dict().items()}
            first = RowAdam(broken)
            first.load_state_dict(saved)
        first.step(rows, grad, 0.1)
    assert torch.equal(straight, broken)


def test_the_state_of_another_table_is_refused() -> None:
    """One row would be spread over all of them in silence."""
    state = RowAdam(torch.zeros(1, 8)).state_dict()
    with pytest.raises(CheckpointError, match=r"\[1, 8\], not \[20, 8\]: use --restart"):
        RowAdam(torch.zeros(20, 8)).load_state_dict(state)
    with pytest.raises(KeyError):
        RowAdam(torch.zeros(20, 8)).load_state_dict({})
