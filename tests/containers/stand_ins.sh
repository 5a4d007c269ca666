#!/usr/bin/env bash
# Makes the base images of the Dockerfile and of compose.yaml from Debian's packages, under the names that
# a registry gives them, where they are not at hand: for tests on a machine that reaches no registry.
#   stand_ins.sh [python] [postgres]
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

root_of() {  # PACKAGES: a Debian of them and of what they need, in $work/root
    local sources
    sources=$(ls /etc/apt/sources.list.d/*.sources /etc/apt/sources.list 2>/dev/null | head -1)
    mmdebstrap --quiet --mode=root --variant=minbase --include="ca-certificates,adduser,$1" \
        bookworm "$work/root" "$sources"
    # Of this machine, so that a package index with a certificate of its own is trusted.
    cp -L /etc/ssl/certs/ca-certificates.crt "$work/root/etc/ssl/certs/ca-certificates.crt"
}

image_of() {  # NAME, and --change flags: the image of $work/root
    local name=$1
    shift
    tar -C "$work/root" -c . | podman import --quiet "$@" - "$name"
    rm -rf "$work/root"
}

for each in "${@:-python}"; do
    case $each in
        python)
            root_of python3.11,python3-pip,python3-venv
            rm -f "$work/root/usr/lib/python3.11/EXTERNALLY-MANAGED"
            for name in python python3; do ln -sf /usr/bin/python3.11 "$work/root/usr/local/bin/$name"; done
            image_of python:3.11-slim
            ;;
        *) echo "stand_ins.sh: no image $each" >&2; exit 2 ;;
    esac
done
