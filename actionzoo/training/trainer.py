"""One training: data, network, loop and callbacks put together, and the files of its run folder."""

from __future__ import annotations

import json
from collections.abc import Sequence

import keras
import tensorflow as tf

from actionzoo.data.augment import Augmentation, papers
from actionzoo.data.dataset import TRAIN, VideoDataset, write_csv
from actionzoo.data.decoded import Source, Subset
from actionzoo.data.layouts.found import VALIDATION
from actionzoo.data.pipeline import BatchSchedule, ClipDataset
from actionzoo.inference.model import Model
from actionzoo.training import callbacks as ours
from actionzoo.training.initialization import initial_network
from actionzoo.training.loop import fit
from actionzoo.training.recipe import Recipe
from actionzoo.training.run import ENVIRONMENT, LOGS, METRICS, RECIPE, SPLIT, Run, environment, fingerprint
from actionzoo.training.steps import DistributedSteps
from actionzoo.video.spec import InputSpec


def train(
    run: Run,
    source: Source,
    recipe: Recipe,
    model: Model | None,
    spec: InputSpec,
    strategy: tf.distribute.Strategy,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> ours.History:
    """Train a network, or continue the training of the run folder, and write its files.

    `model` is the one to start from, or `None` for a network of the zoo; `recipe` is fitted to the training videos.
    Returns the metrics of all epochs.
    """
    keras.utils.set_random_seed(recipe.seed)
    with strategy.scope():
        network = initial_network(recipe, model, spec)
        clips = _clips(source, TRAIN, recipe, spec, network)
        count = clips.schedule.steps_per_epoch
        steps = DistributedSteps(network, recipe, recipe.epochs * count, strategy)
    validates = any(video.split == VALIDATION for video in source.videos)
    validation = _clips(source, VALIDATION, recipe, spec, network) if validates else None
    history = ours.History()
    best = ours.BestWeights(history)
    checkpoint = ours.Checkpoint(run, steps.variables, history, best, spec, fingerprint(source))
    listed = [
        ours.CheckFinite(),
        ours.FreezingSchedule(network, recipe),
        history,
        *([ours.EarlyStopping(history, recipe.patience)] if validates and recipe.patience else []),
        *callbacks,
        *([best] if validates else []),
        *([ours.TensorBoard(run.folder / LOGS)] if run.writes else []),
        checkpoint,
    ]
    told = keras.callbacks.CallbackList(listed, model=network, epochs=recipe.epochs, steps=count)
    if run.resumes:
        checkpoint.restore()
    else:
        _write_settings(run, source, recipe, strategy)
        checkpoint.save()
    fit(steps, clips, validation, range(len(history.rows), recipe.epochs), told)
    if validates:
        checkpoint.write_last()
    run.write(METRICS, json.dumps(history.metrics, indent=1) + "\n")
    return history


def _clips(source: Source, split: str, recipe: Recipe, spec: InputSpec, network: keras.Model) -> ClipDataset:
    """The clips of a split: those for training in random order and augmented as the recipe says, others plain."""
    chosen = Subset(source, [index for index, video in enumerate(source.videos) if video.split == split])
    training = split == TRAIN
    augmentation = _augmentation(recipe) if training else None
    schedule = BatchSchedule(len(chosen), recipe.batch_size, recipe.seed if training else 0, shuffled=training)
    return ClipDataset(chosen, spec, schedule, augmentation, tuple(network.input))


def _augmentation(recipe: Recipe) -> Augmentation | None:
    """The augmentation of the recipe's `crop`."""
    if recipe.crop == "none":
        return None
    if recipe.crop == "zoom":
        return Augmentation(stride=recipe.stride_range)
    return papers(recipe.crop, recipe.stride_range)


def _write_settings(run: Run, source: Source, recipe: Recipe, strategy: tf.distribute.Strategy) -> None:
    run.write(RECIPE, recipe.to_toml())
    if run.writes:
        write_csv(VideoDataset(source.classes, source.videos), run.folder / SPLIT)
    run.write(ENVIRONMENT, json.dumps(environment(strategy), indent=1) + "\n")
