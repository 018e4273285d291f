/* A forked child must neither write into its parent's pool nor keep its hooks. */
#ifndef SCOPE_RECORDER_FORK_H
#define SCOPE_RECORDER_FORK_H

int scope_fork_watch(void);
void scope_fork_close_in_child(int fd);
void scope_fork_clean_up(void);

#endif
