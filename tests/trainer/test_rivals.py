"""The six rivals are what their papers say, and fit the contract of a bundle.

Shapes: B batch, L items, N tags, D dim, I interests, Q domains.
"""

import warnings
from pathlib import Path

import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from trainer.config import Config
from trainer.encoder import Seen
from trainer.rivals import ENCODERS, Rival

TAGS, Q = 9, 2
TINY = Config.with_overrides(["dim=8", "heads=2", "dropout=0", "interests=3"])
EVERY = pytest.mark.parametrize("name", sorted(ENCODERS))


def made(name: str, config: Config = TINY) -> Rival:
    """The rival as served; what starts at zero (positions, biases) is moved away from it."""
    torch.manual_seed(0)
    encoder = ENCODERS[name](config, Q)
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape))
    return encoder.eval()


def table() -> Tensor:
    """Tag embeddings [T, D]; the row of padding is not zero, so that a missing mask shows."""
    return torch.randn(TAGS + 1, TINY.dim, generator=torch.Generator().manual_seed(1))


def seen(
    tags_BLN: Tensor, table_TD: Tensor, domains_BL: Tensor | None = None, shift: float = 0.0
) -> Seen:
    """What the towers show of histories; `shift` stands for the domain vectors.

    Padding items are not zero here, so that a missing mask shows.
    """
    real_BLN = tags_BLN > 0
    weight_BLN = real_BLN.to(table_TD.dtype)
    weight_BLN = weight_BLN / weight_BLN.sum(-1, keepdim=True).clamp(min=1.0)
    items_BLD = (weight_BLN.unsqueeze(2) @ nn.functional.embedding(tags_BLN, table_TD)).squeeze(2)
    known_BL = real_BLN.any(-1)
    first_L = torch.arange(tags_BLN.shape[1]) == 0
    real_BL = known_BL | (~known_BL.any(1, keepdim=True) & first_L)
    items_BLD = (items_BLD + shift).masked_fill(~real_BL.unsqueeze(2), 7.0)
    return Seen(items_BLD, real_BL, tags_BLN, real_BLN, table_TD, domains_BL, None)


def histories() -> Tensor:
    """Three users [3, 3, 3]: nobody, one item, three items."""
    nobody, nothing = [[0, 0, 0]] * 3, [0, 0, 0]
    return torch.tensor([nobody, [[1, 2, 0], nothing, nothing], [[3, 0, 0], [4, 5, 6], [7, 8, 0]]])


def users(encoder: Rival, tags_BLN: Tensor) -> Tensor:
    """User vectors [B, I, D] as served."""
    with torch.no_grad():
        found: Tensor = encoder(seen(tags_BLN, table())).users_BID
    return found


@EVERY
def test_every_rival_gives_its_interests(name: str) -> None:
    """[B, I, D], three interests of ComiRec's and one of the others', and no penalty served."""
    encoder = made(name)
    assert encoder.interests == (3 if name == "comirec" else 1)
    found = encoder(seen(histories(), table()))
    assert found.users_BID.shape == (3, encoder.interests, TINY.dim)
    assert found.penalty.shape == ()
    assert found.penalty.item() == 0


@EVERY
def test_padding_changes_nothing(name: str) -> None:
    """Neither more padding items nor more padding tags, whatever stands in the padding's row."""
    encoder, tags = made(name), histories()
    expected = users(encoder, tags)
    for wide in (nn.functional.pad(tags, (0, 2, 0, 4)), nn.functional.pad(tags, (0, 0, 0, 1))):
        torch.testing.assert_close(users(encoder, wide), expected, atol=1e-6, rtol=0)


@EVERY
def test_a_user_does_not_depend_on_the_batch(name: str) -> None:
    """One item alone, L = 1, gives the vector it gives beside longer histories."""
    encoder = made(name)
    alone = users(encoder, histories()[1:2, :1])
    torch.testing.assert_close(alone, users(encoder, histories())[1:2], atol=1e-6, rtol=0)


@EVERY
@pytest.mark.parametrize("length", [1, 4])
def test_an_empty_history_gives_finite_vectors(name: str, length: int) -> None:
    """The contract of a bundle, in training too."""
    encoder, tags = made(name), torch.zeros(2, length, 3, dtype=torch.int64)
    assert users(encoder, tags).isfinite().all()
    found = encoder.train()(seen(tags, table(), torch.full((2, length), Q)))
    assert found.users_BID.isfinite().all()
    assert found.penalty.item() == 0


@EVERY
def test_order_matters_to_sequence_models_alone(name: str) -> None:
    """Two items in either order: the same user to YouTube DNN and ICAN, another to the others."""
    encoder, tags = made(name), torch.tensor([[[1, 2], [3, 4], [5, 6]]])
    same = torch.allclose(users(encoder, tags), users(encoder, tags.flip(1)), atol=1e-5)
    assert same == (name in {"youtube", "ican"})


def test_dssm_sees_the_newest_item_alone() -> None:
    """The closest single item is its query."""
    encoder, tags = made("dssm"), histories()
    torch.testing.assert_close(users(encoder, tags)[2:], users(encoder, tags[2:, 2:]))


def test_deepconn_takes_the_maximum_over_windows() -> None:
    """A history repeated with a gap of zero items has the windows it had, and no others."""
    encoder, tags = made("deepconn"), torch.tensor([[[1, 2], [3, 4]]])
    shown = seen(tags, table())
    gap = torch.zeros(1, 2, TINY.dim)
    twice = shown._replace(
        items_BLD=torch.cat([shown.items_BLD, gap, shown.items_BLD], 1),
        real_BL=torch.tensor([[True, True, False, False, True, True]]),
    )
    torch.testing.assert_close(encoder(twice).users_BID, encoder(shown).users_BID)


@pytest.mark.parametrize(("position", "length"), [(0, 1), (1, 2), (3, 4)])
def test_sasrec_counts_positions_from_the_newest(position: int, length: int) -> None:
    """A position is in use from the length on that reaches it; beyond the last, the last is."""
    encoder = made("sasrec", TINY.model_copy(update={"max_items": 4}))
    tags = torch.tensor([[[1, 2], [3, 4], [5, 6], [7, 8], [9, 1]]])
    before = [users(encoder, tags[:, -n:]) for n in range(1, 6)]
    with torch.no_grad():
        encoder.get_parameter("positions.weight")[position].mul_(-5.0)
    after = [users(encoder, tags[:, -n:]) for n in range(1, 6)]
    changed = [not torch.allclose(x, y) for x, y in zip(before, after, strict=True)]
    assert changed == [n >= length for n in range(1, 6)]


def test_sasrec_never_looks_ahead() -> None:
    """After its first block the older items are what they are in the history that ends there."""
    encoder = made("sasrec", TINY.model_copy(update={"positions": False}))
    kept: list[Tensor] = []
    encoder.get_submodule("blocks.0").register_forward_hook(lambda *call: kept.append(call[2]))
    tags = torch.tensor([[[1, 2], [3, 4], [5, 6]]])
    for length in (3, 2):
        users(encoder, tags[:, :length])
    torch.testing.assert_close(kept[0][:, :2], kept[1])


def test_positions_can_be_left_out() -> None:
    """`positions=false` makes ComiRec blind to order."""
    config, tags = TINY.model_copy(update={"positions": False}), torch.tensor([[[1, 2], [3, 4]]])
    encoder = made("comirec", config)
    torch.testing.assert_close(users(encoder, tags), users(encoder, tags.flip(1)))


def test_interests_of_comirec_are_weighted_means_of_items() -> None:
    """A history of one item has nothing else to be; one of three gives three interests."""
    encoder, shown = made("comirec"), seen(histories(), table())
    found = encoder(shown).users_BID
    torch.testing.assert_close(found[1], shown.items_BLD[1, :1].expand(3, -1))
    assert torch.pdist(found[2]).min() > 1e-3


def test_ican_serves_the_channels_it_trained_with() -> None:
    """Domains given or not, the predicted channels are used: only the penalty differs."""
    encoder, tags = made("ican"), histories()
    domains = torch.tensor([[Q] * 3, [0, Q, Q], [0, 1, 1]])
    taught, served = encoder(seen(tags, table(), domains)), encoder(seen(tags, table()))
    torch.testing.assert_close(taught.users_BID, served.users_BID)
    assert taught.penalty > 0 == served.penalty


def test_hidden_domains_do_not_teach_ican() -> None:
    """The penalty is the mean over items with a known domain; the domain vector is not seen."""
    encoder, tags = made("ican"), histories()
    some = torch.tensor([[Q, Q, Q], [Q, Q, Q], [0, Q, Q]])
    more = torch.tensor([[Q, 1, 1], [Q, 1, 1], [0, Q, Q]])  # domains of padding
    expected = encoder(seen(tags, table(), some)).penalty
    torch.testing.assert_close(encoder(seen(tags, table(), more)).penalty, expected)
    torch.testing.assert_close(encoder(seen(tags, table(), some, shift=5.0)).penalty, expected)


def test_ican_learns_domains_without_moving_tags() -> None:
    """Separable domains: the penalty falls to a tenth, and no gradient of it reaches a tag."""
    torch.manual_seed(0)
    encoder = ENCODERS["ican"](TINY, Q).train()
    tags = torch.randint(1, TAGS + 1, (64, 3, 1))
    domains, weights = (tags[..., 0] > 4).long(), table().requires_grad_()
    adam = torch.optim.Adam(encoder.parameters(), lr=0.1)
    penalties = []
    for _ in range(50):
        penalty = encoder(seen(tags, weights, domains)).penalty
        adam.zero_grad()
        penalty.backward()
        adam.step()
        penalties.append(penalty.item())
    assert penalties[-1] < 0.1 * penalties[0]
    assert weights.grad is None


@EVERY
def test_gradient_reaches_every_parameter(name: str) -> None:
    """Of the rival and, through the items, of the tags; dead parts would train in silence."""
    torch.manual_seed(0)
    encoder, weights = ENCODERS[name](TINY, Q).train(), table().requires_grad_()
    tags = torch.randint(1, TAGS + 1, (16, TINY.max_items, 2))
    found = encoder(seen(tags, weights, torch.randint(0, Q + 1, (16, TINY.max_items))))
    aim = torch.randn(found.users_BID.shape)
    ((found.users_BID - aim).square().sum() + found.penalty).backward()
    for path, parameter in [*encoder.named_parameters(), ("tags", weights)]:
        assert parameter.grad is not None, path
        assert parameter.grad.abs().sum() > 0, path


class Served(nn.Module):
    """Histories [B, L, N] → user vectors [B, I, D]."""

    def __init__(self, encoder: Rival) -> None:
        super().__init__()
        self.encoder, self.table = encoder, nn.Parameter(table())

    def forward(self, tags: Tensor) -> Tensor:
        """As a bundle's user tower, but for unit length."""
        found: Tensor = self.encoder(seen(tags, self.table)).users_BID
        return found


@EVERY
def test_the_graph_gives_what_torch_gives(name: str, tmp_path: Path) -> None:
    """B, L and N stay free in ONNX, down to one item, for full and empty histories."""
    tower, path = Served(made(name)).eval(), tmp_path / "tower.onnx"
    example = torch.ones((2, 3, 4), dtype=torch.int64)
    free = dict.fromkeys(range(3), torch.export.Dim.DYNAMIC)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's exporter warns of its own internals
        program = torch.onnx.export(
            tower, (example,), dynamic_shapes={"tags": free}, opset_version=20, dynamo=True,
            input_names=["tags"], verbose=False,
        )  # fmt: skip
    assert program is not None
    program.save(str(path))
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for B, L, N in [(b, length, n) for b in (1, 3) for length in (1, 2, 8) for n in (1, 5)]:
        tags = torch.randint(0, TAGS + 1, (B, L, N)).sort(1, descending=True).values
        tags[0] = 0
        for given in (tags, torch.full_like(tags, 3)):
            found = torch.from_numpy(session.run(None, {"tags": given.numpy()})[0])
            torch.testing.assert_close(found, users_of(tower, given), atol=1e-5, rtol=0)


def users_of(tower: Served, tags: Tensor) -> Tensor:
    """The same by torch."""
    with torch.no_grad():
        found: Tensor = tower(tags)
    return found
