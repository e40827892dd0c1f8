# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Hardware virtualisation where a stock kernel boots with it, emulation elsewhere.
# /dev/kvm alone proves nothing (nested, restricted or half-finished KVM), so a
# kernel is booted once per machine, kernel and QEMU, and the answer kept.

# probe_kvm IMAGE
probe_kvm()
{
	local image=$1 out accel

	[[ -r /dev/kvm && -w /dev/kvm ]] || return 1
	read -ra accel < <(accel_options kvm)
	out=$(timeout -k 5 20 qemu-system-x86_64 "${accel[@]}" -machine pc,usb=off \
		-m 256M -nodefaults -no-user-config -display none -no-reboot \
		-kernel "$image/vmlinuz" -initrd "$image/initrd" \
		-append "console=ttyS0,115200 quiet labprobe=yes" \
		-serial stdio </dev/null 2>&1 8>&-) || true
	[[ $out == *"lab: probe: boots"* ]]
}

# image_accel IMAGE: kvm or tcg
image_accel()
{
	local image=$1 key file accel=tcg

	key=$({
		uname -r
		grep -m 1 'model name' /proc/cpuinfo
		qemu-system-x86_64 --version
		basename "$image"
		ls /dev/kvm
	} 2>/dev/null | sha256sum)
	file=$CACHE/accel-${key:0:16}
	if [[ ! -s $file ]]; then
		! probe_kvm "$image" || accel=kvm
		echo "$accel" >"$file.$$"
		mv "$file.$$" "$file"
	fi
	cat "$file"
}

# choose_accel IMAGE…: set $ACCEL, to kvm if all of them boot with it, else tcg:
# hosts with different processors would be of little use to each other.
choose_accel()
{
	local image

	ACCEL=${TERN_LAB_ACCEL:-auto}
	case $ACCEL in
	kvm | tcg) return 0 ;;
	auto) ;;
	*) die "TERN_LAB_ACCEL='$ACCEL': kvm, tcg or auto" ;;
	esac

	ACCEL=kvm
	while read -r image; do
		[[ $(image_accel "$image") == kvm ]] || ACCEL=tcg
	done < <(printf '%s\n' "$@" | sort -u)
}
