"""What a command does, as a function: train, fine-tune, evaluate, score, search."""
