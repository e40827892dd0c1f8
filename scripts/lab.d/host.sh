# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# One host is one QEMU process. Its files in $STATE: NAME.pid, NAME.serial (the
# kernel's log), NAME.qmp (QEMU's control socket), NAME.ssh (see channel.sh),
# NAME.image (the directory that it boots from), NAME.kernel (if told its own).

process_gone()
{
	[[ ! -e /proc/$1 ]]
}

# The pid of $1's QEMU; fails if there is none. A stale file may name a pid that
# is somebody else's by now, so look at what runs there.
host_pid()
{
	local pid cmdline

	pid=$(cat "$STATE/$1.pid" 2>/dev/null) || return 1
	[[ -n $pid && -r /proc/$pid/cmdline ]] || return 1
	cmdline=$(tr '\0' ' ' <"/proc/$pid/cmdline")
	[[ $cmdline == *"$STATE/$1.pid"* ]] || return 1
	echo "$pid"
}

# Its processors are halted, but QEMU is there. Serial logs go on over boots.
host_panicked()
{
	tail -c "+$(($(cat "$STATE/$1.boot" 2>/dev/null || echo 0) + 1))" "$STATE/$1.serial" 2>/dev/null |
		grep -aqF 'Kernel panic - not syncing'
}

lab_hosts()
{
	cat "$STATE/hosts" 2>/dev/null || true
}

host_image()
{
	cat "$STATE/$1.image"
}

need_host()
{
	[[ -d $STATE ]] || die "lab '$LAB' is down; start it with: scripts/lab up"
	[[ " $(lab_hosts | tr '\n' ' ') " == *" $1 "* ]] ||
		die "no host '$1' in lab '$LAB' (hosts: $(lab_hosts | paste -sd' '))"
}

need_running()
{
	need_host "$1"
	host_pid "$1" >/dev/null || die "host $1 is off; start it with: scripts/lab power-on $1"
	! host_panicked "$1" || die "host $1 has panicked (scripts/lab log $1); scripts/lab up boots it again"
}

# What QEMU 7.2 does not emulate well: with la57 and cx16 stock kernels crash at
# random, with avx2 programs do, or go on with wrong numbers.
TCG_CPU=max,-la57,-cx16,-avx2

accel_options()
{
	if [[ $1 == kvm ]]; then
		echo "-accel kvm -smp 2 -cpu host"
	elif [[ $1 == icount ]]; then
		# Virtual time counts instructions, 1 ns each; there can be one
		# processor only. Of a string instruction each element is one, and with
		# erms kernels copy and clear by bytes.
		echo "-accel tcg,thread=single,tb-size=256 -smp 1 -icount shift=0 -cpu $TCG_CPU,-erms"
	else
		echo "-accel tcg,thread=multi,tb-size=256 -smp 2 -cpu $TCG_CPU"
	fi
}

# An emulated processor's time stamp counter is the machine's own, but a busy machine has let
# kernels find it four times slower than it is: their clocks ran away. So they are told.
tsc_option()
{
	local file

	[[ $1 == tcg ]] || return 0
	file=$CACHE/tsc-$(tr -d - </proc/sys/kernel/random/boot_id)
	if [[ ! -s $file ]]; then
		cc -O2 -o "$file.$$.run" "$LAB_DIR/tsc_khz.c" &&
			"$file.$$.run" >"$file.$$" && mv "$file.$$" "$file"
		rm -f "$file.$$.run"
	fi
	[[ ! -s $file ]] || echo "tsc_early_khz=$(<"$file")"
}

start_host()
{
	local host=$1 number mem=${TERN_LAB_MEM:-2560M} disk=$DISKS/$1.qcow2 how=${ACCEL:?} accel
	local image

	! host_panicked "$host" || stop_host "$host"
	host_pid "$host" >/dev/null && return 0
	rm -f "$STATE/$host."{pid,qmp}
	stat -c %s "$STATE/$host.serial" 2>/dev/null >"$STATE/$host.boot" || echo 0 >"$STATE/$host.boot"
	number=$(host_number "$host")
	image=$(host_image "$host")
	[[ -z ${TERN_LAB_ICOUNT:-} ]] || how=icount
	# the file server serves: nobody measures time in it
	[[ $host != fs ]] || mem=512M how=$ACCEL

	# The power cut kills QEMU, not the machine: what the guest flushed is in
	# the page cache then, so cache=unsafe keeps a real disk's promises.
	[[ -e $disk ]] || qemu-img create -q -f qcow2 -F raw -b "$image/root.img" "$disk"
	make_taps "$host"
	read -ra accel < <(accel_options "$how")
	in_netns qemu-system-x86_64 -name "tern-$LAB-$host" \
		"${accel[@]}" -machine pc,usb=off -m "$mem" \
		-nodefaults -no-user-config -display none -no-reboot \
		-kernel "${TERN_LAB_BZIMAGE:-$image/vmlinuz}" -initrd "$image/initrd" \
		-append "console=ttyS0,115200 loglevel=5 mitigations=off tsc=reliable clocksource=tsc net.ifnames=0 rcupdate.rcu_cpu_stall_timeout=60 lab.host=$host lab.number=$number lab.nfs=$NFS_OPTIONS $(tsc_option "$how") ${TERN_LAB_APPEND:-}" \
		-chardev "file,id=serial,path=$STATE/$host.serial,append=on" -serial chardev:serial \
		-qmp "unix:$STATE/$host.qmp,server=on,wait=off" \
		-drive "file=$disk,if=none,id=disk,format=qcow2,cache=unsafe,discard=unmap" \
		-device virtio-blk-pci,drive=disk,addr=0x3 \
		-netdev "tap,id=data,ifname=$host-data,script=no,downscript=no" \
		-device "virtio-net-pci,netdev=data,mac=52:54:00:77:00:$number,romfile=,addr=0x4" \
		-netdev "tap,id=ctl,ifname=$host-ctl,script=no,downscript=no" \
		-device "virtio-net-pci,netdev=ctl,mac=52:54:00:78:00:$number,romfile=,addr=0x5" \
		-device virtio-rng-pci,addr=0x6 \
		-pidfile "$STATE/$host.pid" -daemonize 8>&- ||
		die "QEMU does not start host $host"
}

# A power cut: nothing in the guest gets to say goodbye.
stop_host()
{
	local host=$1 pid

	close_channel "$host"
	if pid=$(host_pid "$host"); then
		kill -KILL "$pid"
		wait_for 10 process_gone "$pid" || die "QEMU of $host (pid $pid) does not go away"
	fi
	rm -f "$STATE/$host."{pid,qmp}
}
