#!/usr/bin/env bash
# How the dataset in this folder was made, once, with topdata 0.1.0. It is never made again: every later
# version must read it.
set -euo pipefail
cd "$(dirname "$0")"
topdata build recipe.yaml -o dataset
