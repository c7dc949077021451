#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# bootstrap.sh [--ci | --nightly]: installs what building and testing lowbit needs and this Debian machine lacks, and prints it.
# Does nothing, quickly and without root, where nothing is missing. --ci adds sanitizers, emulators, cross compilers and Python.
set -euo pipefail

wanted=(g++ cmake ninja-build pkg-config libxsimd-dev libeigen3-dev doctest-dev libbenchmark-dev nlohmann-json3-dev libcli11-dev zlib1g-dev)
case ${1-} in
  '') ;;
  --ci) wanted+=(ccache clang libclang-rt-dev qemu-user g++-aarch64-linux-gnu gcovr git python3-venv ca-certificates) ;;
  --nightly) wanted+=(ccache clang libclang-rt-dev clang-19 libclang-rt-19-dev qemu-user g++-aarch64-linux-gnu g++-i686-linux-gnu gcovr git python3-venv mmdebstrap ca-certificates) ;;
  *) echo "usage: bootstrap.sh [--ci | --nightly]" >&2; exit 2 ;;
esac

if ! command -v apt-get >/dev/null; then
  echo "bootstrap: no apt here; please see to it that there are: ${wanted[*]} (xsimd 13.2 up to below 15)"
  exit 0
fi

version_of() { dpkg-query -W -f='${db:Status-Status} ${Version}\n' "$1" 2>/dev/null | sed -n 's/^installed //p'; }
usable() {
  local version
  version=$(version_of "$1")
  [ -n "$version" ] && { [ "$1" != libxsimd-dev ] || dpkg --compare-versions "$version" ge 13.2; }
}
missing=()
for package in "${wanted[@]}"; do usable "$package" || missing+=("$package"); done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# Debian 12 has xsimd 8.1, which is too old. That one package comes from the next suite: the machine's own apt sources are
# repeated with the suite's name changed, and a pin keeps every other package of the next suite away.
take_from_next_suite() {
  local package=$1 suite=$2 next=$3 pin=/etc/apt/preferences.d/lowbit-$1 file copy
  [ ! -e "$pin" ] || return 0
  echo "bootstrap: $package of $suite is too old, so that one package comes from $next. For this,"
  for file in $(grep -lsE "^(Suites:|deb )(.* )?$suite( |$)" /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources}); do
    grep -qE '^(Components:|deb ).* main( |$)' "$file" || continue  # somebody else's archive
    copy=/etc/apt/sources.list.d/lowbit-$(basename "$file")
    echo "  $copy repeats $file with $next for $suite"
    sed -E "/^deb-src /d; /^(Suites:|deb )/s/ $suite/ $next/g" "$file" | as_root tee "$copy" > /dev/null
  done
  echo "  $pin keeps every other package of $next away"
  printf 'Package: %s\nPin: release n=%s*\nPin-Priority: %s\n\n' "*" $next -1 $package $next 990 | as_root tee "$pin" > /dev/null
}
. /etc/os-release
if [ "${VERSION_CODENAME-}" = bookworm ] && ! usable libxsimd-dev; then
  take_from_next_suite libxsimd-dev bookworm trixie
fi

echo "bootstrap: installing ${missing[*]}"
as_root apt-get -qq -o DPkg::Lock::Timeout=120 update
as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 \
  --no-install-recommends install "${missing[@]}" > /dev/null
