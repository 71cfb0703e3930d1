"""Chain small Delphes files into one large file for the conversion benchmark.

Needs the PyPI ``ROOT`` wheel (``pip install ROOT``), which is no dependency of the project::

    python benchmarks/make_large.py record/*.root --repeat 200 -o large.root

The output is compressed with zlib level 1, the setting of Delphes files in the wild.
"""

from __future__ import annotations

import argparse


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", help="Delphes files, each with a tree `Delphes`")
    parser.add_argument("--repeat", type=int, default=200, help="how often the list is chained")
    parser.add_argument("--events", type=int, default=-1, help="stop after so many events")
    parser.add_argument("-o", "--output", required=True)
    options = parser.parse_args()

    import ROOT

    ROOT.gErrorIgnoreLevel = ROOT.kError  # missing Delphes dictionaries are expected
    chain = ROOT.TChain("Delphes")
    for _ in range(options.repeat):
        for path in options.files:
            chain.Add(path)
    output = ROOT.TFile(options.output, "RECREATE", "", 101)
    tree = chain.CloneTree(options.events)
    entries = tree.GetEntries()
    output.Write()
    output.Close()
    print(f"{options.output}: {entries} events")


if __name__ == "__main__":
    main()
