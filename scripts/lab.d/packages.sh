# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Packages: those that the machine needs, and those fetched for the hosts.

# command or file that shows it is there : package
MACHINE_NEEDS=(
	qemu-system-x86_64:qemu-system-x86
	qemu-img:qemu-utils
	mmdebstrap:mmdebstrap
	mke2fs:e2fsprogs
	ip:iproute2
	tc:iproute2
	sysctl:procps
	ssh:openssh-client
	cpio:cpio
	depmod:kmod
	xz:xz-utils
	tcpdump:tcpdump
	flock:util-linux
	/usr/share/keyrings/debian-archive-keyring.gpg:debian-archive-keyring
)

# wanted_kernel [HOST]: 6.1 or 6.12. A host that has been told its own at "up"
# keeps it.
wanted_kernel()
{
	local own=TERN_KERNEL_${1:-} kernel

	kernel=${!own:-}
	[[ -n $kernel ]] || kernel=$(cat "$STATE/${1:-}.kernel" 2>/dev/null) ||
		kernel=${TERN_KERNEL:-6.1}
	case $kernel in
	6.1 | 6.12) echo "$kernel" ;;
	*)	die "kernel '$kernel': 6.1 and 6.12 are known" ;;
	esac
}

headers_package()
{
	case $1 in
	6.1)	echo linux-headers-cloud-amd64 ;;
	*)	echo "linux-headers-$1-cloud-amd64" ;;
	esac
}

# The version of kernel $1, from the headers that modules are built with: the
# guests must run exactly that kernel, whatever the archive has by now.
find_kernel()
{
	local depends

	depends=$(dpkg-query -W -f '${Depends}' "$(headers_package "$1")" 2>/dev/null) || return 1
	[[ $depends =~ linux-headers-([0-9][^ ,]*) ]] || return 1
	use_kernel "${BASH_REMATCH[1]}"
}

use_kernel()
{
	KVER=$1
	KERNEL_HEADERS=/usr/src/linux-headers-$KVER
	[[ -e $KERNEL_HEADERS/Makefile ]]
}

# install_machine_packages KERNEL…: and the headers of these kernels.
install_machine_packages()
{
	local need what kernel missing=()

	for need in "${MACHINE_NEEDS[@]}"; do
		what=${need%:*}
		if [[ $what == /* ]]; then
			[[ -e $what ]] || missing+=("${need##*:}")
		else
			type -P "$what" >/dev/null || missing+=("${need##*:}")
		fi
	done
	for kernel; do
		find_kernel "$kernel" || missing+=("$(headers_package "$kernel")")
	done
	((${#missing[@]})) || return 0

	say "installing on this machine: ${missing[*]}"
	type -P apt-get >/dev/null ||
		die "no apt-get here: install by hand what gives: ${missing[*]}"
	mkdir -p "$CACHE"
	(
		flock 9
		export DEBIAN_FRONTEND=noninteractive
		apt-get -q -o DPkg::Lock::Timeout=600 update &&
			apt-get -q -y -o DPkg::Lock::Timeout=600 install \
				--no-install-recommends "${missing[@]}"
	) 9>"$CACHE/machine.lock" >"$CACHE/machine-packages.log" 2>&1 || {
		tail -n 20 "$CACHE/machine-packages.log" >&2
		die "could not install ${missing[*]} (all of it: $CACHE/machine-packages.log)"
	}
	for kernel; do
		find_kernel "$kernel" ||
			die "no headers of kernel $kernel: apt-get install $(headers_package "$kernel")"
	done
}

guest_sources()
{
	local mirror=${TERN_MIRROR:-http://deb.debian.org}
	local by="[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"

	echo "deb $by $mirror/debian bookworm main"
	echo "deb $by $mirror/debian bookworm-updates main"
	echo "deb $by $mirror/debian-security bookworm-security main"
}

# apt with lists, cache and status of the lab's own: it neither waits for the
# machine's dpkg lock nor cares which release the machine runs. $1 is the dpkg
# status file to resolve against.
guest_apt()
{
	local status=$1 apt=$CACHE/apt
	shift

	apt-get -q -o Dir::State="$apt/state" -o Dir::State::status="$status" \
		-o Dir::Cache="$apt/cache" \
		-o Dir::Etc::SourceList="$apt/sources.list" \
		-o Dir::Etc::SourceParts=/dev/null \
		-o Debug::NoLocking=true \
		-o APT::Architecture=amd64 -o APT::Architectures=amd64 \
		-o APT::Install-Recommends=false \
		-o APT::Sandbox::User=root "$@"
}

# Fetch package lists, once a day. The caller holds apt.lock, as guest_apt itself
# does not lock.
update_guest_apt()
{
	local apt=$CACHE/apt

	mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial"
	guest_sources >"$apt/sources.list.new"
	if ! cmp -s "$apt/sources.list.new" "$apt/sources.list" ||
	   [[ -z $(find "$apt/updated" -mtime -1 2>/dev/null) ]]; then
		mv "$apt/sources.list.new" "$apt/sources.list"
		guest_apt /dev/null update >"$apt/update.log" 2>&1 || {
			tail -n 20 "$apt/update.log" >&2
			die "could not fetch package lists; is there a Debian mirror? Set TERN_MIRROR (now ${TERN_MIRROR:-http://deb.debian.org})"
		}
		touch "$apt/updated"
	fi
	rm -f "$apt/sources.list.new"
}

# install_in_host HOST PACKAGE…: hosts have no way out, so the machine resolves
# against the host's dpkg status, downloads, pushes.
install_in_host()
{
	local host=$1 tmp
	shift

	tmp=$(mktemp -d)
	# shellcheck disable=SC2064 # $tmp is to be expanded now
	trap "rm -rf '$tmp'" EXIT
	remote "$host" 'cat /var/lib/dpkg/status' </dev/null >"$tmp/status" ||
		die "cannot read the package status of $host"
	(
		flock 9
		update_guest_apt
		# with an empty cache: what is in it is not printed
		mkdir -p "$tmp/archives/partial"
		guest_apt "$tmp/status" -o Dir::Cache::archives="$tmp/archives" -y \
			--print-uris install "$@" >"$tmp/uris" 2>"$tmp/err" || {
			cat "$tmp/err" >&2
			die "cannot resolve $* for $host"
		}
		guest_apt "$tmp/status" -y --download-only install "$@" >"$tmp/log" 2>&1 || {
			cat "$tmp/log" >&2
			die "cannot download $*"
		}
		sed -n "s/^'[^']*' \\([^ ]*\\) .*/\\1/p" "$tmp/uris" >"$tmp/names"
		mkdir "$tmp/debs"
		while read -r deb; do
			ln "$CACHE/apt/cache/archives/$deb" "$tmp/debs/" 2>/dev/null ||
				cp "$CACHE/apt/cache/archives/$deb" "$tmp/debs/"
		done <"$tmp/names"
	) 9>"$CACHE/apt.lock" || exit "$EX_LAB"

	if [[ ! -s $tmp/names ]]; then
		say "$host has already: $*"
		return 0
	fi
	tar -C "$tmp/debs" -c . | remote "$host" '
		set -e
		rm -rf /var/tmp/debs
		mkdir /var/tmp/debs
		tar -C /var/tmp/debs -x
		export DEBIAN_FRONTEND=noninteractive
		dpkg --force-confold --force-unsafe-io -i -R /var/tmp/debs >/var/tmp/dpkg.log 2>&1 </dev/null || {
			tail -n 30 /var/tmp/dpkg.log >&2
			exit 1
		}
		rm -rf /var/tmp/debs' || die "dpkg failed in $host"
}
