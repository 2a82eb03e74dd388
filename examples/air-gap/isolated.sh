#!/bin/sh
# On the side without a network: verifies what the medium brought, loads it, and runs it under podman.
# isolated.sh DAY [ARGUMENTS-OF-THE-PROGRAM...]
set -eu
day=$1
shift
: "${PODMAN:=podman}"

lading bundle verify --offline --quiet --key medium/cosign.pub "medium/$day.tar"
lading bundle load --offline --quiet --key medium/cosign.pub "medium/$day.tar" --to oci:site \
  --rename localhost=registry.example.com/acme
lading verify --offline --quiet --key medium/cosign.pub oci:site:registry.example.com/acme/hello-static:1

lading serve oci:site --listen 127.0.0.1:5000 --quiet &
trap 'kill $!; wait' EXIT
until $PODMAN pull --quiet --tls-verify=false 127.0.0.1:5000/registry.example.com/acme/hello-static:1; do sleep 1; done
$PODMAN run --rm --network none --entrypoint /esbuild \
  127.0.0.1:5000/registry.example.com/acme/hello-static:1 "$@"
