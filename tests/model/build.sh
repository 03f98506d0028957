#!/bin/bash
# Installs aalpy from PyPI into .ferry/aalpy of the repository, a virtual environment of its own; a second run does nothing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$here/../../.ferry/aalpy
digest=$(sha256sum < "$here/requirements.txt")
[ -f "$out/.built" ] && [ "$(cat "$out/.built")" = "$digest" ] && exit 0
python3 -c 'import ensurepip' 2> /dev/null || { echo "python3 with venv is missing (Debian: apt-get install python3-venv)" >&2; exit 1; }
python3 -m venv --clear "$out"
"$out/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: -r "$here/requirements.txt"
echo "$digest" > "$out/.built"
