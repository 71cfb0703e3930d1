"""A training as YAML and options: what is accepted, and how a fault is told."""

import pytest

from topdata.errors import RecipeError
from topfm.cli.options import configured
from topfm.config import RunConfig, load_config


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "run.yaml"
        path.write_text(text)
        return path

    return write


def test_defaults_are_a_whole_training():
    config = load_config(None)
    assert config == RunConfig()
    assert list(config.tasks) == ["classify"]
    assert config.training.seed == 0


def test_a_file_and_keys_put_over_it(written):
    path = written(
        "data: {label: process, classes: [tt, tttt]}\n"
        "tasks: {masked: {weight: 0.5, options: {fraction: 0.2}}}\n"
        "training: {epochs: 3, learning_rate: 1e-4}\n"
    )
    config = load_config(path, {"training.epochs": 7, "tasks.masked.options.truth": False})
    assert config.data.classes == ("tt", "tttt")
    assert config.training.epochs == 7
    assert config.training.learning_rate == 1e-4
    assert config.tasks["masked"].options == {"fraction": 0.2, "truth": False}
    assert config.training.batch_size == RunConfig().training.batch_size


def test_options_of_a_command(written):
    path = written("tasks: {masked: {weight: 0.5}}\ntraining: {epochs: 3}\n")
    config = configured(
        path, ["classify", "masked"], ["training.average=0.9", "training.clip=null",
                                       "training.learning_rate=1e-5", " data.label = n_jets > 4"],
        training__epochs=None, training__seed=4,
    )  # fmt: skip
    assert list(config.tasks) == ["classify", "masked"]
    assert config.tasks["masked"].weight == 0.5
    assert (config.training.epochs, config.training.seed) == (3, 4)
    assert (config.training.average, config.training.clip) == (0.9, None)
    assert config.training.learning_rate == 1e-5
    assert config.data.label == "n_jets > 4"
    assert list(configured(path, None, None).tasks) == ["masked"]
    assert list(configured(path, None, ["tasks.classify.weight=2"]).tasks) == ["masked", "classify"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("trainin: {}", "unknown key 'trainin'; did you mean 'training'?"),
        ("training: {epoch: 3}", "unknown key 'training.epoch'; did you mean 'epochs'?"),
        ("tasks: {classify: {wieght: 3}}", "did you mean 'weight'?"),
        ("training: {epochs: 0}", "training.epochs"),
        ("training: {epochs: 2.5}", "training.epochs"),
        ("training: {learning_rate: .nan}", "training.learning_rate"),
        ("training: {learning_rate: .inf}", "training.learning_rate"),
        ("training: {schedule: linear}", "training.schedule"),
        ("training: {average: 1}", "training.average"),
        ("data: {weights: flat}", "data.weights"),
        ("data: {labels: 0}", "data.labels"),
        ("tasks: {}", "tasks"),
        ("tasks: {classify:}", "tasks.classify"),
        ("finetune: {freeze: true, lora: 4}", "freeze and lora exclude each other"),
        ("finetune: {layer_decay: 1.5}", "finetune.layer_decay"),
        ("- 1", "a training is a mapping"),
        ("training: {epochs: 1, epochs: 2}", "stands twice"),
        ("training: {", "not a readable YAML file"),
    ],
)
def test_a_fault_is_one_line_with_the_file_and_the_key(written, text, told):
    path = written(text)
    with pytest.raises(RecipeError) as caught:
        load_config(path)
    assert str(caught.value).startswith(str(path))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("training.epochs", "write key=value"),
        ("training.epohcs=3", "did you mean 'epochs'?"),
        ("training.epochs=many", "training.epochs"),
        ("training.epochs.more=3", "epochs is no mapping"),
        ("data={", "--set data={"),
        ("=3", "unknown key ''"),
    ],
)
def test_a_fault_of_set_is_one_line(written, given, told):
    path = written("training: {epochs: 3}")
    with pytest.raises(RecipeError) as caught:
        configured(path, None, [given])
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_such_file(tmp_path):
    with pytest.raises(RecipeError, match="no such file"):
        load_config(tmp_path / "run.yaml")
