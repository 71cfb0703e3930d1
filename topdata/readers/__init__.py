"""One module or package per input format; each is an entry point of ``topdata.readers``."""
