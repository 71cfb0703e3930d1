"""Reader of the event lines of the Dark Machines anomaly challenge."""

from topdata.readers.darkmachines.reader import DarkMachinesReader

__all__ = ["DarkMachinesReader"]
