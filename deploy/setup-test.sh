#!/usr/bin/env bash
# Finds or installs what the tests need: Redis, Java 17, Maven, libcoap and Python from Debian or Ubuntu, Kafka's and Leshan's jars by Maven,
# aiocoap from PyPI, Helm and what else checks the chart by Go.
# `setup-test.sh servers` is for what Kafka and Redis need alone. A second run does nothing and needs no network. What cannot be had is named with the command that installs it; with CI set that fails.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=()
missing=()

have_java() { command -v javac > /dev/null && [ "$(javac -version 2>&1 | sed 's/[^0-9]*\([0-9]*\).*/\1/')" -ge 17 ]; }
only_servers=${1:-}
have_coap() { [ "$only_servers" = servers ] || command -v coap-client > /dev/null || command -v coap-client-notls > /dev/null || command -v coap-client-openssl > /dev/null; }
have_python() { [ "$only_servers" = servers ] || python3 -c 'import ensurepip' 2> /dev/null; }
# The first of the packages that this release has.
available() { local name; for name in "$@"; do apt-cache show "$name" > /dev/null 2>&1 && { echo "$name"; return; }; done; echo "$1"; }

look() {
  packages=() missing=()
  command -v redis-server > /dev/null || { packages+=("redis-server"); missing+=("redis-server"); }
  have_java || { packages+=("openjdk-17-jdk-headless openjdk-21-jdk-headless"); missing+=("a JDK, 17 or later"); }
  command -v mvn > /dev/null || { packages+=("maven"); missing+=("Maven"); }
  have_coap || { packages+=("libcoap3-bin libcoap2-bin"); missing+=("libcoap's coap-client"); }
  have_python || { packages+=("python3-venv"); missing+=("Python 3 with venv"); }
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
  echo "setup-test: on Debian or Ubuntu: sudo apt-get install redis-server openjdk-17-jdk-headless maven libcoap3-bin python3-venv" >&2
fi

fetch() {
  local what=$1
  shift
  "$@" || { missing+=("$what"); echo "setup-test: missing: $what; try again: $*" >&2; }
}
fetch "Kafka's jars" bash deploy/kafka.sh install
[ "$only_servers" = servers ] || for build in tests/interop/*/build.sh; do fetch "what $(dirname "$build") needs" bash "$build"; done
[ "$only_servers" = servers ] || fetch "Helm and schemas" bash deploy/chart-tools.sh

if [ ${#missing[@]} -gt 0 ]; then
  echo "setup-test: tests that need the above cannot run" >&2
  [ -z "${CI:-}" ] || exit 1
fi
