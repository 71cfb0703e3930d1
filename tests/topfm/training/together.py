"""Train in float64 and write the weights: python together.py DATASET FOLDER ENCODER TASK...

One process, or several where the environment says so.
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

from topfm.config import Data, Encoder, Task, Training
from topfm.data.events import load_events
from topfm.data.weights import weighted
from topfm.model import make_model
from topfm.training.loop import Trainer

dataset, folder, encoder, *tasks = sys.argv[1:]
train, label = load_events(dataset, split="train", limit=203)
validation, _ = load_events(dataset, split="validation", classes=label.classes, limit=81)
torch.manual_seed(5)
model = make_model(Encoder(name=encoder), {task: Task(weight=0.7) for task in tasks}, label)
model.normaliser.fit(train)
trainer = Trainer(
    model.double(),
    weighted(train, label, Data()),
    weighted(validation, label, Data(), complete=False),
    Training(epochs=2, batch_size=20, learning_rate=1e-3, schedule="constant", average=0.5),
)
place = trainer.run()
assert len(place.log) * trainer.steps == 20
if trainer.rank == 0:
    save_file(model.state_dict(), Path(folder) / f"of-{trainer.ranks}.safetensors")
    losses = torch.tensor([record["validation"]["loss"] for record in place.log])
    save_file({"losses": losses}, Path(folder) / f"losses-{trainer.ranks}.safetensors")
