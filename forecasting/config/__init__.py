"""The recipe: everything that decides a model, as one strict tree read from YAML."""

from forecasting.config.network import QUANTILE_LEVELS as QUANTILE_LEVELS
from forecasting.config.network import NetworkConfig as NetworkConfig
from forecasting.config.reading import load_recipe as load_recipe
from forecasting.config.reading import recipe_from_tree as recipe_from_tree
from forecasting.config.recipe import DataConfig as DataConfig
from forecasting.config.recipe import Recipe as Recipe
from forecasting.config.recipe import TrainingConfig as TrainingConfig
