#!/usr/bin/env bash
# docker-compose.sh FILE: have Docker Compose as FILE, from Debian 13's package: Debian 12 has the first
# version alone. The program needs nothing else of that release.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{sources,lists/partial,cache/archives/partial}
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' | sed -n 1p)
cat > "$work/sources/trixie.sources" << SOURCES
Types: deb
URIs: $mirror
Suites: trixie
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
SOURCES
own=(-qq -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$work/sources" -o APT::Sandbox::User=root
    -o Dir::State::lists="$work/lists" -o Dir::Cache="$work/cache")
apt-get "${own[@]}" update
(cd "$work" && apt-get "${own[@]}" download docker-compose)
dpkg-deb --extract "$work"/docker-compose_*.deb "$work/root"
install "$work/root/usr/libexec/docker/cli-plugins/docker-compose" "$1"
