// SPDX-License-Identifier: GPL-2.0
/*
 * Pseudo-terminals whose both ends move: TERMINAL, with what is under way in either
 * direction. Who has the master saves and loads all of it; of the slave there is nothing but
 * its number to know. See pty(7), ioctl_tty(2).
 *
 * What waits to be read is private to the line discipline, which gives it away only when it
 * is read. So it is read, and put back at once, while nobody runs who could look.
 */
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/major.h>
#include <linux/pid_namespace.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/tty.h>
#include <linux/tty_flip.h>
#include <linux/tty_ldisc.h>

#include "desc.h"
#include "migration.h"
#include "pod.h"
#include "sighand.h"
#include "terminal.h"
#include "tree.h"
#include "unit.h"

#define PIECE	4096	/* what a line discipline takes at once */

/** tern_is_terminal() - is it an end of a pseudo-terminal, or /dev/tty? */
bool tern_is_terminal(const struct file *file)
{
	const struct inode *inode = file_inode(file);

	return imajor(inode) == TTYAUX_MAJOR ||
	       (imajor(inode) >= UNIX98_PTY_SLAVE_MAJOR &&
		imajor(inode) < UNIX98_PTY_SLAVE_MAJOR + UNIX98_PTY_MAJOR_COUNT);
}

/* The pseudo-terminal's end that @file is, NULL: none. */
static struct tty_struct *tty_of(struct file *file)
{
	struct tty_file_private *private = file->private_data;
	struct tty_struct *tty = tern_is_terminal(file) && !tty_hung_up_p(file) && private ?
				 private->tty : NULL;

	return tty && tty->driver->type == TTY_DRIVER_TYPE_PTY && tty->link ? tty : NULL;
}

static bool is_master(const struct tty_struct *tty)
{
	return tty->driver->subtype == PTY_TYPE_MASTER;
}

/* Open files of @tty that the tree has; the first entry of one in @first. */
static int count_files(const struct tern_table *table, const struct tty_struct *tty,
		       const struct tern_entry **first)
{
	unsigned int i;
	int nr = 0;

	*first = NULL;
	for (i = 0; i < table->nr_tree; i++) {
		const struct tern_entry *entry = &table->all[i];

		if (entry->same != entry || tty_of(entry->file) != tty)
			continue;
		nr++;
		*first = *first ?: entry;
	}
	return nr;
}

/* Of a group all of whose processes have ended nothing is left but its number. */
static struct pid *group_of(const struct tty_struct *slave)
{
	struct pid *group = slave->ctrl.pgrp;

	return group && pid_task(group, PIDTYPE_PGID) ? group : NULL;
}

/* Its session, or the group in its foreground, whose leader may have ended. */
static bool is_of_tree(const struct tern_table *table, struct pid *pid, enum pid_type type)
{
	struct task_struct *task = pid ? pid_task(pid, type) : NULL;

	return !pid || (task && tern_tree_index(table->tree, task) < table->tree->nr);
}

static bool has_session_of_others(const struct tern_table *table, struct tty_struct *slave)
{
	unsigned long irq;
	bool others;

	rcu_read_lock();
	spin_lock_irqsave(&slave->ctrl.lock, irq);
	others = !is_of_tree(table, slave->ctrl.session, PIDTYPE_SID) ||
		 !is_of_tree(table, group_of(slave), PIDTYPE_PGID);
	spin_unlock_irqrestore(&slave->ctrl.lock, irq);
	rcu_read_unlock();
	return others;
}

static const char *terminal_refused(const struct tern_table *table,
				    const struct tern_entry *entry, struct tty_struct *tty)
{
	struct tty_struct *slave = is_master(tty) ? tty->link : tty;
	const struct tern_entry *master, *any;

	if (!count_files(table, slave->link, &master))
		return "a terminal";
	if (!entry->same->is_ours || !master->same->is_ours ||
	    /* the master counts as one (drivers/tty/pty.c) */
	    count_files(table, slave, &any) < slave->count - 1)
		return "a terminal that another process has open, too";
	if (master->member > entry->member)
		return "a terminal of a process that comes after it in its tree";
	if (slave->index >= TERN_TERMINALS_MAX)
		return "a terminal with a high number";
	if (slave->termios.c_line != N_TTY || tty->link->termios.c_line != N_TTY)
		return "a terminal with a line discipline of its own";
	if (has_session_of_others(table, slave))
		return "a terminal of a session that does not move";
	return NULL;
}

static u32 terminal_kind(const struct tern_table *table, const struct tern_entry *entry,
			 const char **what)
{
	struct tty_struct *tty = tty_of(entry->file);

	*what = tty ? terminal_refused(table, entry, tty) : "a terminal";
	return *what ? 0 : is_master(tty) ? TERN_DESC_MASTER : TERN_DESC_SLAVE;
}

/* ---- what is under way ------------------------------------------------------------- */

/* All that can be read from @tty now; 0 or negative errno. */
static int read_all(struct tty_struct *tty, struct file *file, struct tern_bytes *bytes)
{
	struct tty_ldisc *ld = tty_ldisc_ref_wait(tty);
	void *cookie;
	ssize_t n = 0;

	if (!ld)
		return -EIO;
	do {
		cookie = NULL;
		/* with a cookie it is in the middle, and has to be asked again */
		do {
			n = ld->ops->read(tty, file, bytes->data + bytes->len,
					  TERN_TERMINAL_BYTES - bytes->len, &cookie, 0);
			if (n > 0)
				bytes->len += n;
		} while (cookie);
	} while (n > 0 && bytes->len < TERN_TERMINAL_BYTES);
	tty_ldisc_deref(ld);
	return bytes->len < TERN_TERMINAL_BYTES ? 0 : -E2BIG;
}

/*
 * As if it had just come to @tty. What its line discipline does not take waits before it.
 * -ENOSPC: there is no room for so much, or no memory.
 */
static int put_all(struct tty_struct *tty, const struct tern_bytes *bytes)
{
	struct tty_ldisc *ld = tty_ldisc_ref_wait(tty);
	u32 done = 0;
	int n;

	tty_buffer_lock_exclusive(tty->port);
	while (ld && done < bytes->len) {
		n = tty_ldisc_receive_buf(ld, bytes->data + done, NULL,
					  min_t(u32, bytes->len - done, PIECE));
		if (n <= 0)
			break;
		done += n;
	}
	tty_buffer_unlock_exclusive(tty->port);
	if (done < bytes->len) {
		done += tty_insert_flip_string(tty->port, bytes->data + done, bytes->len - done);
		tty_flip_buffer_push(tty->port);
	}
	if (ld)
		tty_ldisc_deref(ld);
	return done < bytes->len ? -ENOSPC : 0;
}

/* To read what there is, in no lines, and not to wait for more. */
static struct ktermios for_reading(const struct ktermios *termios)
{
	struct ktermios new = *termios;

	new.c_lflag &= ~(ICANON | ISIG | ECHO | IEXTEN);
	new.c_cc[VMIN] = 0;
	new.c_cc[VTIME] = 0;
	return new;
}

/* To have what was read again as it was: in lines, if it was in lines, and nothing else. */
static struct ktermios for_writing(const struct ktermios *termios)
{
	struct ktermios new = *termios;

	new.c_iflag &= IUTF8;
	new.c_lflag &= ICANON;
	memset(new.c_cc, __DISABLED_CHAR, sizeof(new.c_cc));
	if (!(new.c_lflag & ICANON))
		new.c_cc[VMIN] = 1;
	return new;
}

static int put_input(struct tty_struct *slave, const struct ktermios *termios,
		     const struct tern_bytes *bytes)
{
	struct ktermios writing = for_writing(termios);

	if (!bytes->len)
		return 0;
	tty_set_termios(slave, &writing);
	return put_all(slave, bytes);
}

static int peek_input(struct tty_struct *slave, struct file *file, struct tern_bytes *bytes)
{
	struct ktermios was = slave->termios, reading = for_reading(&was);
	int err, other;

	tty_set_termios(slave, &reading);
	err = read_all(slave, file, bytes);
	other = put_input(slave, &was, bytes);
	tty_set_termios(slave, &was);
	return err ?: other;
}

/* The master's own settings are nobody's but ours. */
static int peek_output(struct tty_struct *master, struct file *file, struct tern_bytes *bytes)
{
	u8 min = master->termios.c_cc[VMIN];
	int err, other;

	master->termios.c_cc[VMIN] = 0;
	err = read_all(master, file, bytes);
	other = put_all(master, bytes);
	master->termios.c_cc[VMIN] = min;
	return err ?: other;
}

static void set_stopped(struct tty_struct *slave, bool stopped, bool halted)
{
	unsigned long irq;

	spin_lock_irqsave(&slave->flow.lock, irq);
	slave->flow.stopped = stopped;
	slave->flow.tco_stopped = halted;
	spin_unlock_irqrestore(&slave->flow.lock, irq);
}

/*
 * Both ways. Other settings would start what is stopped, and be told to the master in
 * packet mode, where it also reads other things.
 */
static int peek(struct tty_struct *master, struct file *file, struct tern_bytes *in,
		struct tern_bytes *out)
{
	struct tty_struct *slave = master->link;
	bool packet = master->ctrl.packet, stopped = slave->flow.stopped;
	int err;

	master->ctrl.packet = false;
	err = peek_input(slave, file, in);
	if (!err)
		err = peek_output(master, file, out);
	set_stopped(slave, stopped, slave->flow.tco_stopped);
	master->ctrl.packet = packet;
	return err;
}

/* ---- save ---------------------------------------------------------------------------- */

static void save_settings(struct tty_struct *slave, struct tern_obj_terminal *obj)
{
	const struct ktermios *termios = &slave->termios;
	unsigned long irq;

	obj->iflag = termios->c_iflag;
	obj->oflag = termios->c_oflag;
	obj->cflag = termios->c_cflag;
	obj->lflag = termios->c_lflag;
	obj->ispeed = termios->c_ispeed;
	obj->ospeed = termios->c_ospeed;
	BUILD_BUG_ON(sizeof(obj->cc) != sizeof(termios->c_cc));
	memcpy(obj->cc, termios->c_cc, sizeof(obj->cc));
	obj->rows = slave->winsize.ws_row;
	obj->columns = slave->winsize.ws_col;
	obj->width = slave->winsize.ws_xpixel;
	obj->height = slave->winsize.ws_ypixel;
	obj->flags = (test_bit(TTY_PTY_LOCK, &slave->flags) ? TERN_TERMINAL_LOCKED : 0) |
		     (test_bit(TTY_EXCLUSIVE, &slave->flags) ? TERN_TERMINAL_EXCLUSIVE : 0) |
		     (test_bit(TTY_OTHER_CLOSED, &slave->link->flags) ? TERN_TERMINAL_CLOSED : 0) |
		     (slave->link->ctrl.packet ? TERN_TERMINAL_PACKET : 0) |
		     (slave->flow.stopped ? TERN_TERMINAL_STOPPED : 0) |
		     (slave->flow.tco_stopped ? TERN_TERMINAL_HALTED : 0);
	rcu_read_lock();
	spin_lock_irqsave(&slave->ctrl.lock, irq);
	obj->session = tern_nr(slave->ctrl.session);
	obj->group = tern_nr(group_of(slave));
	spin_unlock_irqrestore(&slave->ctrl.lock, irq);
	rcu_read_unlock();
}

static int save_terminal(struct tern_saver *saver, struct tern_entry *entry,
			 struct tty_struct *master, struct tern_obj_terminal *obj)
{
	struct tern_bytes in = {}, out = {};
	int err = 0;

	in.data = kvmalloc(2 * TERN_TERMINAL_BYTES, GFP_KERNEL);
	if (!in.data)
		return -ENOMEM;
	out.data = in.data + TERN_TERMINAL_BYTES;
	if (!saver->table->draft)
		err = peek(master, entry->file, &in, &out);
	obj->input = in.len;
	obj->output = out.len;
	memmove(in.data + in.len, out.data, out.len);
	if (!err)
		tern_image_put(saver->image, TERN_OBJ_TERMINAL, obj, sizeof(*obj), in.data,
			       in.len + out.len);
	kvfree(in.data);
	return err;
}

static int terminal_save(struct tern_saver *saver, struct tern_entry *entry,
			 struct tern_obj_desc *obj)
{
	struct tty_struct *tty = tty_of(entry->file);
	struct tern_obj_terminal terminal = { .desc = obj->id, .fd = entry->fd };

	if (!tty)
		return -EAGAIN;
	/* of each number there is one, and /dev/tty is the same by another name */
	obj->dev = 0;
	obj->ino = tty->index;
	terminal.index = tty->index;
	if (!is_master(tty))
		return 0;
	save_settings(tty->link, &terminal);
	return save_terminal(saver, entry, tty, &terminal);
}

const struct tern_desc_family tern_desc_terminal = {
	.kind = terminal_kind,
	.save = terminal_save,
};

/* ---- load ---------------------------------------------------------------------------- */

/** tern_terminal_valid() - may LOAD take @obj? */
bool tern_terminal_valid(const struct tern_obj *head, const struct tern_obj_terminal *obj)
{
	return head->len >= sizeof(*head) + sizeof(*obj) &&
	       obj->input < TERN_TERMINAL_BYTES && obj->output < TERN_TERMINAL_BYTES &&
	       head->len == sizeof(*head) + sizeof(*obj) + obj->input + obj->output &&
	       obj->session >= 0 && obj->group >= 0 && obj->fd >= 0 &&
	       !(obj->flags & ~TERN_TERMINAL_FLAGS_ALL);
}

static void load_settings(struct tty_struct *slave, const struct tern_obj_terminal *obj)
{
	struct ktermios termios = slave->termios;

	termios.c_iflag = obj->iflag;
	termios.c_oflag = obj->oflag;
	termios.c_cflag = obj->cflag;
	termios.c_lflag = obj->lflag;
	termios.c_ispeed = obj->ispeed;
	termios.c_ospeed = obj->ospeed;
	memcpy(termios.c_cc, obj->cc, sizeof(termios.c_cc));
	tty_set_termios(slave, &termios);
	mutex_lock(&slave->winsize_mutex);
	slave->winsize = (struct winsize) {
		.ws_row = obj->rows, .ws_col = obj->columns,
		.ws_xpixel = obj->width, .ws_ypixel = obj->height,
	};
	slave->link->winsize = slave->winsize;
	mutex_unlock(&slave->winsize_mutex);
	assign_bit(TTY_PTY_LOCK, &slave->flags, obj->flags & TERN_TERMINAL_LOCKED);
	assign_bit(TTY_OTHER_CLOSED, &slave->link->flags, obj->flags & TERN_TERMINAL_CLOSED);
	assign_bit(TTY_EXCLUSIVE, &slave->flags, obj->flags & TERN_TERMINAL_EXCLUSIVE);
	slave->link->ctrl.packet = obj->flags & TERN_TERMINAL_PACKET;
	set_stopped(slave, obj->flags & TERN_TERMINAL_STOPPED, obj->flags & TERN_TERMINAL_HALTED);
}

/* The processes of a session have its terminal, from their birth on; these here do so now. */
static void give_session(struct tty_struct *slave, struct pid *session)
{
	struct task_struct *task;

	rcu_read_lock();
	do_each_pid_task(session, PIDTYPE_SID, task) {
		unsigned long irq;
		struct sighand_struct *sighand = tern_lock_sighand(task, &irq);

		/* one that has ended has dropped its terminal, and would keep this one */
		if (!sighand)
			continue;
		if (!task->signal->tty)
			task->signal->tty = tty_kref_get(slave);
		tern_unlock_sighand(sighand, irq);
	} while_each_pid_task(session, PIDTYPE_SID, task);
	rcu_read_unlock();
}

static int load_session(struct tern_migration *m, struct tty_struct *slave,
			const struct tern_obj_terminal *obj)
{
	struct pid *session = tern_unit_pid(m, obj->session, PIDTYPE_SID);
	struct pid *group = tern_unit_pid(m, obj->group, PIDTYPE_PGID);
	unsigned long irq;

	if ((obj->session && !session) || (obj->group && !group)) {
		put_pid(session);
		put_pid(group);
		return -ESRCH;
	}
	if (session)
		give_session(slave, session);
	spin_lock_irqsave(&slave->ctrl.lock, irq);
	swap(slave->ctrl.session, session);
	swap(slave->ctrl.pgrp, group);
	spin_unlock_irqrestore(&slave->ctrl.lock, irq);
	put_pid(session);
	put_pid(group);
	return 0;
}

/**
 * tern_terminal_load() - let the terminal that a shell has made be what it was
 * @m: its migration, with its lock held
 * @leader: the shell, whose threads wait
 * @obj: accepted by tern_terminal_valid()
 *
 * The sessions and groups of a tree are made when its shells are born.
 * -ENOTTY: its descriptor is no master; -ESRCH: of a session that is none of the tree.
 */
int tern_terminal_load(struct tern_migration *m, struct task_struct *leader,
		       const struct tern_obj_terminal *obj)
{
	struct tern_bytes in = { (u8 *)(obj + 1), obj->input };
	struct tern_bytes out = { (u8 *)(obj + 1) + obj->input, obj->output };
	struct file *file = tern_table_file(leader, obj->fd);
	struct tty_struct *master = file ? tty_of(file) : NULL;
	struct ktermios wanted;
	int err;

	if (!master || !is_master(master)) {
		if (file)
			fput(file);
		return -ENOTTY;
	}
	wanted = master->link->termios;
	wanted.c_lflag = obj->lflag;
	wanted.c_iflag = obj->iflag;
	err = put_input(master->link, &wanted, &in);
	if (!err)
		err = put_all(master, &out);
	load_settings(master->link, obj);
	if (!err)
		err = load_session(m, master->link, obj);
	fput(file);
	return err;
}
