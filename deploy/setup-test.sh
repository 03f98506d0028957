#!/usr/bin/env bash
# Finds or installs what the tests need: Redis, Java 17, Maven, libcoap, OpenSSL, GnuTLS, Python and what builds tinydtls from Debian or Ubuntu,
# Kafka's and Leshan's jars, Scandium and Bouncy Castle by Maven, aiocoap, tinydtls and aalpy from PyPI, Mbed TLS from a crate, Helm and what else checks the chart by Go.
# `setup-test.sh servers` is for what Kafka and Redis need alone. A second run does nothing and needs no network. What cannot be had is named with the command that installs it; with CI set that fails.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=()
missing=()

have_java() { command -v javac > /dev/null && [ "$(javac -version 2>&1 | sed 's/[^0-9]*\([0-9]*\).*/\1/')" -ge 17 ]; }
only_servers=${1:-}
for_servers() { [ "$only_servers" = servers ]; }
have() { local name; for name in "$@"; do command -v "$name" > /dev/null || return 1; done; }
have_coap() { for_servers || have coap-client-gnutls coap-client-openssl; }
have_tls() { for_servers || have openssl gnutls-cli; }
have_python() { for_servers || python3 -c 'import ensurepip' 2> /dev/null; }
# DTLSSocket and Mbed TLS come as source, the latter in a crate.
have_build() { for_servers || { have cc make autoconf automake cargo && [ -e "$(python3 -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h" ]; }; }
# The first of the packages that this release has.
available() { local name; for name in "$@"; do apt-cache show "$name" > /dev/null 2>&1 && { echo "$name"; return; }; done; echo "$1"; }

look() {
  packages=() missing=()
  command -v redis-server > /dev/null || { packages+=("redis-server"); missing+=("redis-server"); }
  have_java || { packages+=("openjdk-17-jdk-headless openjdk-21-jdk-headless"); missing+=("a JDK, 17 or later"); }
  command -v mvn > /dev/null || { packages+=("maven"); missing+=("Maven"); }
  have_coap || { packages+=("libcoap3-bin"); missing+=("libcoap's coap-client-gnutls and coap-client-openssl"); }
  have_tls || { packages+=("openssl" "gnutls-bin"); missing+=("openssl and gnutls-cli"); }
  have_python || { packages+=("python3-venv"); missing+=("Python 3 with venv"); }
  have_build || { packages+=("build-essential" "autoconf" "automake" "cargo" "python3-dev"); missing+=("a C compiler, autoconf, automake, cargo and Python's headers"); }
}

look
if [ ${#missing[@]} -gt 0 ] && command -v apt-get > /dev/null && [ "$(id -u)" = 0 ]; then
  apt-get update -qq
  names=()
  # shellcheck disable=SC2086 -- each entry is a list of alternatives
  for alternatives in "${packages[@]}"; do names+=("$(available $alternatives)"); done
  echo "setup-test: installing ${names[*]}"
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${names[@]}" > /dev/null || true
  # Debian starts Redis as a service; the tests start their own.
  look
fi
if [ ${#missing[@]} -gt 0 ]; then
  printf 'setup-test: missing: %s\n' "${missing[@]}" >&2
  echo "setup-test: on Debian or Ubuntu: sudo apt-get install redis-server openjdk-17-jdk-headless maven libcoap3-bin openssl gnutls-bin python3-venv python3-dev build-essential autoconf automake cargo" >&2
fi

fetch() {
  local what=$1
  shift
  "$@" || { missing+=("$what"); echo "setup-test: missing: $what; try again: $*" >&2; }
}
fetch "Kafka's jars" bash deploy/kafka.sh install
[ "$only_servers" = servers ] || for build in tests/interop/*/build.sh tests/model/build.sh; do fetch "what $(dirname "$build") needs" bash "$build"; done
[ "$only_servers" = servers ] || fetch "Helm and schemas" bash deploy/chart-tools.sh

if [ ${#missing[@]} -gt 0 ]; then
  echo "setup-test: tests that need the above cannot run" >&2
  [ -z "${CI:-}" ] || exit 1
fi
