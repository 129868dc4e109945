"""What callbacks make of metrics, without a network that is trained."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest

from actionzoo.errors import TrainingError
from actionzoo.training import Recipe
from actionzoo.training.callbacks import BestWeights, CheckFinite, EarlyStopping, FreezingSchedule, History
from actionzoo.training.loop import StepMetrics


def network() -> keras.Model:
    clip = keras.Input((3,))
    hidden = keras.layers.BatchNormalization(name="motion_bn")(keras.layers.Dense(4, name="motion_conv")(clip))
    return keras.Model(clip, keras.layers.Dense(2, name="logits")(hidden), name="tiny")


def history_of(*losses: float) -> History:
    history = History()
    for epoch, loss in enumerate(losses):
        history.on_epoch_end(epoch, {"loss": 10.0 * epoch, "accuracy": 0.5, "val_loss": loss, "val_accuracy": 0.25})
    return history


def test_sums_over_steps() -> None:
    total = StepMetrics(8.0, 3, 4, 2.0, 0.5) + StepMetrics(1.0, 1, 1, 1.0, 0.25)
    expected = {"loss": 9 / 5, "accuracy": 4 / 5, "clips_a_second": 5 / 3, "seconds": 3.0, "waited": 0.25}
    assert total.logs() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("losses", "best"), [((3.0, 1.0, 2.0), 1), ((2.0, 2.0), 0), ((math.nan, 5.0), 1), ((math.nan, math.nan), 0)]
)
def test_the_epoch_with_the_lowest_validation_loss_counts(losses: tuple[float, ...], best: int) -> None:
    history = history_of(*losses)
    assert history.best == best
    metrics = history.metrics
    assert (metrics["training_loss"], metrics["validation_accuracy"]) == (10.0 * best, 0.25)
    assert metrics["validation_loss"] == pytest.approx(losses[best], nan_ok=True)
    assert metrics["epochs"] == len(losses)


def test_without_a_validation_the_last_epoch_counts() -> None:
    history = History()
    for epoch in range(3):
        history.on_epoch_end(epoch, {"loss": float(epoch), "accuracy": 0.5})
    assert history.metrics == {"training_loss": 2.0, "training_accuracy": 0.5, "epochs": 3}


@pytest.mark.parametrize(("losses", "stops"), [((), False), ((3.0, 1.0, 2.0), False), ((1.0, 2.0, 3.0), True)])
def test_early_stopping_counts_epochs_before_a_resume(losses: tuple[float, ...], stops: bool) -> None:
    model = network()
    model.stop_training = False
    early = EarlyStopping(history_of(*losses), patience=2)
    early.set_model(model)
    early.on_train_begin()
    assert model.stop_training == stops


def test_best_weights_are_those_of_the_best_epoch() -> None:
    model, history = network(), History()
    best = BestWeights(history)
    best.set_model(model)
    for epoch, loss in enumerate((2.0, 1.0, 3.0)):
        model.get_layer("logits").bias.assign(np.full(2, epoch))
        history.on_epoch_end(epoch, {"val_loss": loss})
        best.on_epoch_end(epoch)
    np.testing.assert_array_equal(best.weights["logits/bias"], [1, 1])


def test_what_is_frozen_when() -> None:
    model = network()
    schedule = FreezingSchedule(model, Recipe(freeze=("motion_*",), unfreeze=(0.25, 0.75), batch_norm="train"))
    schedule.set_model(model)
    schedule.set_params({"epochs": 2, "steps": 4})
    seen = []
    for epoch in range(2):
        schedule.on_epoch_begin(epoch)
        for batch in range(4):
            model.train_function = "traced"
            schedule.on_train_batch_begin(batch)
            frozen = {layer.name for layer in model.layers if layer.weights and not layer.trainable}
            seen.append((frozen, model.train_function is None))
    both, one = {"motion_conv", "motion_bn"}, {"motion_conv"}
    assert [frozen for frozen, _ in seen] == [both, both, one, one, one, one, set(), set()]
    assert [traced for _, traced in seen] == [True, False, True, False, False, False, True, False]


def test_non_finite_loss_and_weights() -> None:
    model = network()
    check = CheckFinite()
    check.set_model(model)
    check.on_epoch_begin(1)
    check.on_train_batch_end(0, {"loss": 1e300})
    check.on_epoch_end(1)
    with pytest.raises(TrainingError, match=r"^the loss is non-finite \(epoch 2, step 3\); .*--learning-rate$"):
        check.on_train_batch_end(2, {"loss": math.inf})
    model.get_layer("motion_bn").moving_variance.assign([1, 1, math.nan, 1])
    with pytest.raises(TrainingError, match=r"^weights are non-finite \(epoch 2\)"):
        check.on_epoch_end(1)
