/* SPDX-License-Identifier: GPL-2.0 */
/* Sockets that no descriptor leads to: the kernel has them among all its connections. */
#ifndef TERN_EHASH_H
#define TERN_EHASH_H

#include <linux/types.h>

struct net;
struct sock;

/**
 * struct tern_socks - some sockets
 * @sk: each is held
 * @nr: how many
 * @max: how many there is room for
 */
struct tern_socks {
	struct sock **sk;
	unsigned int nr;
	unsigned int max;
};

int tern_socks_init(struct tern_socks *socks, unsigned int max);
int tern_socks_add(struct tern_socks *socks, struct sock *sk);
void tern_socks_fini(struct tern_socks *socks);
int tern_ehash_find(struct tern_socks *socks, const struct net *net,
		    bool (*wanted)(struct sock *sk, const void *arg), const void *arg);

#endif /* TERN_EHASH_H */
