"""Training: a recipe, a loop for one device or many, and the run folder that holds the results."""

from actionzoo.training.finetuning import TrainingResult, finetune
from actionzoo.training.papers import choose_recipe, papers_recipe
from actionzoo.training.recipe import Recipe

__all__ = ["Recipe", "TrainingResult", "choose_recipe", "finetune", "papers_recipe"]
