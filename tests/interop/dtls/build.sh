#!/bin/bash
# Builds the DTLS clients in Java (Scandium and Bouncy Castle from Maven Central) into .ferry/dtls-java of the repository; a second run does nothing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
exec bash "$here/../build-java.sh" "$here/java" "$here/../../../.ferry/dtls-java"
