# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Hardware virtualisation where a stock kernel boots with it, emulation elsewhere.
# /dev/kvm alone proves nothing (nested, restricted or half-finished KVM), so a
# kernel is booted once per machine, kernel and QEMU, and the answer kept.

probe_kvm()
{
	local out accel

	[[ -r /dev/kvm && -w /dev/kvm ]] || return 1
	read -ra accel < <(accel_options kvm)
	out=$(timeout -k 5 20 qemu-system-x86_64 "${accel[@]}" -machine pc,usb=off \
		-m 256M -nodefaults -no-user-config -display none -no-reboot \
		-kernel "$IMAGE/vmlinuz" -initrd "$IMAGE/initrd" \
		-append "console=ttyS0,115200 quiet labprobe=yes" \
		-serial stdio </dev/null 2>&1 8>&-) || true
	[[ $out == *"lab: probe: boots"* ]]
}

# Set $ACCEL: kvm or tcg.
choose_accel()
{
	local key file

	ACCEL=${TERN_LAB_ACCEL:-auto}
	case $ACCEL in
	kvm | tcg) return 0 ;;
	auto) ;;
	*) die "TERN_LAB_ACCEL='$ACCEL': kvm, tcg or auto" ;;
	esac

	key=$({
		uname -r
		grep -m 1 'model name' /proc/cpuinfo
		qemu-system-x86_64 --version
		basename "$IMAGE"
		ls /dev/kvm
	} 2>/dev/null | sha256sum)
	file=$CACHE/accel-${key:0:16}
	if [[ ! -s $file ]]; then
		ACCEL=tcg
		! probe_kvm || ACCEL=kvm
		echo "$ACCEL" >"$file.$$"
		mv "$file.$$" "$file"
	fi
	ACCEL=$(<"$file")
}
