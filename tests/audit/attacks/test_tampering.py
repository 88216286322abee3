"""Attacks on the weights: worked by hand on small matrices, and the system is afterwards as it was."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

import toys
from audit.attacks.grounds import answers, bits, delta, ground, model
from benign.audit.attacks import Attack, Found
from benign.audit.attacks.add_noise import AddNoise, noisy
from benign.audit.attacks.interpolate import Interpolate
from benign.audit.attacks.patch_layers import PatchLayers, lowest
from benign.audit.attacks.prune import Prune, pruned
from benign.audit.attacks.quantise_int4 import QuantiseInt4
from benign.audit.attacks.quantise_int8 import QuantiseInt8
from benign.audit.attacks.remove_adapter import RemoveAdapter
from benign.audit.attacks.rounding import rounded
from benign.audit.attacks.tampered import Tampered, decoder_matrices
from benign.audit.attacks.towards import towards
from benign.audit.score import Score
from benign.data.record import Data
from benign.engine.serve import Served, System
from benign.errors import NotMeasured
from benign.models.load import Model


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return model(tmp_path_factory.mktemp("original"))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return model(tmp_path_factory.mktemp("other"), seed=3)


def test_four_bits_by_hand() -> None:
    """Steps of 0.1 (0.7 / 7) and 0.2 (1.4 / 7); 0.25 and 0.15 are halves, which go to the even number of steps."""
    weight = torch.tensor([[0.7, -0.34, 0.04, 0.25], [-1.4, 0.31, 0.0, 0.15]], dtype=torch.float64)
    wanted = torch.tensor([[0.7, -0.3, 0.0, 0.2], [-1.4, 0.4, 0.0, 0.2]], dtype=torch.float64)
    assert torch.allclose(rounded(weight, 4), wanted, atol=1e-6)


def test_each_group_has_its_own_step_and_the_last_may_be_short() -> None:
    weight = torch.tensor([[7.0, 3.4, 0.7, 0.34, 0.0]])
    assert torch.allclose(rounded(weight, 4, group=2), torch.tensor([[7.0, 3.0, 0.7, 0.3, 0.0]]))
    assert torch.allclose(rounded(weight, 4), torch.tensor([[7.0, 3.0, 1.0, 0.0, 0.0]]))


def test_rounding_again_changes_nothing_and_the_error_is_half_a_step() -> None:
    weight = torch.randn(3, 5, 40, generator=torch.Generator().manual_seed(0))
    for bits_, group in ((8, None), (4, 16)):
        once = rounded(weight, bits_, group)
        assert torch.equal(rounded(once, bits_, group), once)
        step = weight.abs().amax() / (2 ** (bits_ - 1) - 1)
        assert 0 < (once - weight).abs().max() <= step / 2 + 1e-6


def test_a_change_below_half_a_step_is_rounded_away() -> None:
    """Zhang et al. 2025: the quantised unlearned model is the quantised original."""
    weight = torch.randint(-6, 7, (4, 16), generator=torch.Generator().manual_seed(0)).float()
    weight[:, 0] = 7.0
    change = 0.4 * torch.rand(4, 16, generator=torch.Generator().manual_seed(1))
    change[:, 0] = 0.0
    assert torch.equal(rounded(weight + change, 4), rounded(weight, 4))
    assert not torch.equal(rounded(weight + change, 8), rounded(weight, 8))


def test_the_smallest_weights_are_pruned() -> None:
    weight = torch.tensor([[0.5, -0.1, 0.3], [-0.2, 0.2, -4.0]])
    assert torch.equal(pruned(weight, 0.5), torch.tensor([[0.5, 0.0, 0.3], [0.0, 0.0, -4.0]]))
    assert torch.equal(pruned(weight, 0.34), torch.tensor([[0.5, 0.0, 0.3], [0.0, 0.2, -4.0]])), "the first of equals"
    assert torch.equal(pruned(weight, 0.0), weight)


def test_noise_has_the_size_that_it_should_and_depends_on_the_seed_alone() -> None:
    weight = 3.0 * torch.ones(200, 200)
    added = noisy(weight, 0.1, 5) - weight
    assert abs(float(added.std()) - 0.3) < 0.005 and abs(float(added.mean())) < 0.005
    torch.manual_seed(9)
    assert torch.equal(noisy(weight, 0.1, 5) - weight, added)
    assert not torch.equal(noisy(weight, 0.1, 6) - weight, added)


def test_only_the_decoders_matrices_are_touched(original: Model) -> None:
    names = set(decoder_matrices(original))
    assert "model.layers.1.mlp.up_proj.weight" in names and len(names) == 2 * 7
    assert not any(part in name for name in names for part in ("norm", "embed", "lm_head"))


@pytest.mark.parametrize(
    "attack", [QuantiseInt4(), QuantiseInt8(), Prune(), AddNoise(), Interpolate(), RemoveAdapter(), PatchLayers()]
)
def test_the_system_is_afterwards_as_it_was(attack: Attack, original: Model, tmp_path: Path) -> None:
    served = Served(original, (delta(original),))
    before, said = bits(original), answers(served)
    found = attack(ground(served, Served(original), tmp_path))
    assert isinstance(found.score, Score) and len(found.evidence) == 2
    assert bits(original) == before and answers(served) == said


def test_the_system_is_as_it_was_after_an_attack_that_died(original: Model) -> None:
    before = bits(original)

    def dies(name: str, weight: torch.Tensor) -> torch.Tensor:
        if "layers.1" in name:
            raise KeyboardInterrupt
        return weight + 1

    with pytest.raises(KeyboardInterrupt):
        Tampered(Served(original, (delta(original),)), dies, "dies").generate(toys.data().forget, max_new_tokens=1)
    assert bits(original) == before


def test_what_is_deployed_is_attacked_and_not_the_base_below_it(original: Model) -> None:
    """The adapter is merged before the weights are rounded."""
    change = delta(original)
    seen: dict[str, torch.Tensor] = {}

    def look(name: str, weight: torch.Tensor) -> torch.Tensor:
        seen[name] = weight.clone()
        return weight

    system = Tampered(Served(original, (change,)), look, "look")
    assert answers(system) == answers(Served(original, (change,)))
    known = dict(original.module.named_parameters())
    for name in change.tensors:
        assert torch.allclose(seen[name], known[name] + change.dense(name))


def test_two_budgets_and_two_systems_are_told_apart(original: Model, tmp_path: Path) -> None:
    served = Served(original)
    systems = [
        Tampered(served, lambda _, w: w, "a"),
        Tampered(served, lambda _, w: w, "b"),
        Tampered(Served(original, (delta(original),)), lambda _, w: w, "a"),
        Tampered(served, lambda _, w: w, "a", beside=Served(original, (delta(original),))),
        served,
    ]
    assert len({system.digest for system in systems}) == len(systems)


def between(served: Served, original: Served, alpha: float) -> System | NotMeasured:
    return towards(served, original, lambda name: alpha, str(alpha))


def test_between_ends_at_the_system_and_at_the_original(original: Model, other: Model) -> None:
    for served in (Served(original, (delta(original, scale=3.0),)), Served(other, (delta(other),))):
        near, far = between(served, Served(original), 0.0), between(served, Served(original), 1.0)
        assert not isinstance(near, NotMeasured) and not isinstance(far, NotMeasured)
        assert answers(near) == answers(served)
        assert answers(far) == answers(Served(original))
        middle = between(served, Served(original), 0.5)
        assert not isinstance(middle, NotMeasured)
        assert answers(middle)[1] not in (answers(near)[1], answers(far)[1])


def test_half_way_is_the_mean_of_the_weights(original: Model, other: Model) -> None:
    change = delta(other)
    system = between(Served(other, (change,)), Served(original), 0.25)
    assert isinstance(system, Tampered)
    own, target = dict(other.module.named_parameters()), dict(original.module.named_parameters())
    name = "model.layers.0.self_attn.q_proj.weight"
    wanted = 0.75 * (own[name] + change.dense(name)) + 0.25 * target[name]
    with system.open():
        assert torch.allclose(own[name], wanted, atol=1e-6)
        assert torch.allclose(
            own["lm_head.weight"], 0.75 * _kept(other, "lm_head.weight") + 0.25 * target["lm_head.weight"]
        )


def _kept(model: Model, name: str) -> torch.Tensor:
    from safetensors.torch import load_file

    tensors = load_file(Path(model.source) / "model.safetensors")
    return tensors[name]


def test_the_lower_layers_are_the_originals_and_the_upper_ones_its_own(original: Model, other: Model) -> None:
    """The hidden state after the first layer is the original's at every place, and what follows is not."""
    served = Served(other, (delta(other),))
    system = towards(served, Served(original), lowest(other, 1), "one")
    assert isinstance(system, Tampered)
    example = original.encoder.full(toys.data().forget[0])
    embedded = original.module.model.embed_tokens(example.inputs["input_ids"])

    def states(module: torch.nn.Module) -> list[torch.Tensor]:
        # From the same embeddings: what is patched is what the layers make of them.
        return [h.clone() for h in module.model(inputs_embeds=embedded, output_hidden_states=True).hidden_states]

    with torch.no_grad():
        wanted = states(original.module)
        with system.open():
            found = states(other.module)
    assert torch.equal(found[1], wanted[1])
    assert not torch.allclose(found[2], wanted[2], atol=1e-2)
    kept = dict(other.module.named_parameters())
    with system.open():
        name = "model.layers.1.mlp.up_proj.weight"
        assert torch.equal(kept[name], _kept(other, name) + served.deltas[0].dense(name))
        assert torch.equal(kept["lm_head.weight"], _kept(other, "lm_head.weight"))


def test_an_adapter_is_taken_off_the_lower_layers_only(original: Model) -> None:
    change = delta(original)
    for count, left in ((0, (0, 0, 1)), (1, (1,)), (2, ())):
        system = towards(Served(original, (change,)), Served(original), lowest(original, count), "")
        assert isinstance(system, Served)
        names = [name for part in system.deltas for name in part.tensors]
        assert sorted(int(name.split(".")[2]) for name in names) == list(left)
    assert answers(system) == answers(Served(original))


def test_a_model_of_another_shape_has_nothing_between(original: Model, other: Model) -> None:
    found = between(Served(dataclasses.replace(other, module=other.module.model)), Served(original), 0.5)
    assert isinstance(found, NotMeasured)


def test_without_an_adapter_there_is_none_to_take_off(original: Model, tmp_path: Path) -> None:
    served = Served(original)
    assert RemoveAdapter()(ground(served, served, tmp_path)).score == NotMeasured(
        "there is no adapter to take off: the weights are whole"
    )


def test_without_the_adapter_the_original_answers(original: Model, tmp_path: Path) -> None:
    served = Served(original, (delta(original, scale=9.0),))
    found = RemoveAdapter()(ground(served, Served(original), tmp_path))
    assert [o.text for o in found.evidence] == answers(Served(original))[0] != answers(served)[0]


def test_an_empty_forget_set_is_a_reason(original: Model, tmp_path: Path) -> None:
    served = Served(original)
    found = Prune()(ground(served, served, tmp_path, data=Data()))
    assert found == Found(NotMeasured("no memory questions in the forget set"))


def test_a_weight_may_be_of_another_type() -> None:
    weight = torch.randn(4, 8, generator=torch.Generator().manual_seed(0)).to(torch.bfloat16)
    for changed in (rounded(weight, 8), pruned(weight, 0.3), noisy(weight, 0.1, 0)):
        assert changed.dtype == torch.bfloat16 and changed.shape == weight.shape
