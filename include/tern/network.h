/* SPDX-License-Identifier: GPL-2.0 */
/*
 * File systems on which two hosts may see one inode, by statfs(2) f_type: the kernel
 * module and the daemon must not differ in this.
 */
#ifndef _TERN_NETWORK_H
#define _TERN_NETWORK_H

#include <linux/magic.h>

#define TERN_GFS2_MAGIC		0x01161970	/* linux/gfs2_ondisk.h, which is not for everybody */
#define TERN_LUSTRE_MAGIC	0x0bd00bd0	/* these two are not part of the kernel */
#define TERN_GPFS_MAGIC		0x47504653

#define TERN_NETWORK_MAGICS \
	NFS_SUPER_MAGIC, CIFS_SUPER_MAGIC, SMB2_SUPER_MAGIC, \
	V9FS_MAGIC, FUSE_SUPER_MAGIC, CEPH_SUPER_MAGIC, AFS_FS_MAGIC, \
	CODA_SUPER_MAGIC, OCFS2_SUPER_MAGIC, TERN_GFS2_MAGIC, TERN_LUSTRE_MAGIC, \
	TERN_GPFS_MAGIC

#endif /* _TERN_NETWORK_H */
