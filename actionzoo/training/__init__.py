"""Training: a recipe, a loop for one device or many, and the run folder that holds what came out."""

from actionzoo.training.finetuning import Finished, finetune
from actionzoo.training.papers import choose_recipe, papers_recipe
from actionzoo.training.recipe import Recipe

__all__ = ["Finished", "Recipe", "choose_recipe", "finetune", "papers_recipe"]
