#!/bin/bash
# Builds the clients on Mbed TLS 3.6 into .ferry/mbedtls of the repository; a second run does nothing. The source of Mbed TLS is in a crate.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$here/../../../.ferry/mbedtls"
out=$(cd "$here/../../../.ferry/mbedtls" && pwd)
crate=mbedtls-rs-sys version=0.3.1
digest=$(cat "$here"/build.sh "$here"/Makefile "$here"/*.c "$here"/*.h | sha256sum)
[ -f "$out/.built" ] && [ "$(cat "$out/.built")" = "$digest" ] && exit 0
for tool in cargo cc make; do
  command -v "$tool" > /dev/null || { echo "$tool is missing: install Rust's cargo and a C compiler (Debian: apt-get install cargo build-essential)" >&2; exit 1; }
done
source=$(bash "$here/../crate-source.sh" "$crate" "$version" "$out/crate")
make --silent --jobs=2 --directory="$out" --file="$here/Makefile" HERE="$here" MBEDTLS="$source/mbedtls"
echo "$digest" > "$out/.built"
