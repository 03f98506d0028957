#!/bin/bash
# build-java.sh PROJECT-DIR OUT-DIR: builds a Maven project once. A second run with the same sources does nothing and needs no network.
set -euo pipefail
project=$(cd "$1" && pwd)
mkdir -p "$2"
out=$(cd "$2" && pwd)
marker=$out/.built
for tool in java mvn; do
  command -v "$tool" >/dev/null || { echo "$tool is missing: install a JDK 17 and Maven (Debian: apt-get install openjdk-17-jdk-headless maven)" >&2; exit 1; }
done
digest=$(cd "$project" && find pom.xml src -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum)
[ -f "$marker" ] && [ "$(cat "$marker")" = "$digest" ] && exit 0
rm -rf "$marker" "$out/lib" # Jars of an older version would stay on the class path.
mvn -q -B -f "$project/pom.xml" -Dout="$out" package
echo "$digest" > "$marker"
