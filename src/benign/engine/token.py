"""A new token is learned, after which the model refuses; only its rows get gradients (UniErase, arXiv 2505.15674)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext

import torch
from torch import Tensor, nn

from benign.data.batch import Batch
from benign.data.record import Record, of_kind
from benign.engine.draw import derived_seed, records_of
from benign.engine.recipe import LearnToken, Optim
from benign.engine.train import learning_rate
from benign.engine.weigh import moving
from benign.errors import UserError
from benign.models.change import Delta
from benign.models.collate import IGNORED, collate, continued
from benign.models.delta import applied
from benign.models.families.neurons import readers
from benign.models.forward import answer_rows
from benign.models.load import Model
from benign.models.vocabulary import NewToken, extended, number_of
from benign.parts.targets import Context
from benign.parts.targets.refusal import Refusal

Report = Callable[[str, int, int], None]


def learned_token(model: Model, stage: LearnToken, context: Context, report: Report) -> Delta:
    """The token as a change of the model that consists of nothing else.

    Args:
        model: The model; its weights stay.
        stage: What is learned, and how.
        context: The user's records and the run's seed.
        report: Called as (what is being done, done, total).

    Raises:
        UserError: There is no forget question, or the tokenizer knows the token already.
    """
    records = of_kind(records_of(context.data, "forget"), "memory")
    if not records:
        raise UserError("no memory question to refuse", where="forget")
    number = number_of(model.processor.tokenizer, stage.text)
    read, said = _tables(model)
    tied = _tied(model)
    embedding = nn.Parameter(_ordinary(read, derived_seed(context.seed, stage.name, "embedding")))
    own = _ordinary(said, derived_seed(context.seed, stage.name, "head"))
    head = embedding if tied else nn.Parameter(own, requires_grad=stage.head == "trained")
    rows = [embedding] if tied or not head.requires_grad else [embedding, head]
    model.module.eval()
    with (
        moving(model.module, {}),
        extended(model.module, {stage.text: NewToken(number, embedding, head)}),
        _spoken(model, number, embedding, head),
    ):
        _train(model, stage, records, number, rows, context, report)
    return Delta({}, {stage.text: NewToken(number, embedding.detach(), head.detach())})


def _tables(model: Model) -> tuple[Tensor, Tensor]:
    return model.module.get_input_embeddings().weight, model.module.get_output_embeddings().weight


def _tied(model: Model) -> bool:
    read, said = _tables(model)
    return read is said


def _train(
    model: Model, stage: LearnToken, records: Sequence[Record], number: int, rows: Sequence[nn.Parameter],
    context: Context, report: Report,
) -> None:  # fmt: skip
    optimizer = _optimizer(stage.optim, rows)
    per_epoch = -(-len(records) // stage.batch)
    total = stage.optim.steps or max(1, round((stage.optim.epochs or 0) * per_epoch))
    # Where both tables are one, a row that learns to close refusals would be said behind every answer.
    closing = stage.head == "trained" or not _tied(model)
    for step in range(total):
        optimizer.param_groups[0]["lr"] = learning_rate(stage.optim, step, total)
        epoch, place = divmod(step, per_epoch)
        order = _order(len(records), derived_seed(context.seed, stage.name, epoch))
        chosen = [records[i] for i in order[place * stage.batch : (place + 1) * stage.batch]]
        said = Refusal(stage.refusals).answers(chosen, [epoch] * len(chosen), context)
        examples = [
            refusing(model, record, number, answer, closing) for record, answer in zip(chosen, said, strict=True)
        ]
        with _disturbed(model, stage, step, total, context.seed):
            loss = -answer_rows(model, collate(examples, pad_id=model.processor.pad_id)).logp.mean()
            gradients = torch.autograd.grad(loss, rows)
        for row, gradient in zip(rows, gradients, strict=True):
            row.grad = gradient
        optimizer.step()
        report(f"learn {stage.text}", step + 1, total)


def _optimizer(optim: Optim, rows: Sequence[nn.Parameter]) -> torch.optim.Optimizer:
    if optim.optimizer == "sgd":
        return torch.optim.SGD(rows, lr=optim.lr, weight_decay=optim.weight_decay)
    return torch.optim.AdamW(rows, lr=optim.lr, betas=optim.betas, weight_decay=optim.weight_decay)


def refusing(model: Model, record: Record, number: int, refusal: str, closing: bool = True) -> Batch:
    """The question, the token, a refusal, the token again if it closes one, and what ends an answer; behind the first
    all is labelled."""
    full = model.encoder.full(record, answer=refusal)
    said = full.labels[full.labels != IGNORED]
    token = said.new_tensor([number])
    again = token[:closing]
    return continued(model.encoder.prompt(record), torch.cat([token, said[:-1], again, said[-1:]]), unlabelled=1)


def _ordinary(table: Tensor, seed: int) -> Tensor:
    """[H] a row like the others: a head whose row were their mean could never say the token."""
    rows = table.detach().float()
    drawn = torch.randn(rows.shape[1], generator=torch.Generator().manual_seed(seed)).to(rows)
    return rows.mean(0) + rows.std(0) * drawn


def _order(count: int, seed: int) -> list[int]:
    generator = torch.Generator().manual_seed(seed)
    return list(torch.randperm(count, generator=generator).tolist())


@contextmanager
def _spoken(model: Model, number: int, embedding: Tensor, head: Tensor) -> Iterator[None]:
    """Within it the token's rows are these tensors, which gradients reach."""
    table = model.module.get_input_embeddings()
    scale = _scale(table, number)

    def read(_: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
        return torch.where((args[0] == number)[..., None], (scale * embedding).to(output), output)

    def write(_: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
        own = (args[0] @ head.to(args[0]))[..., None]
        return torch.cat([output[..., :number], own.to(output), output[..., number + 1 :]], dim=-1)

    with ExitStack() as hooks:
        hooks.callback(table.register_forward_hook(read).remove)
        hooks.callback(model.family.head_of(model.module).register_forward_hook(write).remove)
        yield


@torch.no_grad()
def _scale(table: nn.Module, number: int) -> float:
    """What an embedding multiplies its rows by: the square root of their length in some families, else 1."""
    row = table.get_parameter("weight")[number].float()
    seen = table(torch.tensor([number], device=row.device))[0].float()
    return float(seen @ row / (row @ row))


@contextmanager
def _disturbed(model: Model, stage: LearnToken, step: int, total: int, seed: int) -> Iterator[None]:
    late = step - total // 2
    if not stage.noise or not stage.layers or late < 0:
        with nullcontext():
            yield
        return
    name = f"{editable(model, [stage.layers[late % len(stage.layers)]])[0]}.weight"
    weight = model.module.get_parameter(name).detach()
    generator = torch.Generator().manual_seed(derived_seed(seed, stage.name, "noise", step))
    noise = torch.randn(weight.shape, generator=generator) * stage.noise * float(weight.float().std())
    with applied(model, Delta({name: noise})):
        yield


def editable(model: Model, layers: Sequence[int]) -> list[str]:
    """The module of each layer that reads its feed-forward neurons.

    Raises:
        UserError: The model has no such layer, or the layer has experts.
    """
    found: dict[int, list[str]] = {}
    for reader in readers(model.module, model.family):
        if not reader.seeing:
            found.setdefault(reader.number, []).append(reader.name)
    numbers = [model.family.layer_number(model.module, layer) for layer in layers]
    if lost := [number for number in numbers if len(found.get(number, [])) != 1]:
        raise UserError(
            f"layer {lost[0]} has {len(found.get(lost[0], []))} feed-forward readers", where="layers",
            fix="an edit needs layers with one down_proj each, and no experts",
        )  # fmt: skip
    return [found[number][0] for number in numbers]
