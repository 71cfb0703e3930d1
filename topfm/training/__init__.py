"""How weights are found: optimiser, loop, state that survives an interruption."""
