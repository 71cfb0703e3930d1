"""Architectures: one file each, found through the entry points ``topfm.encoders``."""
