"""Objectives: one file each, found through the entry points ``topfm.tasks``."""
