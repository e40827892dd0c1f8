/* SPDX-License-Identifier: GPL-2.0 */
/* Threads of a shell that turn into the migrant's. */
#ifndef TERN_BECOME_H
#define TERN_BECOME_H

struct tern_become;
struct tern_handle;
struct tern_image_io;
struct tern_migration;
struct tern_shell;
struct tern_went;
struct tern_why;

int tern_become_join(struct tern_handle *handle, const struct tern_shell *shell);
int tern_become(struct tern_handle *handle, const struct tern_become *become);
int tern_become_load(struct tern_migration *m, struct tern_image_io *io,
		     struct tern_why *why);
int tern_become_resume(struct tern_migration *m);
int tern_become_went(struct tern_migration *m, struct tern_went *arg);
void tern_become_end(struct tern_migration *m);

#endif /* TERN_BECOME_H */
