"""Hubs, as topfm uses them: addresses become verified local folders."""
