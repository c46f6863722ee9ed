#!/usr/bin/env bash
# image.sh [appliance|all-in-one]: builds the Dockerfile's image with neither a container engine nor a registry, tries it
# (image-try.sh) and leaves it, loadable by docker and podman alike, in the target folder.
# With an engine at hand, `docker build .` makes the same image from the public base images.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$root"
kind=${1:-appliance}
case $kind in
appliance | all-in-one) ;;
*) die "there are two images, appliance and all-in-one, and no \"$kind\"" ;;
esac

scripts/setup.sh image
work=$(target_dir)/image
mkdir -p "$work/cargo-target"

# The storage and the run-time directory are our own: no image or container of this machine is seen or touched.
# vfs, runc, cgroupfs and lowered limits work where overlay mounts, systemd or privileges are missing.
export CONTAINERS_STORAGE_CONF=$work/storage.conf CONTAINERS_CONF=$work/containers.conf
cat >"$CONTAINERS_STORAGE_CONF" <<CONF
[storage]
driver = "vfs"
graphroot = "$work/store"
runroot = "$work/run"
CONF
descriptors=$(ulimit -Hn)
[ "$descriptors" != unlimited ] || descriptors=1048576
cat >"$CONTAINERS_CONF" <<CONF
[containers]
netns = "host"
default_ulimits = ["nofile=$descriptors:$descriptors", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
runtime = "runc"
events_logger = "file"
CONF

# base NAME PACKAGES ENV...: a Debian made from this machine's own package sources, once.
base() {
  local name=$1 packages=$2
  shift 2
  if buildah images --quiet "localhost/$name" >/dev/null 2>&1; then return; fi
  say "==> base image $name"
  local context
  context=$(mktemp -d "$work/base.XXXXXX")
  # The release of this machine, so that its compiler, which is mounted below, meets the libc it was made for.
  # shellcheck source=/dev/null
  (. /etc/os-release && mmdebstrap --quiet --variant=apt --include="$packages" "$VERSION_CODENAME" "$context/rootfs.tar")
  printf 'FROM scratch\nADD rootfs.tar /\n' >"$context/Dockerfile"
  [ $# = 0 ] || printf 'ENV %s\n' "$@" >>"$context/Dockerfile"
  buildah build --quiet --isolation chroot --layers=false --tag "localhost/$name" "$context" >/dev/null
  rm -rf "$context"
}
base vestibule-build ca-certificates,gcc,libc6-dev PATH=/rust/bin:/usr/sbin:/usr/bin:/sbin:/bin CARGO_HOME=/cargo CARGO_TARGET_DIR=/cargo-target
[ "$kind" = appliance ] || base vestibule-run ca-certificates

say "==> image $kind"
cargo fetch --locked --quiet
# This machine's own compiler and its crates stand in for those of the public base image; the target folder is kept,
# so that the second build is quick.
buildah build --isolation chroot --layers=false --pull-never --format docker --target "$kind" \
  --build-arg BUILD_BASE=localhost/vestibule-build --build-arg RUN_BASE=localhost/vestibule-run \
  --volume "$(rustc --print sysroot):/rust:ro" \
  --volume "${CARGO_HOME:-$HOME/.cargo}/registry:/cargo/registry" \
  --volume "$work/cargo-target:/cargo-target" \
  --tag "localhost/vestibule:$kind" .
# The image that this one replaces is of no more use.
buildah rmi --prune >/dev/null 2>&1 || true

say "==> trial"
scripts/image-try.sh "localhost/vestibule:$kind"

archive=$work/vestibule-$kind.tar.gz
rm -f "$work/image.tar"
podman save --quiet --format docker-archive --output "$work/image.tar" "localhost/vestibule:$kind" >/dev/null
gzip -9 <"$work/image.tar" >"$archive"
rm -f "$work/image.tar"
size=$(stat -c %s "$archive")
say "image $kind: $((size / 1000000)).$((size / 100000 % 10)) MB compressed, in $archive (docker load, podman load)"
