/* A forked child must neither write into its parent's pool nor keep anything of ours. */
#ifndef SCOPE_RECORDER_FORK_H
#define SCOPE_RECORDER_FORK_H

int scope_fork_watch(void);
void scope_fork_wrap(void);
void scope_fork_restore(void);
void scope_fork_clean_up(void);

#endif
