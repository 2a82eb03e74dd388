#!/bin/sh
# On the side that has a network: builds, signs and describes an image, and bundles it for the other side.
# connected.sh DAY [FILE-OF-THE-DAY]
set -eu
day=$1
example=$(dirname "$0")
image=oci:images:localhost/hello-static:1
export LADING_KEY_PASSWORD="${LADING_KEY_PASSWORD:-for this example only}"

[ -e cosign.key ] || lading keygen
lading build "$example/../hello-static" --quiet --output oci:images
if [ $# -gt 1 ]; then
  lading build --quiet --from "$image" --add "$2:/www/" --tag localhost/hello-static:1 --output oci:images
fi
lading sign --key cosign.key "$image"
lading sbom --quiet --output "$day.cdx.json" "$image"
lading attest --key cosign.key --type cyclonedx --predicate "$day.cdx.json" "$image"

mkdir -p medium
cp cosign.pub medium/
# What the other side has by then is known here by a list; the bundles themselves may be gone.
lading bundle create "$image" --quiet --output "medium/$day.tar" --list there.json.new \
  $([ -e there.json ] && echo --since there.json)
mv there.json.new there.json
