"""Honest stock forecasting on a Jamba-style hybrid of state spaces, attention and experts.

Rooms, from the top; each looks down only:

    cli                                the command line
    serving, report                    MLflow model; single-file HTML report
    training, evaluation, backtest     Lightning and MLflow; baselines and verdicts; strategies
    forecaster                         a trained model folder: load, save, forecast
    nn, forecast                       the network (torch only); the `Forecast` value
    kernels, market                    selective scan; prices, features, targets, splits
    config, errors, paths
"""

__version__ = "0.1.0"
