#!/bin/sh
# The checks that need no build: `scripts/check.sh [rule…]`. Each rule is one file in scripts/check/rules/.
set -eu
cd "$(dirname "$0")/.."
scripts/install.sh test
exec "$(scripts/venv.sh)/bin/python" scripts/check/run.py "$@"
