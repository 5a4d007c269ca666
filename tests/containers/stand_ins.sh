#!/usr/bin/env bash
# Makes the base images of the Dockerfile and of compose.yaml from Debian's packages, under the names that
# a registry gives them, where they are not at hand: for tests on a machine that reaches no registry.
#   stand_ins.sh [python] [postgres]
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Where this machine has its own packages from.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' | sed -n 1p)

root_of() {  # RELEASE PACKAGES: a Debian of them and of what they need, in $work/root
    mmdebstrap --quiet --mode=root --variant=minbase --include="ca-certificates,adduser,$2" \
        "$1" "$work/root" "$mirror"
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
            root_of bookworm python3.11,python3-pip,python3-venv
            rm -f "$work/root/usr/lib/python3.11/EXTERNALLY-MANAGED"
            for name in python python3; do ln -sf /usr/bin/python3.11 "$work/root/usr/local/bin/$name"; done
            image_of python:3.11-slim
            ;;
        postgres) # of Debian 13, as Debian 12 has PostgreSQL 15
            root_of trixie postgresql-17
            install -D postgres_entrypoint.sh "$work/root/usr/local/bin/docker-entrypoint.sh"
            mkdir -p "$work/root/docker-entrypoint-initdb.d"
            image_of postgres:17-bookworm \
                --change "ENV PGDATA=/var/lib/postgresql/data" --change "ENV LANG=C.UTF-8" \
                --change "ENV PATH=/usr/local/bin:/usr/bin:/bin:/usr/lib/postgresql/17/bin" \
                --change "ENTRYPOINT [\"docker-entrypoint.sh\"]" --change "CMD [\"postgres\"]" \
                --change "VOLUME /var/lib/postgresql/data" --change "STOPSIGNAL SIGINT"
            ;;
        *) echo "stand_ins.sh: no image $each" >&2; exit 2 ;;
    esac
done
