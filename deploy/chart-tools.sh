#!/usr/bin/env bash
# What tests/deploy checks the chart and the Compose file with, into .ferry/chart-tools. All of it comes through Go's module proxy:
# no registry that npm, pip or apt reach has a Helm binary, or a Kubernetes schema that knows quantities and refuses unknown fields.
#   helm                     the first build takes a minute or two
#   compose-spec             the Compose Specification's own loader, which Docker Compose is built on
#   kubernetes-openapi.json  what the API server of this version takes, from its own sources
set -euo pipefail
cd "$(dirname "$0")/.."

HELM=v3.22.0
COMPOSE=v2.16.2
KUBERNETES=v1.34.2

tools=$PWD/.ferry/chart-tools
versions="helm $HELM, compose-go $COMPOSE, kubernetes $KUBERNETES"
[ "$(cat "$tools/versions" 2> /dev/null)" != "$versions" ] || exit 0
command -v go > /dev/null || { echo "chart-tools.sh: Go is not installed, and is needed to build Helm: install Go 1.26 or newer" >&2; exit 3; }

rm -rf "$tools"
mkdir -p "$tools"
cd "$tools"
export GOBIN=$tools CGO_ENABLED=0 GOWORK=off GOFLAGS=
echo "chart-tools: building Helm $HELM" >&2
go install -ldflags "-s -w" "helm.sh/helm/v3/cmd/helm@$HELM"
go install -ldflags "-s -w" "github.com/compose-spec/compose-go/v2/cmd@$COMPOSE"
mv cmd compose-spec
module=$(go mod download -json "k8s.io/kubernetes@$KUBERNETES" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
install -m 644 "$module/api/openapi-spec/swagger.json" kubernetes-openapi.json
echo "$versions" > versions
