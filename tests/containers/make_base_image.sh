#!/bin/sh
# Makes the image debian:bookworm-slim from Debian's packages, for machines that cannot reach a container registry.
# The image trusts the certificates that this machine trusts, so that pip and apt work in it.
set -eu

image=debian:bookworm-slim
if docker image inspect "$image" >/dev/null 2>&1 || docker pull -q "$image" >/dev/null 2>&1; then
    exit 0
fi
mirror=$(sed -n 's/^URIs: *//p; s/^deb \([^ ]*\) .*/\1/p' /etc/apt/sources.list.d/*.sources /etc/apt/sources.list \
    2>/dev/null | head -n 1)
[ -n "$mirror" ] || { echo "base image: no Debian mirror in this machine's apt sources" >&2; exit 1; }
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT INT TERM
debootstrap --variant=minbase --include=ca-certificates bookworm "$root" "$mirror" >/dev/null
cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/" 2>/dev/null || true
chroot "$root" update-ca-certificates >/dev/null 2>&1
tar -C "$root" -c . | docker import --change 'ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt' - "$image" >/dev/null
