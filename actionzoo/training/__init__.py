"""Training: a recipe, a loop for one device or many, and the run folder that holds what came out."""

from actionzoo.training.finetune import Finished, finetune
from actionzoo.training.papers import papers_recipe
from actionzoo.training.recipe import Recipe

__all__ = ["Finished", "Recipe", "finetune", "papers_recipe"]
