# SPDX-License-Identifier: MIT
# Sourced by tools/install and tools/fetch: apt-get as root or through sudo, asking nothing.
as_root=
if [ "$(id -u)" != 0 ]; then
	as_root=sudo
fi

may_be_root() {
	[ -z "$as_root" ] || command -v sudo > /dev/null
}

apt_quiet() {
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0 "$@" < /dev/null
}
