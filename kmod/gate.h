/* SPDX-License-Identifier: GPL-2.0 */
/* Sockets on which every operation waits until their connection is there. */
#ifndef TERN_GATE_H
#define TERN_GATE_H

#include <linux/net.h>

struct proto_accept_arg;

/* as accept of struct proto_ops is since 6.10 */
int tern_gate_accept(struct socket *sock, struct socket *new, struct proto_accept_arg *arg);

int tern_gate_shut(struct socket *sock);
void tern_gate_open(struct socket *sock);
bool tern_gate_is_shut(const struct socket *sock);
const struct proto_ops *tern_gate_real(const struct socket *sock);

#endif /* TERN_GATE_H */
