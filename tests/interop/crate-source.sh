#!/bin/bash
# crate-source.sh CRATE VERSION WORK-DIR: has cargo fetch a crate, and writes the folder of its source. Nothing of it is compiled by cargo.
set -euo pipefail
crate=$1 version=$2 work=$3
mkdir -p "$work/src"
cat > "$work/Cargo.toml" <<END
[package]
name = "source-of-$crate"
version = "0.0.0"
edition = "2021"
[dependencies]
$crate = { version = "=$version", default-features = false }
END
touch "$work/src/lib.rs"
cargo metadata --quiet --format-version 1 --manifest-path "$work/Cargo.toml" |
  python3 -c 'import json, os, sys; print(next(os.path.dirname(it["manifest_path"]) for it in json.load(sys.stdin)["packages"] if it["name"] == sys.argv[1]))' "$crate"
