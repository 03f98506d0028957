#!/bin/bash
# Builds the Leshan device into .ferry/leshan of the repository; a second run does nothing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
exec bash "$here/../build-java.sh" "$here" "$here/../../../.ferry/leshan"
