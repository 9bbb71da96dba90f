"""Walk-forward: recipes and baselines refitted fold after fold, judged out of fold."""
