"""A part taken out of a weight: against eigenvectors computed apart, plain truncation, and the formulas by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from benign.errors import UserError
from benign.models.change import LowRank
from benign.parts.loci import Estimate, Side
from benign.parts.loci.factors import TOKENS, FactorImportance, factor
from benign.parts.loci.fisher_lora import FisherLora
from benign.parts.loci.importance import Importance
from benign.parts.loci.lora import Lora
from benign.parts.loci.split import row_weights, split
from benign.parts.loci.variance_lora import VarianceLora

OUT, IN, RANK, SCALE = 6, 5, 2, 2.0
FLOOR = 0.5
"""The official codes have 1e-5 in the same two places; so much is seen in float32."""
SMALL = Lora(rank=RANK, alpha=RANK * SCALE, dropout=0.0)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def product(pair: LowRank) -> Tensor:
    return pair.scale * pair.b.double() @ pair.a.double()


def test_the_product_is_the_weight_on_the_subspace_that_the_weighted_rows_choose() -> None:
    weight, rows = drawn(OUT, IN), drawn(OUT, seed=1).abs()
    found = product(split(weight, rows, RANK, SCALE, exact=True, seed=0))
    squared = (rows[:, None] * weight).numpy()
    _, vectors = np.linalg.eigh(squared.T @ squared)
    basis = torch.tensor(vectors[:, -RANK:])
    torch.testing.assert_close(found, weight @ basis @ basis.T, atol=1e-6, rtol=0.0)
    # No other product of this rank is nearer in the weighted norm.
    tails = np.linalg.svd(squared, compute_uv=False)[RANK:]
    error = float((rows[:, None] * (weight - found)).norm())
    assert error == pytest.approx(float(np.sqrt((tails**2).sum())), rel=1e-5)
    plain = split(weight, torch.ones(OUT), RANK, SCALE, exact=True, seed=0)
    assert float((rows[:, None] * (weight - product(plain))).norm()) > 1.01 * error


def test_even_importance_gives_the_largest_singular_triples_shared_between_the_factors() -> None:
    """As PiSSA does (arXiv 2404.02948)."""
    weight = drawn(OUT, IN, seed=2)
    pair = split(weight, torch.ones(OUT, dtype=torch.float64), RANK, SCALE, exact=True, seed=0)
    u, s, vt = torch.linalg.svd(weight)
    torch.testing.assert_close(product(pair), u[:, :RANK] @ torch.diag(s[:RANK]) @ vt[:RANK], atol=1e-6, rtol=0.0)
    for thin in (pair.a @ pair.a.T, pair.b.T @ pair.b):
        torch.testing.assert_close(thin.double(), torch.diag(s[:RANK]) / SCALE, atol=1e-6, rtol=0.0)


def test_larger_rows_take_a_share_from_b_and_give_it_to_a() -> None:
    weight = drawn(OUT, IN, seed=3)
    one, four = (split(weight, torch.full((OUT,), size), RANK, SCALE, exact=True, seed=0) for size in (1.0, 4.0))
    torch.testing.assert_close(product(one), product(four), atol=1e-6, rtol=0.0)
    assert float(four.a.norm()) == pytest.approx(2 * float(one.a.norm()), rel=1e-5)
    assert float(four.b.norm()) == pytest.approx(0.5 * float(one.b.norm()), rel=1e-5)


def test_a_row_of_no_importance_takes_no_part() -> None:
    rows = torch.tensor([1.0, 0.0, 2.0, 1.0, 1.0, 1.0])
    pair = split(drawn(OUT, IN), rows, RANK, SCALE, exact=True, seed=0)
    assert pair.b[1].eq(0).all() and pair.b[0].ne(0).all() and pair.a.isfinite().all()


def test_the_randomised_decomposition_finds_a_clear_subspace_and_leaves_chance_alone() -> None:
    u, _, vt = torch.linalg.svd(drawn(40, 30), full_matrices=False)
    weight = u @ torch.diag(torch.tensor([0.2**i for i in range(30)], dtype=torch.float64)) @ vt
    state = torch.get_rng_state()
    one, again, other = (split(weight, torch.ones(40), 3, SCALE, exact=False, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(one.a, again.a) and not torch.equal(one.a, other.a)
    exact = split(weight, torch.ones(40), 3, SCALE, exact=True, seed=0)
    torch.testing.assert_close(product(one), product(exact), atol=1e-3, rtol=0.0)


def test_row_weights_by_hand() -> None:
    forget, retain = torch.tensor([[1.0, 3.0], [0.0, 8.0]]), torch.tensor([[1.0, 1.0], [0.0, 2.0]])
    none = row_weights(forget, retain, damping=0.0, floor=0.0)
    assert none.tolist() == pytest.approx([2.0, 2.0])
    # The mean of what is kept is 1.
    damped = row_weights(forget, retain, damping=1.0, floor=1.0)
    assert damped.tolist() == pytest.approx([(4 / 3) ** 0.5, 2**0.5])


def given(tables: dict[Side, dict[str, Tensor]], asked: list[Estimate]) -> object:
    def measured(estimate: Estimate, side: Side) -> dict[str, Tensor]:
        asked.append(estimate)
        return tables[side]

    return measured


def test_fila_by_its_published_formula() -> None:
    weight = drawn(OUT, IN, seed=4)
    tables: dict[Side, dict[str, Tensor]] = {
        "forget": {"w": drawn(OUT, IN, seed=5).square()},
        "retain": {"w": drawn(OUT, IN, seed=6).square()},
    }
    asked: list[Estimate] = []
    locus = FisherLora(SMALL, Importance("batch_fisher", 2, "tokens"), damping=0.0, floor=FLOOR)
    pair = locus.start({"w": weight}, given(tables, asked))["w"]  # type: ignore[arg-type]
    rows = [
        sum(float(tables["forget"]["w"][i, j]) / (FLOOR + float(tables["retain"]["w"][i, j])) for j in range(IN)) ** 0.5
        for i in range(OUT)
    ]
    u, s, vt = torch.linalg.svd(torch.tensor(rows, dtype=torch.float64)[:, None] * weight)
    root = (s[:RANK] / SCALE).sqrt()
    by_hand = {"a": root[:, None] * vt[:RANK], "b": u[:, :RANK] * root / (torch.tensor(rows)[:, None] + FLOOR)}
    torch.testing.assert_close(pair.a.T @ pair.a, (by_hand["a"].T @ by_hand["a"]).float(), atol=1e-5, rtol=0.0)
    torch.testing.assert_close(pair.b @ pair.b.T, (by_hand["b"] @ by_hand["b"].T).float(), atol=1e-5, rtol=0.0)
    torch.testing.assert_close(product(pair), SCALE * by_hand["b"] @ by_hand["a"], atol=1e-6, rtol=0.0)
    assert asked == [locus.importance] * 2 and pair.scale == SCALE


@pytest.mark.parametrize("twice", [False, True])
def test_vila_takes_products_of_the_factors_importances(twice: bool) -> None:
    weight, tables = drawn(OUT, IN, seed=7), {}
    for number, side in enumerate(("forget", "retain")):
        a, b = drawn(RANK, IN, seed=8 + number).square(), drawn(OUT, RANK, seed=10 + number).square()
        tables[side] = {factor("w", "A"): a, factor("w", "B"): b, TOKENS: torch.tensor(3.0 + number)}
    asked: list[Estimate] = []
    locus = VarianceLora(SMALL, sigma=0.1, damping=0.0, floor=FLOOR, counted_twice=twice)
    pair = locus.start({"w": weight}, given(tables, asked))["w"]  # type: ignore[arg-type]
    forget, retain = (
        torch.einsum("or,ri->oi", t[factor("w", "B")], t[factor("w", "A")]) / (float(t[TOKENS]) if twice else 1)
        for t in tables.values()
    )
    rows = (forget / (FLOOR + retain)).sum(1).sqrt()
    basis = torch.linalg.svd(rows[:, None] * weight)[2][:RANK]
    left = (rows / (rows + FLOOR))[:, None]
    torch.testing.assert_close(product(pair), left * (weight @ basis.T @ basis), atol=1e-6, rtol=0.0)
    assert asked == [FactorImportance(RANK, RANK * SCALE, 0.1, Importance("variance"))] * 2


def test_what_could_never_learn_is_refused() -> None:
    nothing = {name: torch.zeros(OUT, IN) if name == "w" else torch.ones(OUT, IN) for name in ("v", "w")}
    tables: dict[Side, dict[str, Tensor]] = {"forget": nothing, "retain": nothing}
    weights = {name: drawn(OUT, IN) for name in nothing}
    with pytest.raises(UserError, match="nothing about w and 0 other"):
        FisherLora(SMALL).start(weights, given(tables, []))  # type: ignore[arg-type]
    with pytest.raises(UserError, match="rank 6 is more"):
        split(drawn(OUT, IN), torch.ones(OUT), 6, SCALE, exact=True, seed=0)
    with pytest.raises(UserError, match="plain product"):
        FisherLora(Lora(dora=True)).names(torch.nn.Linear(2, 2), None)  # type: ignore[arg-type]


def test_vila_with_the_importance_of_the_weight_itself_is_fila() -> None:
    """A product of importances that is the weight's own importance, one column of B for each row of A."""
    weight, tables = drawn(OUT, IN, seed=12), {}
    for number, side in enumerate(("forget", "retain")):
        a, b = drawn(RANK, IN, seed=13 + number).square(), drawn(OUT, RANK, seed=15 + number).square()
        tables[side] = {"w": b @ a, factor("w", "A"): a, factor("w", "B"): b, TOKENS: torch.tensor(1.0)}
    for damping, floor in ((0.0, 0.0), (1e-3, 0.0), (0.0, FLOOR)):
        loci = FisherLora(SMALL, damping=damping, floor=floor), VarianceLora(SMALL, damping=damping, floor=floor)
        one, other = (locus.start({"w": weight}, given(tables, []))["w"] for locus in loci)  # type: ignore[arg-type]
        torch.testing.assert_close(one.a, other.a)
        torch.testing.assert_close(one.b, other.b)
    assert FisherLora().damping == VarianceLora().damping and not FisherLora().floor and not VarianceLora().floor
