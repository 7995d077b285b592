# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# To be sourced: how Xen and the guest are booted under QEMU, and how the console is judged.
# From the environment: O (build folder), QEMU, XEN (the user's own; empty: Debian's), SLOW (factor
# on every deadline, for a slow machine).

O=${O:-build}
QEMU=${QEMU:-qemu-system-x86_64}
SLOW=${SLOW:-1}
guest=$O/guest.elf
xen=$O/xen/debian
[ -z "${XEN:-}" ] || xen=$O/xen/given

# boot_ready: are the parts there? One line says what is not.
boot_ready()
{
	local part

	for part in "$xen" "$guest"; do
		[ -e "$part" ] || { echo "boot: no $part (make setup guest)" >&2; return 1; }
	done
	command -v "$QEMU" >/dev/null || { echo "boot: no QEMU ($QEMU)" >&2; return 1; }
}

# boot_qemu SECONDS MEM CPUS XEN-ARGS GUEST-ARGS QEMU-ARG...: console on standard output; the
# status is QEMU's, or 124 when time was up. `-cpu max` without smap: with it PV guests crash
# under QEMU 7.2's TCG. A comma parts two modules, so those in the guest's words are doubled.
boot_qemu()
{
	local seconds=$1 mem=$2 cpus=$3 xen_args=$4 guest_args=$5
	shift 5

	timeout --foreground --kill-after=5 $((seconds * SLOW)) "$QEMU" \
		-accel tcg,thread=multi -cpu max,-smap -M q35 -m "$mem" -smp "$cpus" \
		-nodefaults -vga std -display none -serial stdio -no-reboot "$@" \
		-kernel "$xen" -initrd "$guest ${guest_args//,/,,}" \
		-append "com1=115200,8n1 console=com1 loglvl=all guest_loglvl=all bootscrub=0 $xen_args" \
		</dev/null 2>&1
}

# boot_judge STATUS LOG: prints why the run counts as failed; nothing when it does not. The counts
# themselves are for the caller to read (tally_of).
boot_judge()
{
	local status=$1 log=$2 crash

	crash=$(tr -d '\r' <"$log" | grep -m 1 -E "$crash_marks")
	if [ -n "$crash" ]; then
		echo "crash: $crash"
	elif [ "$status" -eq 124 ] || [ "$status" -eq 137 ]; then
		echo "hang: killed when time was up, last line: $(last_line "$log")"
	elif [ "$status" -ne 0 ]; then
		echo "QEMU ended with status $status: $(last_line "$log")"
	elif ! tally_of "$log" >/dev/null; then
		echo "no verdict, last line: $(last_line "$log")"
	fi
}

# What a hypervisor or guest prints when it goes down.
crash_marks='Panic on CPU|Xen BUG at|Xen call trace|FATAL (TRAP|PAGE FAULT)|domain_crash called|crashed on cpu'
crash_marks+='|^\*\*\* xendma guest crash'

last_line()
{
	tr -d '\r' <"$1" | grep -v '^$' | tail -n 1
}

# nvme_disk ID FILE [WHERE [FAULT]]: QEMU arguments for an NVMe disk with serial ID, at address or bus
# WHERE, in the array qemu_disk. FAULT is `read` or `write`: these requests fail.
nvme_disk()
{
	local file="driver=file,filename=$2"

	if [ -n "${4:-}" ]; then
		file="driver=blkdebug,image.driver=file,image.filename=$2"
		file+=",inject-error.0.event=none,inject-error.0.errno=5,inject-error.0.iotype=$4"
	fi
	# shellcheck disable=SC2034 # for the caller
	qemu_disk=(-blockdev "node-name=$1,driver=raw,file.${file//,/,file.}"
		-device "nvme,drive=$1,serial=$1${3:+,$3}")
}
