"""From a dataset to batches of tensors: events, labels, normalisation, order."""
