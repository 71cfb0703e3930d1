"""How good a model is: figures with errors, baselines, plots. Arrays in, no model needed."""
