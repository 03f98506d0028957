#!/bin/bash
# Builds the clients that are met at night into .ferry/dtls-nightly of the repository: pion by Go, wolfSSL and OpenSSL 4 from the source in their crates.
# Minutes at the first time; a second run does nothing. wolfSSL is under the GPL: a tool of the tests, nothing that is shipped.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$here/../../../../.ferry/dtls-nightly"
out=$(cd "$here/../../../../.ferry/dtls-nightly" && pwd)
digest=$(cd "$here" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum)
[ -f "$out/.built" ] && [ "$(cat "$out/.built")" = "$digest" ] && exit 0
for tool in cargo cc cmake go make perl; do
  command -v "$tool" > /dev/null || { echo "$tool is missing (Debian: apt-get install cargo build-essential cmake golang perl)" >&2; exit 1; }
done
(cd "$here/pion" && go build -o "$out/pion" .)

wolfssl=$(bash "$here/../../crate-source.sh" wolfssl-sys 5.3.0 "$out/crates/wolfssl")
make --silent --jobs=2 --directory="$out" --file="$here/wolfssl/Makefile" HERE="$here/wolfssl" WOLFSSL="$wolfssl/wolfssl-src"

openssl=$(bash "$here/../../crate-source.sh" openssl-src 400.0.2 "$out/crates/openssl")
if [ ! -x "$out/openssl/apps/openssl" ]; then
  rm -rf "$out/openssl"
  cp -r "$openssl/openssl" "$out/openssl"
  cd "$out/openssl"
  { ./Configure no-shared no-tests no-docs no-legacy no-quic && make --jobs=2 build_generated && make --jobs=2 apps/openssl; } > "$out/openssl.log" 2>&1 ||
    { tail "$out/openssl.log" >&2; exit 1; }
fi
echo "$digest" > "$out/.built"
