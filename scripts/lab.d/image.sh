# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the hosts boot from, cached and shared by all labs:
#   base-KEY.tar	Debian packages
#   image-KEY/		root file system, kernel, initramfs, keys; one for each kernel
# Each appears by rename when it is complete, so an interrupted build leaves
# only a *.tmp, which the next one removes.

GUEST_FILES=(initramfs-init inittab rc rc.shared sysctl.conf sshd_config)

# What every host has; with TERN_LAB_PROGRAMS=1 programs to be moved, too.
guest_packages()
{
	local lists=("$GUEST_DIR/packages")

	[[ ${TERN_LAB_PROGRAMS:-0} == 0 ]] || lists+=("$GUEST_DIR/programs")
	sed -E 's/[[:space:]]*#.*//; /^$/d' "${lists[@]}"
}

# Set $IMAGE, the directory, and $BASE. The keys hold everything that the
# contents depend on; this file is the recipe, so it counts too.
name_image()
{
	local base key

	base=$({ guest_sources; guest_packages; declare -f build_base; } | sha256sum)
	BASE=$CACHE/base-${base:0:16}.tar
	key=$({
		echo "$base $KVER"
		cat "$LAB_DIR/image.sh"
		for file in "${GUEST_FILES[@]}"; do
			cat "$GUEST_DIR/$file"
		done
	} | sha256sum)
	IMAGE=$CACHE/image-${key:0:16}
}

build_base()
{
	local tmp=$BASE.tmp packages

	say "making the hosts' file system from Debian packages (once; a minute or two)"
	packages=$(guest_packages | paste -sd,)
	guest_sources >"$CACHE/sources.list"
	mmdebstrap --mode=root --variant=essential --quiet --format=tar \
		--architectures=amd64 --include="$packages" \
		--aptopt='Acquire::Check-Valid-Until "false"' \
		--aptopt='Acquire::Retries "3"' \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/info/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		--dpkgopt='path-exclude=/usr/share/i18n/*' \
		--essential-hook='mkdir -p "$1/usr/share/man/man1"' \
		bookworm "$tmp" "$CACHE/sources.list" >"$BASE.log" 2>&1 || {
		tail -n 30 "$BASE.log" >&2
		rm -f "$tmp"
		die "mmdebstrap failed (all of it: $BASE.log)"
	}
	mv "$tmp" "$BASE"
	rm -f "$BASE.log"
}

# Modules to load before there is a disk, with what they need, in order.
initramfs_modules()
{
	local root=$1 name

	for name in virtio_pci virtio_blk virtio_net ext4; do
		modprobe -d "$root" -S "$KVER" --show-depends "$name" |
			awk '$1 == "insmod" { print $2 }'
	done | awk '!seen[$0]++'
}

build_initramfs()
{
	local root=$1 dir=$2 out=$3 path name

	mkdir -p "$dir"/{bin,dev,modules,root}
	cp "$root/bin/busybox" "$dir/bin/"
	ln -s busybox "$dir/bin/sh"
	install -m 755 "$GUEST_DIR/initramfs-init" "$dir/init"
	echo "$KVER" >"$dir/modules/version"
	: >"$dir/modules/order"
	while read -r path; do
		name=$(basename "$path")
		name=${name%.xz}
		if [[ $path == *.xz ]]; then
			xz -dc "$path" >"$dir/modules/$name"
		else
			cp "$path" "$dir/modules/$name"
		fi
		echo "$name" >>"$dir/modules/order"
	done < <(initramfs_modules "$root")
	(cd "$dir" && find . | cpio --quiet -o -H newc -R 0:0) >"$out"
}

# build_image KERNEL
build_image()
{
	local tmp=$IMAGE.tmp root=$IMAGE.tmp/root file

	rm -rf "$tmp"
	mkdir -p "$root"
	say "making the hosts' disk image for kernel $KVER"

	tar -C "$root" -xf "$BASE" --exclude='./dev/*'
	(
		flock 7
		update_guest_apt
		cd "$tmp"
		guest_apt /dev/null download "linux-image-$KVER" >"$tmp/log" 2>&1
	) 7>"$CACHE/apt.lock" || {
		tail "$tmp/log" >&2
		die "the archive has no kernel linux-image-$KVER to go with the headers here; try: apt-get update && apt-get install $(headers_package "$1")"
	}
	dpkg-deb -x "$tmp"/linux-image-*.deb "$tmp/kernel"
	cp -a "$tmp/kernel/lib/modules" "$root/usr/lib/"
	cp "$tmp/kernel/boot/vmlinuz-$KVER" "$tmp/vmlinuz"
	depmod -b "$root" "$KVER"

	# init and its few applets; everything else is Debian's own.
	for file in init halt poweroff reboot; do
		ln -sf /bin/busybox "$root/usr/sbin/$file"
	done
	install -D -m 644 "$GUEST_DIR/inittab" "$root/etc/inittab"
	install -D -m 755 -t "$root/etc/lab" "$GUEST_DIR"/rc "$GUEST_DIR"/rc.shared
	install -m 644 -t "$root/etc/lab" "$GUEST_DIR/sysctl.conf"
	install -m 644 "$GUEST_DIR/sshd_config" "$root/etc/ssh/sshd_config"

	# NFS asks for it although nothing here speaks Kerberos; slow to load.
	echo 'install rpcsec_gss_krb5 /bin/false' >"$root/etc/modprobe.d/lab.conf"

	# No package that is installed into a host starts anything by itself.
	printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
	chmod 755 "$root/usr/sbin/policy-rc.d"

	host_names >"$root/etc/hosts"
	: >"$root/etc/resolv.conf"
	: >"$root/etc/fstab"
	sed -i 's/^hosts:.*/hosts: files/' "$root/etc/nsswitch.conf"
	echo '/srv/shared *(rw,sync,no_root_squash,no_subtree_check,fsid=0)' >"$root/etc/exports"
	mkdir -p "$root/srv/shared"
	chmod 1777 "$root/srv/shared"
	chroot "$root" /usr/sbin/useradd -m -u 1000 -s /bin/bash tern
	chroot "$root" /usr/sbin/usermod -p '*' root
	echo tern-lab >"$root/etc/machine-id"

	rm -f "$root"/etc/ssh/ssh_host_*
	ssh-keygen -q -t ed25519 -N '' -C tern-lab -f "$root/etc/ssh/ssh_host_ed25519_key"
	ssh-keygen -q -t ed25519 -N '' -C tern-lab -f "$tmp/key"
	install -d -m 700 "$root/root/.ssh"
	install -m 600 "$tmp/key.pub" "$root/root/.ssh/authorized_keys"

	build_initramfs "$root" "$tmp/initramfs" "$tmp/initrd"
	truncate -s "${TERN_LAB_DISK:-4G}" "$tmp/root.img"
	mke2fs -q -t ext4 -F -L tern-lab -E lazy_itable_init=1 -O ^metadata_csum \
		-d "$root" "$tmp/root.img"
	rm -rf "$root" "$tmp/kernel" "$tmp/initramfs" "$tmp"/*.deb "$tmp/log"
	echo "$KVER" >"$tmp/kernel-version"
	mv "$tmp" "$IMAGE"
}

# Images of old recipes that nobody has booted for a week.
prune_images()
{
	local old

	find "$CACHE" -maxdepth 1 \( -name 'image-*' -o -name 'base-*' \) -mtime +7 |
		while read -r old; do
			grep -qxF "$old" /run/tern-lab/*/*.image 2>/dev/null || rm -rf "$old"
		done
}

# ensure_image KERNEL: set $IMAGE, make what is missing; labs and test runs beside us
# wait for the one that does.
ensure_image()
{
	find_kernel "$1"
	name_image
	if [[ -e $IMAGE/root.img ]]; then
		touch -c "$IMAGE" "$BASE"
		return 0
	fi
	mkdir -p "$CACHE"
	(
		flock 9
		trap 'rm -rf "$IMAGE.tmp" "$BASE.tmp"' EXIT
		[[ -e $BASE ]] || build_base
		[[ -e $IMAGE/root.img ]] || build_image "$1"
		prune_images
	) 9>"$CACHE/image.lock" || exit "$EX_LAB"
}

# make_images HOST…: set $IMAGES[HOST], with what that needs on this machine.
declare -A IMAGES=()
make_images()
{
	local host kernel
	local -A wanted=()

	for host; do
		kernel=$(wanted_kernel "$host")
		wanted[$kernel]+=" $host"
	done
	install_machine_packages "${!wanted[@]}"
	for kernel in "${!wanted[@]}"; do
		ensure_image "$kernel"
		for host in ${wanted[$kernel]}; do
			IMAGES[$host]=$IMAGE
		done
	done
}
