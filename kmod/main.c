// SPDX-License-Identifier: GPL-2.0
/*
 * tern.ko: freeze-free process migration. The table of contents:
 *
 *   host.c       a network namespace and its daemon
 *   migration.c  one half of a migration: lifetime, references, states
 *   dev.c        /dev/tern
 *   netlink.c    generic netlink family "tern"
 *   park.c       stopping threads, letting them go on, ending them
 *   capture.c    check, and the image of a parked process
 *   become.c     a shell's threads turn into the migrant's
 *   restart.c    calls that the kernel restarts
 *   image.c      framing of objects
 *   obj_*.c      one kind of object each
 *   memory.c     pages of a parked address space
 *   keep.c       files and layout events that outlive the daemon
 *   hold.c       frames that come to a pod while it is nowhere
 *   gate.c       operations on a socket wait
 *   late.c       until its connection has come
 *   handover.c   which the source keeps until then
 *   arch/        registers
 */
#include <linux/module.h>
#include <linux/rcupdate.h>

#include "dev.h"
#include "hold.h"
#include "host.h"
#include "netlink.h"

static int __init tern_init(void)
{
	int err;

	err = tern_hold_init();
	if (err)
		return err;
	err = tern_host_init();
	if (err)
		goto err_hold;
	err = tern_netlink_init();
	if (err)
		goto err_host;
	err = tern_dev_init();
	if (err)
		goto err_netlink;
	return 0;

err_netlink:
	tern_netlink_exit();
err_host:
	tern_host_exit();
err_hold:
	tern_hold_exit();
	return err;
}

static void __exit tern_exit(void)
{
	tern_dev_exit();
	tern_netlink_exit();
	tern_host_exit();
	tern_hold_exit();
	/*
	 * A thread that has just given its module reference back may still be
	 * in the last instructions of its task work, or of a work item; it
	 * leaves them before it is seen in user mode or asleep.
	 */
	synchronize_rcu_tasks();
}

module_init(tern_init);
module_exit(tern_exit);

MODULE_DESCRIPTION("Freeze-free process migration");
MODULE_AUTHOR("The Tern authors");
MODULE_LICENSE("GPL");
