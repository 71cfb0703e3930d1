"""``masked``: find what was hidden from an event, and its true Ws and tops.

The first level of arXiv:2511.09335. Hidden variables are predicted standardised, an azimuth as sine
and cosine (squared error), hidden types over all codes including *none* (cross-entropy). True Ws
and tops are never shown: they are slots of which everything is hidden, so answering is regression.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from topdata.schema import slots
from topdata.schema.codes import ObjectType
from topfm.data.batch import HIDDEN_TYPE, EventBatch, hide
from topfm.data.columns import COLUMNS, VARIABLES
from topfm.data.draw import Draw
from topfm.data.events import Events, Label, present
from topfm.data.normalise import Normaliser
from topfm.interfaces import Encoded, Question, Term

TRUE_SLOTS = slots.MAX_TOPS  # of Ws, and as many of tops, behind the slots of objects
_OBJECTS = slots.N_SLOTS
_ANSWERS = len(VARIABLES) + 1  # phi takes two
_PHI = VARIABLES.index("phi")


class Masked(nn.Module):
    """Heads for values and types, and a learned question for each slot.

    ``fraction`` of the variables and types are hidden; in a share ``objectwise`` of the events
    whole slots instead, empty ones too, so that how many objects there are is asked as well.
    """

    name: ClassVar[str] = "masked"
    needs_label: ClassVar[bool] = False
    reads_objects: ClassVar[bool] = True

    def __init__(
        self, width: int, label: Label | None, fraction: float = 0.3, objectwise: float = 0.5,
        type_share: float = 1.0, truth: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        if not 0 < fraction < 1 or not 0 <= objectwise <= 1 or type_share < 0:
            raise ValueError("fraction is above 0 and below 1, objectwise from 0 to 1")
        self._options = {
            "fraction": fraction, "objectwise": objectwise,
            "type_share": type_share, "truth": truth,
        }  # fmt: skip
        self.fraction, self.objectwise = fraction, objectwise
        self.type_share, self.truth = type_share, truth
        n_slots = _OBJECTS + 2 * TRUE_SLOTS * truth
        self.questions = nn.Parameter(0.02 * torch.randn(n_slots, width))
        self.inner = nn.Linear(width, 2 * width)
        self.values = nn.Linear(2 * width, _ANSWERS)
        self.types = nn.Linear(2 * width, HIDDEN_TYPE)

    def ask(self, batch: EventBatch, draw: Draw) -> Question:
        """Hide at random from a batch, and append the slots of true Ws and tops."""
        return self.question(batch, *self.masks(batch, draw, self.objectwise))

    def masks(
        self, batch: EventBatch, draw: Draw, objectwise: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Draw what to hide: variables (bool [B, N, V]), types and whole slots (bool [B, N])."""
        device = batch.type.device
        whole_event = draw.uniform(1).to(device) < objectwise
        whole = (draw.uniform(_OBJECTS).to(device) < self.fraction) & whole_event
        single = (draw.uniform(_OBJECTS, len(VARIABLES) + 1).to(device) < self.fraction) & (
            ~whole_event & batch.there
        ).unsqueeze(-1)
        return single[..., :-1], single[..., -1], whole

    def question(self, batch: EventBatch, values: Tensor, types: Tensor, whole: Tensor) -> Question:
        """Hide variables (bool [B, N, V]), types and whole slots (bool [B, N]) from a batch."""
        values = (values | whole.unsqueeze(-1)) & batch.there.unsqueeze(-1)
        types = types | whole
        shown = hide(batch, values | whole.unsqueeze(-1), types)
        counts = batch.counts * ~whole.any(1, keepdim=True)  # they would tell how many are hidden
        shown = replace(shown, there=batch.there | whole, counts=counts)
        if self.truth:
            shown, values, types, whole = _with_truth(shown, values, types, whole)
        query = self.questions.to(shown.columns.dtype) * whole.unsqueeze(-1)
        return Question(shown, query, values, types)

    def terms(
        self, encoded: Encoded, question: Question, events: Events, normaliser: Normaliser
    ) -> dict[str, Term]:
        """Return squared errors of values by hidden entry, and cross-entropy by hidden type."""
        assert question.values is not None
        assert question.types is not None
        answers, logits = self.answers(encoded)
        targets, kinds = self.targets(events, normaliser)
        exists = present(kinds)
        asked = _spread(question.values | (_true_part(question.values) & exists.unsqueeze(-1)))
        weight = events.weight.to(answers.dtype)[:, None]
        error = ((answers - targets).square() * asked).sum(-1) * weight
        entropy = functional.cross_entropy(
            logits.flatten(0, 1), kinds.flatten(), reduction="none"
        ).view_as(weight.expand(kinds.shape))
        types = question.types & (events.truth.unsqueeze(1) | ~_true_part(question.types))
        return {
            "values": Term(error.sum(), asked.sum().to(error.dtype)),
            "types": Term((entropy * types * weight).sum(), types.sum().to(error.dtype),
                          self.type_share),
        }  # fmt: skip

    def answers(self, encoded: Encoded) -> tuple[Tensor, Tensor]:
        """Return standardised answers, float [B, S, 8], and scores of types, float [B, S, 12]."""
        hidden = functional.gelu(self.inner(encoded.objects))
        return self.values(hidden), self.types(hidden)

    def targets(self, events: Events, normaliser: Normaliser) -> tuple[Tensor, Tensor]:
        """Return what should be answered, float [B, S, 8], and the types, int64 [B, S]."""
        parts = [_folded(normaliser, events.variables, "object")]
        kinds = [events.type.long()]
        if self.truth:
            for kind, code, values in (("w", ObjectType.W, events.ws),
                                       ("top", ObjectType.TOP, events.tops)):  # fmt: skip
                parts.append(_folded(normaliser, values, kind))
                kinds.append((values[..., 0] > 0).long() * int(code))
        return torch.cat(parts, dim=1), torch.cat(kinds, dim=1)

    def restored(self, answers: Tensor, normaliser: Normaliser) -> Tensor:
        """Return answers as variables in GeV and radians, float [B, S, 7]."""
        sizes = [_OBJECTS, TRUE_SLOTS, TRUE_SLOTS] if self.truth else [_OBJECTS]
        parts = torch.split(answers, sizes, dim=1)
        kinds = normaliser.kinds[: len(parts)]
        return torch.cat(
            [_unfolded(normaliser, p, k) for p, k in zip(parts, kinds, strict=True)], 1
        )

    def options(self) -> dict[str, Any]:
        """See :class:`topfm.interfaces.Task`."""
        return dict(self._options)


def _with_truth(
    batch: EventBatch, values: Tensor, types: Tensor, whole: Tensor
) -> tuple[EventBatch, Tensor, Tensor, Tensor]:
    """Append slots of which all is hidden. Their values are asked for where they exist."""
    n, more, v = len(whole), 2 * TRUE_SLOTS, len(VARIABLES)
    yes = whole.new_ones(n, more)
    batch = replace(
        batch,
        columns=torch.cat([batch.columns, batch.columns.new_zeros(n, more, len(COLUMNS))], 1),
        type=torch.cat([batch.type, batch.type.new_full((n, more), HIDDEN_TYPE)], 1),
        there=torch.cat([batch.there, yes], 1),
        hidden=torch.cat([batch.hidden, whole.new_ones(n, more, v)], 1),
        variables=torch.cat([batch.variables, batch.variables.new_zeros(n, more, v)], 1),
    )  # fmt: skip
    return (
        batch,
        torch.cat([values, whole.new_zeros(n, more, v)], 1),
        torch.cat([types, yes], 1),
        torch.cat([whole, yes], 1),
    )


def _true_part(values: Tensor) -> Tensor:
    """Return which of bool [B, S, ...] belong to slots of true particles."""
    part = torch.zeros_like(values)
    part[:, _OBJECTS:] = True
    return part


def _spread(asked: Tensor) -> Tensor:
    """Give sine and cosine the flag of phi: [B, S, 7] to [B, S, 8]."""
    return torch.cat([asked[..., : _PHI + 1], asked[..., _PHI:]], dim=-1)


def _folded(normaliser: Normaliser, variables: Tensor, kind: str) -> Tensor:
    """Return standardised variables with phi as sine and cosine of spread about 1."""
    variables = variables.to(normaliser.target_mean.dtype)
    standard = normaliser.targets(variables, kind)
    phi = variables[..., _PHI]
    circle = math.sqrt(2) * torch.stack([phi.sin(), phi.cos()], dim=-1)
    return torch.cat([standard[..., :_PHI], circle, standard[..., _PHI + 1 :]], dim=-1)


def _unfolded(normaliser: Normaliser, answers: Tensor, kind: str) -> Tensor:
    phi = torch.atan2(answers[..., _PHI], answers[..., _PHI + 1])
    standard = torch.cat(
        [answers[..., :_PHI], torch.zeros_like(phi).unsqueeze(-1), answers[..., _PHI + 2 :]], dim=-1
    )
    variables = normaliser.restored(standard, kind)
    return torch.cat([variables[..., :_PHI], phi.unsqueeze(-1), variables[..., _PHI + 1 :]], dim=-1)
